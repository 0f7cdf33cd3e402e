"""The covariance of what was decided, as what a thousand diverse decisions tell of all.

K is taken to be L L^T + D: a Cholesky factorisation that stops after some pivots, each the decision of which the ones
before tell least, and the variance that it leaves to every single decision. These are the inducing points of a sparse
Gaussian process with independent rests (FITC: Snelson and Ghahramani 2006). With a pivot for every decision, D is zero
and nothing is approximate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy
from scipy.linalg import cho_solve, solve_triangular

from ..influence.linear_algebra import cholesky

NEGLIGIBLE = 1e-9  # of the largest variance: a decision of which no more is left is told by others
Columns = Callable[[numpy.ndarray], numpy.ndarray]


@dataclass(frozen=True)
class DecidedKernel:
    """L L^T + D.

    factor (float64, n x r): L. rest (float64, n): diagonal of D. chosen (int64, r): the pivots.
    """

    factor: numpy.ndarray
    rest: numpy.ndarray
    chosen: numpy.ndarray

    @classmethod
    def of(cls, columns: Columns, variances: numpy.ndarray, most: int) -> DecidedKernel:
        """Choose up to so many pivots.

        columns (callable): returns the covariances of all decisions with some (ints) (float64, n x some).
        variances (float64, n): of each decision.
        """
        size = min(most, len(variances))
        factor, rest = numpy.zeros((len(variances), size), order="F"), variances.copy()
        chosen: list[int] = []
        for step in range(size):
            pivot = int(rest.argmax())
            if rest[pivot] <= NEGLIGIBLE * variances.max():
                break
            left = columns(numpy.array([pivot]))[:, 0] - factor[:, :step] @ factor[pivot, :step]
            factor[:, step] = left / numpy.sqrt(rest[pivot])
            factor[chosen, step] = 0.0
            rest = numpy.maximum(rest - factor[:, step] ** 2, 0.0)
            chosen.append(pivot)
            rest[chosen] = 0.0
        return cls(factor[:, : len(chosen)], rest, numpy.array(chosen, dtype=numpy.int64))

    def __matmul__(self, vector: numpy.ndarray) -> numpy.ndarray:
        """Return K v (float64, n)."""
        return self.factor @ (vector @ self.factor) + self.rest * vector

    def solve(self, curvature: numpy.ndarray, vector: numpy.ndarray) -> numpy.ndarray:
        """Return (I + W K)^-1 v (float64, n). curvature (float64, n): diagonal of W, positive."""
        scaled = curvature / (1.0 + curvature * self.rest)  # (W^-1 + D)^-1
        root = numpy.sqrt(scaled)[:, None] * self.factor
        inner = root.T @ root
        inner[numpy.diag_indices_from(inner)] += 1.0
        vector = vector / (1.0 + curvature * self.rest)
        found = cho_solve((cholesky(inner), True), vector @ self.factor)
        return vector - scaled * (self.factor @ found)

    def inducing_weights(self, weights: numpy.ndarray) -> numpy.ndarray:
        """Return the weights of the covariances with the pivots (float64, r) that predict what these of all (float64,
        n) do."""
        corner = self.factor[self.chosen]
        return solve_triangular(corner, weights @ self.factor, lower=True, trans="T")

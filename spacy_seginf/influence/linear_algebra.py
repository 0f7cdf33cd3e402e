"""Factorisations that do not give up where one LAPACK routine does: on some processors one fails on harmless matrices.

A second routine, of another algorithm, takes over; nothing is added to a matrix. What neither can do is an error with a
code. Where a bound is enough, one is proven.
"""

from __future__ import annotations

from typing import Callable, TypeVar

import numpy
import scipy.linalg
from scipy.linalg.lapack import dpotrf, dpotri

from ..errors import Errors, SeginfError

MARGIN = 1.001  # by which the bound on an eigenvalue is first tried to exceed its estimate
GROWTH = 1.01  # of a bound that did not hold
POWER_STEPS = 200
SETTLED = 1e-5  # relative growth of an estimate in a step that is too little to go on
Result = TypeVar("Result")


def eigenvalues(matrices: numpy.ndarray) -> numpy.ndarray:
    """Return the eigenvalues of symmetric matrices, smallest first (float64, ... x n).

    matrices (float64, ... x n x n). RAISES (ValueError): S209 if no routine finds them.
    """
    return first_that_works(
        lambda: numpy.linalg.eigvalsh(matrices),
        lambda: _each(matrices, lambda one: scipy.linalg.eigh(one, eigvals_only=True, driver="ev")),
        what="the eigenvalues of a matrix",
    )


def decompose(matrix: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return eigenvalues (float64, n), smallest first, and eigenvectors in columns of a symmetric matrix (n x n).

    RAISES (ValueError): S209 if no routine finds them.
    """

    def checked(values: numpy.ndarray, vectors: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        if not (numpy.isfinite(values).all() and numpy.isfinite(vectors).all()):
            raise numpy.linalg.LinAlgError
        return values, vectors

    return first_that_works(
        lambda: checked(*numpy.linalg.eigh(matrix)),
        lambda: checked(*scipy.linalg.eigh(matrix, driver="ev")),
        what="the eigenvectors of a matrix",
    )


def unit_vectors(vectors: numpy.ndarray) -> numpy.ndarray:
    """Scale rows (floats, n x d) to length 1; those of zeros stay."""
    lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / numpy.maximum(lengths, numpy.finfo(lengths.dtype).tiny)


def solve(matrices: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
    """Solve matrices (float64, ... x n x n) times x = right (... x n x m). RAISES (ValueError): S209 if one is
    singular."""
    return first_that_works(
        lambda: numpy.linalg.solve(matrices, right),
        lambda: _each_pair(matrices, right, _by_qr),
        what="the solution of linear equations",
    )


def cholesky(matrix: numpy.ndarray) -> numpy.ndarray:
    """Return the factor L of a symmetric matrix L L^T (float64, n x n), of which only the lower triangle counts.

    RAISES (ValueError): S051 if it is not positive definite.
    """
    factor, failed = dpotrf(matrix, lower=True)
    # A routine that fails for other reasons is caught by the second one, which works in blocks of another size.
    if failed:
        try:
            factor = numpy.linalg.cholesky(matrix)
        except numpy.linalg.LinAlgError:
            raise SeginfError(Errors.S051) from None
    if not numpy.isfinite(numpy.diagonal(factor)).all():
        raise SeginfError(Errors.S051)
    return factor


def is_positive(matrix: numpy.ndarray) -> bool:
    """Is a symmetric matrix (float64, n x n) positive definite?"""
    try:
        cholesky(matrix)
    except ValueError:
        return False
    return True


def invert(matrix: numpy.ndarray) -> numpy.ndarray:
    """Invert a symmetric positive definite matrix (float64, n x n). RAISES (ValueError): S051 if it is not."""
    if not len(matrix):
        return matrix
    factor = cholesky(matrix)
    inverse, failed = dpotri(factor, lower=True)
    if failed or not numpy.isfinite(numpy.diagonal(inverse)).all():
        factor = numpy.tril(factor)
        inverse = scipy.linalg.cho_solve((factor, True), numpy.eye(len(matrix)), check_finite=False)
    inverse = numpy.tril(inverse)
    return inverse + numpy.tril(inverse, -1).T


def largest_eigenvalue_bound(matrix: numpy.ndarray) -> float:
    """Bound the largest eigenvalue of a symmetric positive semidefinite matrix (float64, n x n) from above, closely.

    b is a bound if and only if b - matrix has a Cholesky factor. The first one tried is an estimate from below with a
    margin; norms of the matrix are bounds in any case.
    """
    if not len(matrix):
        return 0.0
    sizes = numpy.abs(matrix)
    limit = min(
        float(sizes.sum(axis=1).max()), float(numpy.linalg.norm(matrix)), float(numpy.trace(matrix) * (1 + 1e-12))
    )
    bound = MARGIN * _power_iteration(matrix)
    while bound < limit:
        shifted = -matrix
        shifted[numpy.diag_indices_from(shifted)] += bound
        if is_positive(shifted):
            return bound
        bound *= GROWTH
    return limit


def _power_iteration(matrix: numpy.ndarray) -> float:
    """Estimate the largest eigenvalue of a positive semidefinite matrix from below."""
    vectors = numpy.random.default_rng(0).normal(size=(len(matrix), 4))
    vectors[:, 0] = matrix[:, int(numpy.argmax(numpy.diagonal(matrix)))]
    found = 0.0
    for _ in range(POWER_STEPS):
        lengths = numpy.linalg.norm(vectors, axis=0)
        if not lengths.all():
            break
        vectors /= lengths
        images = matrix @ vectors
        estimate = float(numpy.einsum("nv,nv->v", vectors, images).max())
        if estimate <= found * (1 + SETTLED):
            return max(estimate, found)
        found, vectors = estimate, images
    return found


def _by_qr(matrix: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
    orthogonal, upper = scipy.linalg.qr(matrix, check_finite=False)
    return scipy.linalg.solve_triangular(upper, orthogonal.T @ right, check_finite=False)


def _each(matrices: numpy.ndarray, routine: Callable[[numpy.ndarray], numpy.ndarray]) -> numpy.ndarray:
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    return numpy.array([routine(one) for one in flat]).reshape(*matrices.shape[:-1])


def _each_pair(
    matrices: numpy.ndarray, right: numpy.ndarray, routine: Callable[[numpy.ndarray, numpy.ndarray], numpy.ndarray]
) -> numpy.ndarray:
    flat, sides = matrices.reshape(-1, *matrices.shape[-2:]), right.reshape(-1, *right.shape[-2:])
    return numpy.array([routine(one, side) for one, side in zip(flat, sides)]).reshape(right.shape)


def first_that_works(*routines: Callable[[], Result], what: str) -> Result:
    """Return what the first routine gives that does not fail. RAISES (ValueError): S209 if all do."""
    for routine in routines:
        try:
            return routine()
        except (numpy.linalg.LinAlgError, ValueError):
            continue
    raise SeginfError(Errors.S209.format(what=what))

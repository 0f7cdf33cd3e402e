"""Per-token gradients of the conditional loss in factored form, and their exact inner products.

With residual e = onehot(y) - p(. | neighbours), features F with a constant 1 appended, and neighbouring labels
y- and y+, the gradient of a token's conditional loss CL (Jain et al. 2022) with respect to the head is

    -dCL/dW = e (outer) F        -dCL/dT = onehot(y-) (outer) e + e (outer) onehot(y+)

so d + C + 2 numbers stand for C (d + 1) + C^2, and inner products never form the gradients.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Optional

import numpy
from scipy.sparse import csr_matrix

from .. import budget
from .pair_rows import FactoredPairs
from .segments import SegmentFactors


@dataclass(frozen=True)
class TokenFactors:
    """Factored gradients of n tokens. A neighbour beyond the document's edge is -1 and contributes nothing.

    features (float32, n x d): token vectors without the constant 1, which is implied.
    residuals (float32, n x labels): onehot(label) - p.
    previous, following (int16, n): labels of the neighbours.
    extended_features (floats, n x (d + 1 + 2 labels)): see ``with_neighbours``, which computes them if None.
    """

    features: numpy.ndarray
    residuals: numpy.ndarray
    previous: numpy.ndarray
    following: numpy.ndarray
    extended_features: Optional[numpy.ndarray] = None

    def __len__(self) -> int:
        return len(self.residuals)

    @cached_property
    def preceding(self) -> numpy.ndarray:
        """One-hot labels of the left neighbours, zeros beyond an edge (n x labels)."""
        return self._one_hot(self.previous)

    @cached_property
    def succeeding(self) -> numpy.ndarray:
        """One-hot labels of the right neighbours, zeros beyond an edge (n x labels)."""
        return self._one_hot(self.following)

    @property
    def with_neighbours(self) -> numpy.ndarray:
        """Vectors whose inner product is F.F' + [y- = y'-] + [y+ = y'+] (n x (d + 1 + 2 labels))."""
        if self.extended_features is not None:
            return self.extended_features
        ones = numpy.ones((len(self), 1), dtype=self.features.dtype)
        return numpy.concatenate([self.features, ones, self.preceding, self.succeeding], axis=1)

    def _one_hot(self, labels: numpy.ndarray) -> numpy.ndarray:
        size = self.residuals.shape[1]
        return numpy.eye(size + 1, size, dtype=self.residuals.dtype)[labels]  # -1 is the last row, of zeros

    def __getitem__(self, rows: Any) -> TokenFactors:
        return TokenFactors(self.features[rows], self.residuals[rows], self.previous[rows], self.following[rows])

    def between(self, first: int, last: int) -> TokenFactors:
        """Return a range of tokens as views, also of what has been computed of them."""
        known = self.extended_features
        return replace(self[first:last], extended_features=None if known is None else known[first:last])

    def extended(self) -> TokenFactors:
        """Return the same, with what searches compute of them; features are a view of it."""
        vectors = self.with_neighbours
        features = vectors[:, : self.features.shape[1]]
        return TokenFactors(features, self.residuals, self.previous, self.following, vectors)

    def in_float64(self) -> TokenFactors:
        """Return the same with numbers in float64."""
        return TokenFactors(
            self.features.astype("float64"), self.residuals.astype("float64"), self.previous, self.following
        )

    def as_segments(self) -> SegmentFactors:
        """Write the label pairs out: each token as a segment of its own."""
        labels = self.residuals.shape[1]
        left, right = numpy.flatnonzero(self.previous >= 0), numpy.flatnonzero(self.following >= 0)
        if labels > budget.DENSE_LABELS:
            every = numpy.arange(labels)
            into = self.previous[left, None].astype(int) * labels + every
            onward = every * labels + self.following[right, None]
            rows = numpy.repeat(numpy.concatenate([left, right]), labels)
            values = numpy.concatenate([self.residuals[left], self.residuals[right]]).ravel().astype("float64")
            columns = numpy.concatenate([into, onward]).ravel()
            entries = csr_matrix((values, (rows, columns)), shape=(len(self), labels**2))  # adds up what is there twice
            terms, no_terms = numpy.zeros((0, labels)), numpy.zeros(len(self), dtype=numpy.int64)
            sparse = FactoredPairs(entries, terms, terms, no_terms, numpy.ones((labels, labels)))
            return SegmentFactors(self.features, self.residuals, sparse, numpy.ones(len(self), dtype=numpy.int64))
        pairs = numpy.zeros((len(self), labels, labels))
        pairs[left, self.previous[left]] += self.residuals[left]
        pairs[right, :, self.following[right]] += self.residuals[right]
        return SegmentFactors(self.features, self.residuals, pairs, numpy.ones(len(self), dtype=numpy.int64))


def inner_products(left: TokenFactors, right: TokenFactors) -> numpy.ndarray:
    """Return <gradient, gradient'> for every pair (float32, left x right), transitions included.

    Positive means that a step which lowers one token's loss lowers the other's: with identity curvature, that the
    right token's label supports the left token's (first order in the step).
    """
    # Rows of an index, which are many, come first: BLAS packs the second operand, which is cheap for a few queries.
    similarity = right.with_neighbours @ left.with_neighbours.T
    stacked = numpy.concatenate([left.residuals, left.preceding, left.succeeding])
    products, into, onward = numpy.split(right.residuals @ stacked.T, 3, axis=1)
    similarity *= products
    # e'[y-] e[y'+] and e'[y+] e[y'-], y the left token's: one-hot neighbours pick the components of residuals.
    components = _with_zero_column(left.residuals).T
    into *= components[right.following]
    similarity += into
    onward *= components[right.previous]
    similarity += onward
    return similarity.T


def paired_products(left: TokenFactors, right: TokenFactors) -> numpy.ndarray:
    """Return <gradient, gradient'> of left[i] and right[i] (n, in the precision of the factors)."""
    similarity = numpy.einsum("nd,nd->n", left.features, right.features) + 1.0
    similarity += (left.previous == right.previous) & (left.previous >= 0)
    similarity += (left.following == right.following) & (left.following >= 0)
    similarity *= numpy.einsum("nc,nc->n", left.residuals, right.residuals)
    left_padded, right_padded = _with_zero_column(left.residuals), _with_zero_column(right.residuals)
    rows = numpy.arange(len(left))
    similarity += right_padded[rows, left.previous] * left_padded[rows, right.following]
    similarity += left_padded[rows, right.previous] * right_padded[rows, left.following]
    return similarity


def squared_norms(factors: TokenFactors) -> numpy.ndarray:
    """Return the squared Euclidean norm of each token's gradient (float64, n)."""
    residuals = factors.residuals.astype("float64")
    lengths = numpy.einsum("nd,nd->n", factors.features, factors.features, dtype="float64") + 1.0
    lengths += (factors.previous >= 0).astype("float64") + (factors.following >= 0)
    padded = _with_zero_column(residuals)
    rows = numpy.arange(len(factors))
    crossed = padded[rows, factors.previous] * padded[rows, factors.following]
    return numpy.einsum("nc,nc->n", residuals, residuals) * lengths + 2.0 * crossed


def _with_zero_column(residuals: numpy.ndarray) -> numpy.ndarray:
    """Append a column of zeros, which index -1 (no neighbour) selects."""
    return numpy.concatenate([residuals, numpy.zeros((len(residuals), 1), dtype=residuals.dtype)], axis=1)

"""Label pairs of many segments: written out for few labels, in factors and by their large entries for many.

With 400 labels a segment has 160,000 pairs. They are an array (floats, segments x labels x labels), or
``FactoredPairs``, which work like one where segments are selected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Sequence, Union

import numpy
from scipy.sparse import csr_matrix, vstack

from ..crf.covariance import sum_rows

# Share of the sum of a segment's absolute entries that small ones may have together to be dropped: a search allows for
# ten times as much.
DROPPED = 1e-5
STARTS, COLUMNS, VALUES, TERMS, LEFT, RIGHT, KERNEL = STORED = (
    *("pair_starts", "pair_columns", "pair_values"),
    *("pair_terms", "pair_left", "pair_right", "pair_kernel"),
)


@dataclass(frozen=True)
class FactoredPairs:
    """Pairs of n segments: entries + kernel * (sum of the outer products of a segment's terms).

    Where many labels are possible, so are all pairs of them, but their expectations, and covariances with a score, are
    products of what comes from the left, of the kernel exp(T), and of what comes from the right.

    entries (sparse, float32, n x labels^2): what is left then, without small entries.
    left, right (float64, terms x labels); terms (int64, n): how many each segment has.
    kernel (float64, labels x labels).
    """

    entries: csr_matrix
    left: numpy.ndarray
    right: numpy.ndarray
    terms: numpy.ndarray
    kernel: numpy.ndarray

    def __len__(self) -> int:
        return len(self.terms)

    def __getitem__(self, rows: Any) -> FactoredPairs:
        """Select segments by a slice or by numbers."""
        numbers = numpy.arange(len(self))[rows]
        places = _ranges(numpy.cumsum(self.terms) - self.terms, self.terms, numbers)
        return FactoredPairs(
            self.entries[numbers], self.left[places], self.right[places], self.terms[numbers], self.kernel
        )

    def written_out(self) -> numpy.ndarray:
        """Return the pairs as an array (float64, n x labels^2)."""
        result = self.entries.toarray().astype(numpy.float64)
        ends = numpy.cumsum(self.terms).tolist()
        for number, (count, end) in enumerate(zip(self.terms.tolist(), ends)):
            if count:
                product = self.left[end - count : end].T @ self.right[end - count : end]
                result[number] += (self.kernel * product).ravel()
        return result

    def times(self, vectors: numpy.ndarray) -> numpy.ndarray:
        """Multiply the pairs by vectors (floats, m x labels^2); returns float64, n x m."""
        result = (self.entries @ vectors.T).astype(numpy.float64)
        for number, vector in enumerate(vectors if len(self.left) else ()):
            weighted = self.kernel * vector.reshape(self.kernel.shape)
            by_term = numpy.einsum("tc,tc->t", self.left @ weighted, self.right)
            result[:, number] += sum_rows(by_term[:, None], self.terms.tolist())[:, 0]
        return result


Pairs = Union[numpy.ndarray, FactoredPairs]


def written_out(pairs: Pairs) -> numpy.ndarray:
    """Return pairs as an array (floats, segments x labels^2)."""
    if isinstance(pairs, FactoredPairs):
        return pairs.written_out()
    return pairs.reshape(len(pairs), math.prod(pairs.shape[1:]))  # -1 would not know the width of no segments


def times(pairs: Pairs, vectors: numpy.ndarray) -> numpy.ndarray:
    """Multiply pairs by vectors (floats, n x labels^2); returns floats, segments x n."""
    return pairs.times(vectors) if isinstance(pairs, FactoredPairs) else written_out(pairs) @ vectors.T


def concatenated(parts: Sequence[Any]) -> Any:
    """Put the pairs of several groups of segments one after another; in factors if any of them are."""
    kernels = [part.kernel for part in parts if isinstance(part, FactoredPairs)]
    if not kernels:
        return numpy.concatenate(parts)
    # Some heads' transitions have no factors, and written out many of them would not fit.
    parts = [part if isinstance(part, FactoredPairs) else _entries_only(part, kernels[0]) for part in parts]
    left, right, terms = (
        numpy.concatenate([getattr(part, name) for part in parts]) for name in ("left", "right", "terms")
    )
    entries = vstack([part.entries for part in parts], format="csr")
    return FactoredPairs(entries, left, right, terms, parts[0].kernel)


def _entries_only(pairs: numpy.ndarray, kernel: numpy.ndarray) -> FactoredPairs:
    nothing = numpy.zeros((0, len(kernel)), dtype=numpy.float32)
    terms = numpy.zeros(len(pairs), dtype=numpy.int64)
    return FactoredPairs(csr_matrix(written_out(pairs), dtype=numpy.float32), nothing, nothing, terms, kernel)


def factored(
    pairs: numpy.ndarray, left: numpy.ndarray, right: numpy.ndarray, terms: numpy.ndarray, kernel: numpy.ndarray
) -> FactoredPairs:
    """Put pairs (floats, n x labels x labels) into factors; small entries of what the terms leave are dropped.

    left, right, terms, kernel: as in ``FactoredPairs``; any that come close will do.
    """
    rows = written_out(pairs)
    nothing = FactoredPairs(csr_matrix(rows.shape, dtype=numpy.float32), left, right, terms, kernel)
    entries = large_entries(rows - nothing.written_out(), numpy.abs(rows).sum(axis=1))
    return FactoredPairs(entries, left, right, terms, kernel)


def large_entries(rows: numpy.ndarray, total: numpy.ndarray) -> csr_matrix:
    """Keep the large entries of each row (floats, n x labels^2): by powers of ten, until what is dropped adds up to at
    most DROPPED of a total (floats, n). RETURNS (float32)."""
    sizes = numpy.abs(rows)
    floor = sizes.max(axis=1, initial=0.0)
    open_rows = numpy.arange(len(rows))
    while len(open_rows):
        floor[open_rows] *= 0.1
        part = sizes[open_rows]
        lost = part.sum(axis=1, where=part <= floor[open_rows, None])
        open_rows = open_rows[lost > DROPPED * total[open_rows]]
    numbers, columns = numpy.nonzero(sizes > floor[:, None])
    starts = numpy.concatenate([[0], numpy.cumsum(numpy.bincount(numbers, minlength=len(rows)))])
    values = rows[numbers, columns].astype(numpy.float32)
    return csr_matrix((values, columns.astype(numpy.int32), starts), shape=rows.shape)


class PairRows:
    """Pairs of segments (float32 where they are arrays), some of which are replaced before they are used."""

    def __init__(self, pairs: Pairs) -> None:
        self._parts = [_single(pairs)]
        self._source = numpy.arange(len(pairs))  # of each segment among the parts
        self._count = len(pairs)

    def __setitem__(self, segments: numpy.ndarray, pairs: Pairs) -> None:
        """Replace the pairs of some segments (ints)."""
        self._parts.append(_single(pairs))
        self._source[segments] = self._count + numpy.arange(len(segments))
        self._count += len(segments)

    def result(self) -> Pairs:
        """Return the pairs as they are now."""
        return concatenated(self._parts)[self._source]


def pair_arrays(pairs: Pairs) -> dict[str, numpy.ndarray]:
    """Return what of pairs is stored, by name: "pairs" (float32, segments x labels x labels); or of ``FactoredPairs``
    starts (int64, segments + 1), columns (int32; left * labels + right) and values of the entries, where the terms of
    each segment start (int64, segments + 1), left, right and kernel."""
    if not isinstance(pairs, FactoredPairs):
        return {"pairs": pairs.astype(numpy.float32, copy=False)}
    starts, columns = pairs.entries.indptr.astype(numpy.int64), pairs.entries.indices.astype(numpy.int32)
    terms = numpy.concatenate([[0], numpy.cumsum(pairs.terms)]).astype(numpy.int64)
    return dict(zip(STORED, (starts, columns, pairs.entries.data, terms, pairs.left, pairs.right, pairs.kernel)))


def stored_pairs(names: Iterable[str], read: Callable[[str], Any], rows: Any) -> Pairs:
    """Read the pairs of some segments of those that ``pair_arrays`` gave.

    names: what is stored. read (Callable): opens an array of a name. rows (slice or ints): segments.
    """
    if "pairs" in names:
        return read("pairs")[rows]
    starts, terms, kernel = read(STARTS)[:], read(TERMS)[:], read(KERNEL)[:]
    numbers = numpy.arange(len(starts) - 1)[rows]
    places = _ranges(starts, numpy.diff(starts), numbers)
    ends = numpy.concatenate([[0], numpy.cumsum(numpy.diff(starts)[numbers])])
    entries = csr_matrix((read(VALUES)[places], read(COLUMNS)[places], ends), shape=(len(numbers), kernel.size))
    inside = _ranges(terms, numpy.diff(terms), numbers)
    return FactoredPairs(entries, read(LEFT)[inside], read(RIGHT)[inside], numpy.diff(terms)[numbers], kernel)


def _single(pairs: Pairs) -> Pairs:
    return pairs if isinstance(pairs, FactoredPairs) else pairs.astype(numpy.float32)


def _ranges(starts: numpy.ndarray, counts: numpy.ndarray, numbers: numpy.ndarray) -> numpy.ndarray:
    """Return the places (int64) of what some segments have, one after another."""
    chosen = counts[numbers]
    ends = numpy.cumsum(chosen)
    return numpy.repeat(starts[numbers] - (ends - chosen), chosen) + numpy.arange(int(chosen.sum()))

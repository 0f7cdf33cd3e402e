"""Label pairs of many segments: written out for few labels, and by their large entries for many.

With 400 labels a segment has 160,000 pairs, nearly all of which are as good as impossible in it. Pairs are an array
(floats, segments x labels x labels), or a sparse matrix in compressed rows (segments x labels^2), which works like one
where segments are selected.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence, Union

import numpy
from scipy.sparse import csr_matrix, vstack

from .. import budget

# Share of the sum of a segment's absolute entries that small ones may have together to be dropped: about what rounding
# to single precision changes.
DROPPED = 1e-7
STARTS, COLUMNS, VALUES = "pair_starts", "pair_columns", "pair_values"
Pairs = Union[numpy.ndarray, csr_matrix]


def written_out(pairs: Pairs) -> numpy.ndarray:
    """Return pairs as an array (floats, segments x labels^2)."""
    return pairs.reshape(len(pairs), pairs.shape[1] ** 2) if isinstance(pairs, numpy.ndarray) else pairs.toarray()


def times(pairs: Pairs, vectors: numpy.ndarray) -> numpy.ndarray:
    """Multiply pairs by vectors (floats, n x labels^2); returns floats, segments x n."""
    return written_out(pairs) @ vectors.T if isinstance(pairs, numpy.ndarray) else pairs @ vectors.T


def products(left: Pairs, right: Pairs) -> numpy.ndarray:
    """Return the inner products of the pairs of segments (floats, left x right)."""
    if isinstance(left, numpy.ndarray):
        return times(right, written_out(left)).T
    if isinstance(right, numpy.ndarray):
        return times(left, written_out(right))
    return (left @ right.T).toarray()


def concatenated(parts: Sequence[Pairs]) -> Pairs:
    """Put the pairs of several groups of segments, all of a kind, one after another."""
    return numpy.concatenate(parts) if isinstance(parts[0], numpy.ndarray) else vstack(parts, format="csr")


def kept(pairs: Pairs) -> Pairs:
    """Return pairs in the form in which many are kept: by their large entries (float32) where labels are many."""
    if not isinstance(pairs, numpy.ndarray) or pairs.shape[1] <= budget.DENSE_LABELS:
        return pairs
    return large_entries(written_out(pairs))


def large_entries(rows: numpy.ndarray) -> csr_matrix:
    """Keep the large entries of each row (floats, segments x labels^2): by powers of ten, until what is dropped adds up
    to at most DROPPED of all. RETURNS (float32)."""
    sizes = numpy.abs(rows)
    total, floor = sizes.sum(axis=1), sizes.max(axis=1, initial=0.0)
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
    """Pairs of segments (``kept``, float32), some of which are replaced before they are used."""

    def __init__(self, pairs: Pairs) -> None:
        self._parts = [kept(pairs).astype(numpy.float32)]
        self._source = numpy.arange(pairs.shape[0])  # of each segment among the parts
        self._count = pairs.shape[0]

    def __setitem__(self, segments: numpy.ndarray, pairs: Pairs) -> None:
        """Replace the pairs of some segments (ints)."""
        self._parts.append(kept(pairs).astype(numpy.float32))
        self._source[segments] = self._count + numpy.arange(len(segments))
        self._count += len(segments)

    def result(self) -> Pairs:
        """Return the pairs as they are now."""
        return concatenated(self._parts)[self._source]


def pair_arrays(pairs: Pairs) -> dict[str, numpy.ndarray]:
    """Return what of pairs is stored, by name: "pairs", or starts (int64, segments + 1), columns (int32; left * labels
    + right) and values (float32) of their entries."""
    if isinstance(pairs, numpy.ndarray):
        return {"pairs": pairs.astype(numpy.float32, copy=False)}
    values = pairs.data.astype(numpy.float32, copy=False)
    return {STARTS: pairs.indptr.astype(numpy.int64), COLUMNS: pairs.indices.astype(numpy.int32), VALUES: values}


def stored_pairs(names: Iterable[str], read: Callable[[str], Any], rows: Any, labels: int) -> Pairs:
    """Read the pairs of some segments of those that ``pair_arrays`` gave.

    names: what is stored. read (Callable): opens an array of a name. rows (slice or ints): segments.
    """
    if "pairs" in names:
        return read("pairs")[rows]
    starts = read(STARTS)[:]
    numbers = numpy.arange(len(starts) - 1)[rows]
    counts = starts[numbers + 1] - starts[numbers]
    ends = numpy.cumsum(counts)
    if isinstance(rows, slice):
        places: Any = slice(int(starts[numbers[0]]), int(starts[numbers[-1] + 1])) if len(numbers) else slice(0, 0)
    else:
        places = numpy.repeat(starts[numbers] - (ends - counts), counts) + numpy.arange(int(counts.sum()))
    content = read(VALUES)[places], read(COLUMNS)[places], numpy.concatenate([[0], ends])
    return csr_matrix(content, shape=(len(numbers), labels**2))

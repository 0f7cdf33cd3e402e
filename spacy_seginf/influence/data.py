"""Documents as a head sees them: frozen features and the labels that their annotation permits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Iterator, Sequence

import numpy

from ..budget import at_once
from ..crf.arrays import sequence_groups

BATCH_TOKENS = 16384
MATRICES = 8  # over pairs of labels, for which there is space where one working array has its own
BLOCK = 512  # rows of features in float64 at a time: between conversion and product they stay in the processor's cache


@dataclass(frozen=True)
class HeadData:
    """Frozen features and annotations.

    features (float32, tokens x d): without the constant 1.
    allowed (bool, tokens x labels): permitted labels.
    lengths (list of int): tokens per document.
    """

    features: numpy.ndarray
    allowed: numpy.ndarray
    lengths: Sequence[int]

    @property
    def labels(self) -> int:
        return self.allowed.shape[1]

    @cached_property
    def starts(self) -> numpy.ndarray:
        """Row of each document's first token (int64, documents)."""
        sizes = numpy.asarray(self.lengths, dtype=numpy.int64)
        return numpy.cumsum(sizes) - sizes

    @property
    def width(self) -> int:
        """Columns of W: d and the bias."""
        return self.features.shape[1] + 1

    def slices(self) -> Iterator[tuple[slice, numpy.ndarray, list[int]]]:
        """Yield rows, allowed labels and lengths of whole documents, some thousand tokens at a time, fewer where there
        are many pairs of labels."""
        limit = at_once(self.labels**2 // MATRICES, BATCH_TOKENS)
        start = size = 0
        lengths: list[int] = []
        for number, length in enumerate(self.lengths):
            lengths.append(length)
            size += length
            if size >= limit or (size and number == len(self.lengths) - 1):
                rows = slice(start, start + size)
                yield rows, self.allowed[rows], lengths
                start, size, lengths = rows.stop, 0, []

    def alike(self, tokens: int = BATCH_TOKENS) -> Iterator[numpy.ndarray]:
        """Yield numbers of documents of about the same length, at most so many tokens at a time, fewer where there are
        many labels; the longest first."""
        yield from sequence_groups(self.lengths, at_once(self.labels, tokens))

    def rows(self, documents: numpy.ndarray) -> numpy.ndarray:
        """Return the rows of some documents (ints), one document after another (int64)."""
        sizes = numpy.asarray(self.lengths, dtype=numpy.int64)[documents]
        return ranges(self.starts[documents], sizes)

    def rows_of(self, segments: numpy.ndarray) -> numpy.ndarray:
        """Return the rows of some segments (ints, n x 3: document, start, end), one segment after another (int64)."""
        documents, starts, ends = numpy.asarray(segments, dtype=numpy.int64).reshape(-1, 3).T
        return ranges(self.starts[documents] + starts, ends - starts)

    def whole(self, documents: numpy.ndarray) -> numpy.ndarray:
        """Return some documents (ints) as segments from end to end (int64, n x 3)."""
        sizes = numpy.asarray(self.lengths, dtype=numpy.int64)[documents]
        return numpy.stack([documents, numpy.zeros_like(sizes), sizes], axis=1)

    def tokens(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Return the tokens in some rows (ints) as segments of their own (int64, n x 3)."""
        documents = numpy.searchsorted(self.starts, rows, side="right") - 1
        inside = rows - self.starts[documents]
        return numpy.stack([documents, inside, inside + 1], axis=1)

    def batches(self) -> Iterator[tuple[numpy.ndarray, numpy.ndarray, list[int]]]:
        """Yield the same with features in float64 and the constant 1 appended, in place of their rows."""
        for rows, allowed, lengths in self.slices():
            yield with_constant(self.features[rows]), allowed, lengths


def with_constant(features: numpy.ndarray) -> numpy.ndarray:
    """Append the constant 1 to token vectors (float64, tokens x width)."""
    block = numpy.ones((len(features), features.shape[1] + 1))
    block[:, :-1] = features
    return block


def blocks(features: numpy.ndarray, size: int = BLOCK, dtype: str = "float64") -> Iterator[tuple[slice, numpy.ndarray]]:
    """Yield converted features, so many rows at a time, in one array that is used again."""
    space = numpy.empty((min(size, len(features)), features.shape[1]), dtype=dtype)
    for start in range(0, len(features), size):
        part = features[start : start + size]
        space[: len(part)] = part
        yield slice(start, start + len(part)), space[: len(part)]


def ranges(starts: numpy.ndarray, lengths: numpy.ndarray) -> numpy.ndarray:
    """Concatenate arange(start, start + length) of every pair (int64)."""
    lengths = numpy.asarray(lengths, dtype=numpy.int64)
    offsets = numpy.cumsum(lengths) - lengths
    return numpy.arange(int(lengths.sum())) + numpy.repeat(numpy.asarray(starts) - offsets, lengths)


def subset(data: HeadData, documents: numpy.ndarray) -> HeadData:
    """Take some documents (ints), in the order of the data."""
    chosen = numpy.zeros(len(data.lengths), dtype=bool)
    chosen[documents] = True
    lengths = numpy.asarray(data.lengths, dtype=int)
    rows = numpy.repeat(chosen, lengths)
    return HeadData(data.features[rows], data.allowed[rows], lengths[chosen].tolist())

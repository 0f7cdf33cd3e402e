"""From scores of one level to those of another: tokens, segments, documents."""

from __future__ import annotations

from typing import Sequence

import numpy

from ..errors import Errors, SeginfError
from ..guesses import one_of
from ..influence.data import ranges

HOW = ("mean", "max")


def by_document(values: numpy.ndarray, lengths: Sequence[int], how: str = "max") -> numpy.ndarray:
    """Aggregate token scores (floats, tokens) over documents of some tokens each.

    how (str): "mean" or "max".
    RETURNS (float64, documents): 0 for documents without tokens. High stays suspicious.
    RAISES (ValueError): S109 for another ``how``.
    """
    if how not in HOW:
        raise SeginfError(Errors.S109.format(setting="how", value=how, known=one_of(HOW, how)))
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    result = numpy.zeros(len(sizes))
    filled = numpy.flatnonzero(sizes)
    if len(filled):
        starts = (numpy.cumsum(sizes) - sizes)[filled]
        if how == "max":
            result[filled] = numpy.maximum.reduceat(values, starts)
        else:
            result[filled] = numpy.add.reduceat(values, starts, dtype=numpy.float64) / sizes[filled]
    return result


def by_segment(
    values: numpy.ndarray, lengths: Sequence[int], segments: numpy.ndarray, how: str = "max"
) -> numpy.ndarray:
    """Aggregate token scores (floats, tokens) over segments (ints, n x 3: document, start, end), which may overlap.

    lengths (ints): tokens per document. how (str): "mean" or "max".
    RETURNS (float64, n). High stays suspicious. RAISES (ValueError): S109 for another ``how``.
    """
    documents, starts, ends = numpy.asarray(segments, dtype=numpy.int64).reshape(-1, 3).T
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    rows = ranges((numpy.cumsum(sizes) - sizes)[documents] + starts, ends - starts)
    return by_document(values[rows], (ends - starts).tolist(), how)

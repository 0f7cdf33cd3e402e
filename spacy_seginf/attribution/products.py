"""Inner products of factored gradients of segments."""

from __future__ import annotations

import numpy

from ..influence.pair_rows import pair_arrays, times, written_out
from ..influence.segments import SegmentFactors

BLOCK = 2**24  # numbers in a block of token products


def segment_products(left: SegmentFactors, right: SegmentFactors) -> numpy.ndarray:
    """Return <gradient, gradient'> for every pair (float64, left x right), transitions included.

    With N the residuals of label pairs, it is ``emission_products`` + <N, N'>.
    """
    if not (len(left) and len(right)):
        return numpy.zeros((len(left), len(right)))
    return times(left.pairs, written_out(right.pairs)) + emission_products(left, right)


def emission_products(left: SegmentFactors, right: SegmentFactors) -> numpy.ndarray:
    """Return the same of the gradients with respect to W and its bias alone (float64, left x right).

    With e_t the residuals of labels, and F_t the features with a constant 1, it is

        sum over tokens t, t' of (e_t . e'_t') (F_t . F'_t')
    """
    result = numpy.zeros((len(left), len(right)))
    if not result.size:
        return result
    features, residuals = left.features.astype(numpy.float64), left.residuals.astype(numpy.float64)
    # Segments at a time, so that all pairs of their tokens fit; a single one may take more.
    share = max(1, BLOCK // max(1, len(residuals)))
    groups = numpy.flatnonzero(numpy.diff(right.starts[:-1] // share)) + 1
    for first, last in zip([0, *groups], [*groups, len(right)]):
        part = right.between(int(first), int(last))
        tokens = features @ part.features.astype(numpy.float64).T
        tokens += 1.0
        tokens *= residuals @ part.residuals.astype(numpy.float64).T
        by_segment = numpy.add.reduceat(tokens, part.starts[:-1], axis=1)
        result[:, first:last] = numpy.add.reduceat(by_segment, left.starts[:-1], axis=0)
    return result


def stored_bytes(factors: SegmentFactors) -> int:
    """Count the bytes of factored gradients."""
    pairs = pair_arrays(factors.pairs).values()
    return sum(array.nbytes for array in (factors.features, factors.residuals, factors.lengths, *pairs))

"""Orders that rounding cannot change: how the same product rounds depends on what is computed with it."""

from __future__ import annotations

from typing import Optional, Union

import numpy

EQUAL = 1e-5  # relative: products of float32 that differ by less may be of equals


def falling(
    values: numpy.ndarray,
    gap: Union[float, numpy.ndarray],
    ties: Optional[numpy.ndarray] = None,
    owners: Optional[numpy.ndarray] = None,
) -> numpy.ndarray:
    """Return the order of values, the largest first, within each owner; values that are closer to the one before than
    the gap are equal, and in the order of their ties.

    values (floats, n). gap (float, or floats, n): how close equal values are. ties, owners (ints, n): by place, and one
        owner, if None.
    RETURNS (ints, n).
    """
    ties = numpy.arange(len(values)) if ties is None else ties
    owners = numpy.zeros(len(values), dtype=numpy.int64) if owners is None else owners
    order = numpy.lexsort((-values, owners))
    falls = numpy.diff(values[order], prepend=numpy.inf) < -numpy.broadcast_to(gap, values.shape)[order]
    groups = numpy.cumsum(falls | (numpy.diff(owners[order], prepend=-1) != 0))
    return order[numpy.lexsort((ties[order], groups))]

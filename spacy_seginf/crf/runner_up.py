"""The most probable other labels of a segment, with everything outside held: what a prediction is weighed against."""

from __future__ import annotations

from typing import Optional

import numpy

from ..budget import at_once
from .viterbi import DecodingMask


def runners_up(
    emissions: numpy.ndarray,
    transitions: numpy.ndarray,
    labels: numpy.ndarray,
    edges: numpy.ndarray,
    mask: Optional[DecodingMask] = None,
) -> numpy.ndarray:
    """Find, for segments of one length, the best valid labels that are not the given ones; ties go to lower labels.

    emissions (floats, segments x tokens x labels): scores of labels, without transitions.
    transitions (floats, labels x labels). labels (ints, segments x tokens): the given ones.
    edges (ints, segments x 2): label before each segment and behind it; -1 beyond the text.
    mask (DecodingMask): labels that may start, end and follow each other; any if None.
    RETURNS (int64, segments x tokens): -1 throughout where no other labels are valid.
    """
    count, length, size = emissions.shape
    result = numpy.empty((count, length), dtype=numpy.int64)
    step = at_once(2 * size * size, max(count, 1))
    for start in range(0, count, step):
        part = slice(start, start + step)
        result[part] = _runners_up(emissions[part], transitions, labels[part], edges[part], mask)
    return result


def _runners_up(
    emissions: numpy.ndarray,
    transitions: numpy.ndarray,
    labels: numpy.ndarray,
    edges: numpy.ndarray,
    mask: Optional[DecodingMask],
) -> numpy.ndarray:
    """Viterbi's recursion over two copies of each label: on the given labels up to here, and off them."""
    count, length, size = emissions.shape
    segments = numpy.arange(count)
    follow = transitions if mask is None else numpy.where(mask.follow, transitions, -numpy.inf)
    scores = emissions.astype(numpy.float64)
    before, behind = edges.T
    start = numpy.zeros(size) if mask is None else numpy.where(mask.start, 0.0, -numpy.inf)
    end = numpy.zeros(size) if mask is None else numpy.where(mask.end, 0.0, -numpy.inf)
    scores[:, 0] += numpy.where(before[:, None] >= 0, follow[before], start)
    scores[:, -1] += numpy.where(behind[:, None] >= 0, follow.T[behind], end)
    off = scores[:, 0].copy()
    off[segments, labels[:, 0]] = -numpy.inf
    on = scores[segments, 0, labels[:, 0]]
    came_from = numpy.empty((count, length, size), dtype=numpy.int64)  # a label off the given ones; size: on them
    for token in range(1, length):
        leaves = on[:, None] + follow[labels[:, token - 1]]
        leaves[segments, labels[:, token]] = -numpy.inf
        moves = numpy.concatenate([off[:, :, None] + follow, leaves[:, None]], axis=1)
        came_from[:, token] = moves.argmax(axis=1)
        off = moves.max(axis=1) + scores[:, token]
        on = on + follow[labels[:, token - 1], labels[:, token]] + scores[segments, token, labels[:, token]]
    found = numpy.empty((count, length), dtype=numpy.int64)
    found[:, -1] = off.argmax(axis=1)
    on_given = numpy.zeros(count, dtype=bool)
    for token in range(length - 1, 0, -1):
        source = came_from[segments, token, numpy.where(on_given, 0, found[:, token])]
        on_given |= source == size
        found[:, token - 1] = numpy.where(on_given, labels[:, token - 1], numpy.minimum(source, size - 1))
    found[~numpy.isfinite(off.max(axis=1))] = -1
    return found

"""Losses of segments under steps of theta, for chosen pairs of a segment and a step."""

from __future__ import annotations

import numpy

from ..influence.data import ranges, with_constant
from ..influence.head import split
from ..influence.segments import SegmentChains, conditional_losses


def losses_after(
    chains: SegmentChains, owners: numpy.ndarray, steps: numpy.ndarray, places: numpy.ndarray
) -> numpy.ndarray:
    """Return CL of segments at their observed labels after steps of theta, exactly; as ``SegmentChains.losses``, but
    for pairs.

    chains (SegmentChains): one observed label per token. owners (ints, pairs, rising): number of a segment.
    steps (floats, m x P): changes of theta. places (ints, pairs): number of a step.
    RETURNS (float64, pairs): -log p(observed labels | labels outside, text), in nats.
    """
    size = chains.head.labels
    weights, pairs = split(steps, size)
    lengths = chains.lengths[owners]
    starts = numpy.cumsum(lengths) - lengths
    emissions = numpy.empty((int(lengths.sum()), size))
    features = with_constant(chains.features).astype(steps.dtype, copy=False)
    for segment in numpy.unique(owners).tolist():
        mine = slice(*numpy.searchsorted(owners, [segment, segment + 1]))
        mapped = weights[places[mine]].reshape(-1, features.shape[1])
        first, length = int(chains.edge_rows[0][segment]), int(chains.lengths[segment])
        changes = (mapped @ features[first : first + length].T).reshape(-1, size, length).transpose(0, 2, 1)
        block = emissions[starts[mine.start] : starts[mine.start] + changes.shape[0] * length]
        numpy.add(changes, chains.emissions[first : first + length], out=block.reshape(changes.shape))
    left = numpy.flatnonzero(chains.previous[owners] >= 0)
    emissions[starts[left]] += pairs[places[left], chains.previous[owners[left]]]
    right = numpy.flatnonzero(chains.following[owners] >= 0)
    emissions[(starts + lengths - 1)[right]] += pairs[places[right], :, chains.following[owners[right]]]
    labels = chains.observed[ranges(chains.edge_rows[0][owners], lengths)].argmax(axis=1)
    return conditional_losses(emissions, labels, chains.transitions, pairs, places, lengths)

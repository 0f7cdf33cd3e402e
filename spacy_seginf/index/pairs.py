"""Losses of segments under steps of theta, for chosen pairs of a segment and a step."""

from __future__ import annotations

import numpy

from ..budget import at_once
from ..crf.covariance import log_partitions
from ..influence.data import ranges, with_constant
from ..influence.head import split
from ..influence.segments import LEAST_LOSS, SegmentChains


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
    losses = numpy.empty(len(owners))
    single = lengths == 1
    losses[single] = _token_losses(emissions[starts[single]], labels[starts[single]])
    longer, together = numpy.flatnonzero(~single), at_once(size**2, len(owners))
    for start in range(0, len(longer), together):
        several = longer[start : start + together]
        rows = ranges(starts[several], lengths[several])
        transitions = pairs[places[several]] + chains.transitions
        losses[several] = _chain_losses(emissions[rows], labels[rows], transitions, lengths[several])
    return losses


def _token_losses(emissions: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """Return -log softmax of the labels: the log of 1 + the odds against them, which does not cancel for p near 1."""
    rows = numpy.arange(len(labels))
    against = emissions - emissions[rows, labels][:, None]
    against[rows, labels] = -numpy.inf
    highest = numpy.maximum(against.max(axis=1, initial=-numpy.inf), -700.0)
    return numpy.logaddexp(0.0, numpy.log(numpy.exp(against - highest[:, None]).sum(axis=1) + 1e-300) + highest)


def _chain_losses(
    emissions: numpy.ndarray, labels: numpy.ndarray, transitions: numpy.ndarray, lengths: numpy.ndarray
) -> numpy.ndarray:
    """Return log Z minus the score of the labels, for chains with transitions of their own."""
    first = numpy.cumsum(lengths) - lengths
    owners = numpy.repeat(numpy.arange(len(lengths)), lengths)
    scores = emissions[numpy.arange(len(labels)), labels]
    inner = numpy.setdiff1d(numpy.arange(len(labels)), first + lengths - 1)  # their right neighbour is in the chain
    scores[inner] += transitions[owners[inner], labels[inner], labels[inner + 1]]
    whole = log_partitions(emissions, transitions, lengths.tolist())
    return numpy.maximum(whole - numpy.add.reduceat(scores, first), LEAST_LOSS)

"""What is learned from annotations that are known to be wrong."""

from __future__ import annotations

from typing import Sequence

import numpy

from .arrays import Array, array_module
from .forward_backward import forward_backward
from .likelihood import Loss

LEAST = 1e-10  # of what is left of the probability of an event: float64 tells no less


def incorrect_loss(
    emissions: Array, transitions: Array, lengths: Sequence[int], events: Sequence[tuple[int, Array]]
) -> Loss:
    """Compute -log(1 - p(event | emissions)) of each event that is known not to be so, and its gradient.

    With p = Z(event) / Z, the gradient is p / (1 - p) times the expectation of the statistics over the sequences of the
    event minus that over all. Z sums over all sequences, as in ``negative_log_likelihood``.

    emissions (floats, rows x labels), transitions (floats, labels x labels), lengths (ints): as in
        ``forward_backward``.
    events (sequence of int and bool, tokens x labels): number of a sequence, and the labels that are wrong together.
    RETURNS (Loss): summed over events; its values are those of the sequences.
    """
    xp = array_module(emissions)
    starts = numpy.cumsum([0, *lengths])
    values = xp.zeros(len(lengths))
    d_emissions = xp.zeros_like(emissions)
    d_transitions = xp.zeros(transitions.shape)
    for number, event in events:
        rows, length = slice(int(starts[number]), int(starts[number + 1])), [lengths[number]]
        scores, moves = emissions[rows].astype("float64"), transitions.astype("float64")
        free = forward_backward(scores, moves, length)
        wrong = forward_backward(scores, moves, length, xp.asarray(event))
        log_ratio = float(wrong.log_partition[0] - free.log_partition[0])
        left = max(-float(numpy.expm1(log_ratio)), LEAST)
        values[number] -= numpy.log(left)
        slope = (1.0 - left) / left
        d_emissions[rows] += (slope * (wrong.unary - free.unary)).astype(emissions.dtype)
        d_transitions += slope * (wrong.pairs - free.pairs)
    return Loss(values, d_emissions, d_transitions.astype(transitions.dtype))

"""The CRF's training loss and its analytic gradient, with missing labels summed out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy

from .arrays import Array, array_module, boundaries, sequence_of_row, sum_by_sequence
from .forward_backward import forward_backward


@dataclass(frozen=True)
class Loss:
    """Negative log-likelihood in nats and its gradient.

    values (float64, sequences): loss of each sequence, at least 0 but for rounding.
    emissions (rows x labels): gradient with respect to the emissions.
    transitions (labels x labels): gradient with respect to the transitions, summed over the batch. It is a difference
        of float64 counts, rounded to the dtype of the transitions at the end.
    """

    values: Array
    emissions: Array
    transitions: Array


def negative_log_likelihood(emissions: Array, transitions: Array, lengths: Sequence[int], allowed: Array) -> Loss:
    """Compute -log p(annotation | emissions), where an annotation is the set of label sequences it allows.

    With one allowed label per token this is ``log Z - score(labels)``; a token that allows all labels is
    missing and is summed out (the marginal loss of Jain et al. 2022). The gradient is the
    expectation of the statistics over all sequences minus that over the allowed ones.

    emissions (floats, rows x labels), transitions (floats, labels x labels), lengths (ints): as in
        ``forward_backward``.
    allowed (bool, rows x labels): True for every label the annotation permits, at least one per row.
    RETURNS (Loss): summed statistics, not averaged.
    """
    xp = array_module(emissions)
    free = forward_backward(emissions, transitions, lengths)
    labels = allowed.argmax(axis=1)
    log_scores = path_scores(emissions, transitions, labels, lengths)
    d_emissions = free.unary.copy()
    d_emissions[xp.arange(len(labels)), labels] -= 1.0
    d_transitions = free.pairs - count_pairs(labels, lengths, transitions.shape[0])
    several = sum_by_sequence((allowed.sum(axis=1) != 1).astype("float64"), lengths) > 0
    if bool(several.any()):  # only these sequences have more than one permitted path
        rows = several[sequence_of_row(lengths, xp)]
        sizes = [length for length, chosen in zip(lengths, several.tolist()) if chosen]
        clamped = forward_backward(emissions[rows], transitions, sizes, allowed[rows])
        log_scores[several] = clamped.log_partition
        d_emissions[rows] = free.unary[rows] - clamped.unary
        d_transitions += count_pairs(labels[rows], sizes, transitions.shape[0]) - clamped.pairs
    return Loss(free.log_partition - log_scores, d_emissions, d_transitions.astype(transitions.dtype))


def path_scores(emissions: Array, transitions: Array, labels: Array, lengths: Sequence[int]) -> Array:
    """Score one label sequence per sequence: float64, (sequences,). labels are ints, (rows,)."""
    xp = array_module(emissions)
    values = emissions[xp.arange(len(labels)), labels].astype("float64")
    first, last = boundaries(lengths, xp)
    values[~first] += transitions[labels[~last], labels[~first]]
    return sum_by_sequence(values, lengths)


def count_pairs(labels: Array, lengths: Sequence[int], size: int) -> Array:
    """Count neighbouring (left, right) labels, which are below size: ints, size x size."""
    xp = array_module(labels)
    first, last = boundaries(lengths, xp)
    codes = labels[~last] * size + labels[~first]
    return xp.bincount(codes, minlength=size * size).reshape(size, size)


def pairs_by_sequence(labels: Array, lengths: Sequence[int], size: int) -> Array:
    """Count neighbouring (left, right) labels of each sequence (float64, sequences x size x size)."""
    xp = array_module(labels)
    first, last = boundaries(lengths, xp)
    codes = (sequence_of_row(lengths, xp)[~first] * size + labels[~last]) * size + labels[~first]
    shape = len(lengths), size, size
    return xp.bincount(codes, minlength=len(lengths) * size * size).reshape(shape).astype("float64")


def one_label_each(labels: Array, size: int) -> Array:
    """Turn labels (ints, rows) into the boolean matrix (rows x size) that allows just these."""
    return labels[:, None] == array_module(labels).arange(size)


def split_rows(values: Array, lengths: Sequence[int]) -> list[Array]:
    """Cut flat rows back into one array per sequence."""
    ends = numpy.cumsum(lengths)
    return [values[int(end) - length : int(end)] for end, length in zip(ends, lengths)]

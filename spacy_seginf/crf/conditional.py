"""Conditional probabilities of segments: everything outside a segment is held at its labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

from .arrays import Array, array_module, boundaries
from .forward_backward import forward_backward
from .likelihood import one_label_each, path_scores

NO_NEIGHBOUR = -1


@dataclass(frozen=True)
class TokenConditionals:
    """Every token's label distribution given the labels of its neighbours.

    log_probabilities (float64, rows x labels): log p(label | all other labels, text).
    residuals (float64, rows x labels): onehot(label) - p, exact also where p(label) rounds to 1.
    previous, following (int64, rows): labels of the neighbours, NO_NEIGHBOUR at the edges of a document.
    """

    log_probabilities: Array
    residuals: Array
    previous: Array
    following: Array


def token_conditionals(
    emissions: Array, transitions: Array, labels: Array, lengths: Sequence[int]
) -> TokenConditionals:
    """Condition each token on its neighbours' labels: softmax of emissions + T[left, :] + T[:, right].

    The residual is the token's part of the gradient of its conditional loss CL (Jain et al. 2022):
    ``-dCL/dW = residual (outer) features``.

    emissions (floats, rows x labels), transitions (floats, labels x labels), lengths (ints): as in
        ``forward_backward``.
    labels (ints, rows): the labels that tokens and their neighbours are held at.
    """
    xp = array_module(emissions)
    previous, following = neighbours(labels, lengths)
    weights = transitions.astype("float64")
    logits = emissions.astype("float64")
    has_left, has_right = previous != NO_NEIGHBOUR, following != NO_NEIGHBOUR
    logits[has_left] += weights[previous[has_left]]
    logits[has_right] += weights.T[following[has_right]]
    logits -= logits.max(axis=1, keepdims=True)
    log_probabilities = logits - xp.log(xp.exp(logits).sum(axis=1, keepdims=True))
    residuals = -xp.exp(log_probabilities)
    rows = xp.arange(len(labels))
    residuals[rows, labels] = 0.0
    # 1 - p as the sum of the other probabilities: no cancellation for confident predictions.
    residuals[rows, labels] = -residuals.sum(axis=1)
    return TokenConditionals(log_probabilities, residuals, previous, following)


def neighbours(labels: Array, lengths: Sequence[int]) -> tuple[Array, Array]:
    """Return the labels to the left and to the right of each row, NO_NEIGHBOUR at document edges (int64, rows)."""
    xp = array_module(labels)
    first, last = boundaries(lengths, xp)
    previous = xp.full(len(labels), NO_NEIGHBOUR, dtype="int64")
    following = previous.copy()
    previous[~first] = labels[~last]
    following[~last] = labels[~first]
    return previous, following


def segment_conditional(
    emissions: Array, transitions: Array, labels: Array, start: int, end: int, allowed: Optional[Array] = None
) -> float:
    """Return log p(labels[start:end] | labels outside, text) of one sequence, in nats (at most 0).

    emissions (floats, tokens x labels), transitions (floats, labels x labels), labels (ints, tokens).
    start, end (int): token offsets of the segment, end exclusive.
    allowed (bool, tokens x labels): what is known outside the segment where that is not one label per token.
    RAISES (ValueError): if the segment is empty or not inside the sequence.
    """
    if not 0 <= start < end <= len(labels):
        raise ValueError(f"segment [{start}, {end}) is not inside a sequence of {len(labels)} tokens")
    emissions, transitions = emissions.astype("float64"), transitions.astype("float64")
    if allowed is None:  # then a segment depends on its two neighbours only
        first, last = max(0, start - 1), min(len(labels), end + 1)
        emissions, labels = emissions[first:last], labels[first:last]
        start, end = start - first, end - first
    held = one_label_each(labels, emissions.shape[1]) if allowed is None else allowed.copy()
    held[start:end] = one_label_each(labels[start:end], emissions.shape[1])
    free = held.copy()
    free[start:end] = True
    length = [len(labels)]
    if allowed is None:
        numerator = path_scores(emissions, transitions, labels, length)
    else:
        numerator = forward_backward(emissions, transitions, length, held).log_partition
    denominator = forward_backward(emissions, transitions, length, free).log_partition
    return min(0.0, float(numerator[0] - denominator[0]))

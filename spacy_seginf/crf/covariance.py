"""Expectations and covariances of label statistics, sequence by sequence, without forming a Hessian.

The statistics of a sequence are the indicators of each token's label and the counts of neighbouring label pairs. Their
covariance with one linear score of the labels is a Hessian-vector product of the log partition function, and takes two
linear recursions: E[score | y_t] from the left and from the right.
"""

from __future__ import annotations

from typing import Sequence

import numpy

from .arrays import Array, time_major
from .hessian import Chain


def expected_pairs(chain: Chain, lengths: Sequence[int]) -> Array:
    """Return the expected number of neighbouring (left, right) labels of each sequence.

    RETURNS (float64, sequences x labels x labels): zeros for sequences of fewer than two tokens.
    """
    return sum_rows(chain.unary[:, :, None] * chain.onward, lengths)  # onward is zero on last tokens


def covariance_product(
    chain: Chain, lengths: Sequence[int], emission_scores: Array, pair_scores: Array
) -> tuple[Array, Array]:
    """Return the covariance of each statistic with the score s(y) = sum_t E[t, y_t] + sum_{t>1} D[y_{t-1}, y_t].

    chain (Chain): the sequences, as ``markov_chain`` gives them.
    emission_scores (float64, tokens x labels): E. pair_scores (float64, sequences x labels x labels): D.
    RETURNS: covariances with the label indicators (float64, tokens x labels) and with the counts of pairs (float64,
        sequences x labels x labels).
    """
    layout = time_major(lengths)
    past, future = emission_scores.copy(), numpy.zeros_like(emission_scores)
    for step, running in enumerate(layout.running[1:], start=1):
        here, source = layout.forward[step, :running], layout.forward[step - 1, :running]
        scores = pair_scores[layout.order[:running]]
        arriving = past[source][:, :, None] + scores
        past[here] += numpy.einsum("rba,rab->rb", chain.backward[here], arriving)
        here, source = layout.backward[step, :running], layout.backward[step - 1, :running]
        leaving = scores + (emission_scores[source] + future[source])[:, None, :]
        future[here] = numpy.einsum("rab,rab->ra", chain.onward[here], leaving)
    given_label = past + future
    mean = numpy.einsum("ra,ra->r", chain.unary, given_label)
    unary = chain.unary * (given_label - mean[:, None])
    ahead = numpy.zeros_like(past)
    ahead[:-1] = (emission_scores + future)[
        1:
    ]  # what follows a pair; never used across sequences: onward is zero there
    of_row = numpy.repeat(numpy.arange(len(lengths)), lengths)
    given_pair = (past - mean[:, None])[:, :, None] + ahead[:, None, :] + pair_scores[of_row]
    return unary, sum_rows(chain.unary[:, :, None] * chain.onward * given_pair, lengths)


def sum_rows(values: Array, lengths: Sequence[int]) -> Array:
    """Sum the rows of each sequence: (rows x ...) to (sequences x ...); empty sequences give zeros."""
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    result = numpy.zeros((len(sizes), *values.shape[1:]))
    filled = sizes > 0
    if filled.any():
        starts = (numpy.cumsum(sizes) - sizes)[filled]
        result[filled] = numpy.add.reduceat(values, starts, axis=0)
    return result


def log_partitions(emissions: Array, transitions: Array, lengths: Sequence[int]) -> Array:
    """Return log Z of sequences that each have their own transitions.

    emissions (float64, tokens x labels), transitions (float64, sequences x labels x labels), lengths (ints, at least
        1 each).
    RETURNS (float64, sequences).
    """
    layout = time_major(lengths)
    if not len(lengths):
        return numpy.zeros(0)
    state = emissions[layout.forward[0]]
    done = numpy.zeros(len(state))
    for step in range(len(layout.running)):
        running = layout.running[step]
        if step:
            moved = state[:running, :, None] + transitions[layout.order[:running]]
            highest = moved.max(axis=1)
            total = numpy.exp(moved - highest[:, None, :]).sum(axis=1)
            state = numpy.log(total) + highest + emissions[layout.forward[step, :running]]
        highest = state.max(axis=1)
        done[:running] = numpy.log(numpy.exp(state - highest[:, None]).sum(axis=1)) + highest
    result = numpy.zeros(len(lengths))
    result[layout.order] = done
    return result

"""Expectations and covariances of label statistics, sequence by sequence, without forming a Hessian.

The statistics of a sequence are the indicators of each token's label and the counts of neighbouring label pairs. Their
covariance with one linear score of the labels is a Hessian-vector product of the log partition function, and takes two
linear recursions: E[score | y_t] from the left and from the right.
"""

from __future__ import annotations

from typing import Sequence

import numpy

from .arrays import Array, array_module, sequence_of_row, time_major
from .factored import AnyChain, FactoredChain


def expected_pairs(chain: AnyChain, lengths: Sequence[int]) -> Array:
    """Return the expected number of neighbouring (left, right) labels of each sequence.

    RETURNS (float64, sequences x labels x labels): zeros for sequences of fewer than two tokens.
    """
    if isinstance(chain, FactoredChain):
        return chain.expected_pairs()
    return sum_rows(chain.unary[:, :, None] * chain.onward, lengths)  # onward is zero on last tokens


def covariance_product(
    chain: AnyChain, lengths: Sequence[int], emission_scores: Array, pair_scores: Array
) -> tuple[Array, Array]:
    """Return the covariance of each statistic with the score s(y) = sum_t E[t, y_t] + sum_{t>1} D[y_{t-1}, y_t].

    chain (Chain or FactoredChain): the sequences, as ``any_chain`` gives them.
    emission_scores (float64, tokens x labels): E. pair_scores (float64, sequences x labels x labels): D.
    RETURNS: covariances with the label indicators (float64, tokens x labels) and with the counts of pairs (float64,
        sequences x labels x labels).
    """
    if isinstance(chain, FactoredChain):
        return chain.covariance_product(emission_scores, pair_scores)
    xp = array_module(emission_scores)
    layout = time_major(lengths, xp)
    past, future = emission_scores.copy(), xp.zeros_like(emission_scores)
    for step, running in enumerate(layout.running[1:], start=1):
        here, source = layout.forward[step, :running], layout.forward[step - 1, :running]
        scores = pair_scores[layout.order[:running]]
        arriving = past[source][:, :, None] + scores
        past[here] += xp.einsum("rba,rab->rb", chain.backward[here], arriving)
        here, source = layout.backward[step, :running], layout.backward[step - 1, :running]
        leaving = scores + (emission_scores[source] + future[source])[:, None, :]
        future[here] = xp.einsum("rab,rab->ra", chain.onward[here], leaving)
    given_label = past + future
    mean = xp.einsum("ra,ra->r", chain.unary, given_label)
    unary = chain.unary * (given_label - mean[:, None])
    ahead = xp.zeros_like(past)
    # What follows a pair. It is never used across sequences: onward is zero there.
    ahead[:-1] = (emission_scores + future)[1:]
    of_row = pair_scores[sequence_of_row(lengths, xp)]
    given_pair = (past - mean[:, None])[:, :, None] + ahead[:, None, :] + of_row
    return unary, sum_rows(chain.unary[:, :, None] * chain.onward * given_pair, lengths)


def sum_rows(values: Array, lengths: Sequence[int]) -> Array:
    """Sum the rows of each sequence: (rows x ...) to (sequences x ...); empty sequences give zeros."""
    xp = array_module(values)
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    result = xp.zeros((len(sizes), *values.shape[1:]))
    filled = numpy.flatnonzero(sizes)
    if len(filled):
        starts = (numpy.cumsum(sizes) - sizes)[filled]
        result[xp.asarray(filled)] = xp.add.reduceat(values, xp.asarray(starts), axis=0)
    return result


def log_partitions(emissions: Array, transitions: Array, lengths: Sequence[int]) -> Array:
    """Return log Z of sequences that each have their own transitions.

    emissions (float64, tokens x labels), transitions (float64, sequences x labels x labels), lengths (ints, at least
        1 each).
    RETURNS (float64, sequences).
    """
    xp = array_module(emissions)
    layout = time_major(lengths, xp)
    if not len(lengths):
        return xp.zeros(0)
    state = emissions[layout.forward[0]]
    done = xp.zeros(len(state))
    for step in range(len(layout.running)):
        running = layout.running[step]
        if step:
            moved = state[:running, :, None] + transitions[layout.order[:running]]
            highest = moved.max(axis=1)
            total = xp.exp(moved - highest[:, None, :]).sum(axis=1)
            state = xp.log(total) + highest + emissions[layout.forward[step, :running]]
        highest = state.max(axis=1)
        done[:running] = xp.log(xp.exp(state - highest[:, None]).sum(axis=1)) + highest
    result = xp.zeros(len(lengths))
    result[layout.order] = done
    return result

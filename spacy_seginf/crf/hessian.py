"""The exact Hessian of the training loss: the covariance of the CRF's sufficient statistics.

The Hessian of a sequence's log partition function with respect to theta = (W with its bias column, T) is Cov[Phi] with
Phi = (sum_t onehot(y_t) (outer) F_t, sum_{t>1} onehot(y_{t-1}) (outer) onehot(y_t)), over all pairs of positions:

    W, W block:  F^T K_ab F for labels a and b, with K_ab[s, t] = Cov[y_s = a, y_t = b]. Over all b they add up to 0, so
                 the blocks a < b give the rest. Cov[y_s, y_{t+1}] = Cov[y_s, y_t] Q_t with
                 Q_t[a, b] = p(y_{t+1} = b | y_t = a), so covariances die out with distance: K_ab is sparse, K_ab F
                 costs little, and one dense product per block remains, over tokens with any doubt about a and b;
    T blocks:    the expected number of label pairs given one label, by two linear recursions over all distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Sequence

import numpy

from .. import budget
from .arrays import Array, TimeMajor, array_module, boundaries, padded_groups, sparse_matrix, time_major
from .messages import log_messages
from .semirings import log_sum_exp

NEGLIGIBLE = 1e-14  # covariance of two label indicators below which it counts as none
FAINT = 1e-6  # covariances of a token that add up to less are taken in single precision, to 1e-7 of their size
COVARIANCE_CELLS = 2**24  # covariances kept at a time
SWEEP_CELLS = 2**23  # numbers that a sweep over label pairs keeps at a time


@dataclass(frozen=True)
class Chain:
    """A batch of sequences as the Markov chains that the CRF makes of them (float64, rows x labels x labels).

    unary (rows x labels): label marginals.
    onward: p(next label | label); zeros on last tokens. backward: p(last label | label); zeros on first tokens.
    """

    unary: Array
    onward: Array
    backward: Array

    def __getitem__(self, rows: slice) -> Chain:
        return Chain(self.unary[rows], self.onward[rows], self.backward[rows])

    def follows(self, row: int, label: int, following: int) -> float:
        """Return p(next label | label) of a token that is not the last."""
        return float(self.onward[row, label, following])

    def precedes(self, row: int, label: int, previous: int) -> float:
        """Return p(last label | label) of a token that is not the first."""
        return float(self.backward[row, label, previous])

    def pair_variances(self) -> Array:
        """Add up p (1 - p) of each (left, right) label pair over all tokens (labels x labels)."""
        pairs = self.unary[:, :, None] * self.onward
        return (pairs * (1.0 - pairs)).sum(axis=0)

    def pair_probabilities(self, left: Array, right: Array) -> Array:
        """Return the probabilities of some label pairs (ints, pairs) at tokens and their right neighbours (rows x
        pairs; zeros on last tokens)."""
        return self.unary[:, left] * self.onward[:, left, right]


def markov_chain(emissions: Array, transitions: Array, lengths: Sequence[int]) -> Chain:
    """Compute marginals and conditional transition probabilities of a batch, in log space."""
    xp = array_module(emissions)
    if xp is numpy:
        ahead, behind = numpy.empty_like(emissions), numpy.empty_like(emissions)
        labels = len(transitions)
        for _, rows, sizes in padded_groups(lengths, budget.NUMBERS // labels, budget.at_once(labels**2, len(lengths))):
            ahead[rows], behind[rows] = log_messages(emissions[rows], transitions, time_major(sizes))
    else:
        ahead, behind = log_messages(emissions, transitions, time_major(lengths, xp))
    joint = ahead + behind
    unary = xp.exp(joint - log_sum_exp(joint, axis=1)[:, None])
    first, last = boundaries(lengths, xp)
    onward, backward = (xp.zeros((*unary.shape, unary.shape[1])) for _ in range(2))
    following = transitions + (emissions + behind)[~first][:, None, :]
    onward[~last] = xp.exp(following - log_sum_exp(following, axis=2)[:, :, None])
    leading = (ahead[~last][:, :, None] + transitions).transpose(0, 2, 1)
    backward[~first] = xp.exp(leading - log_sum_exp(leading, axis=2)[:, :, None])
    return Chain(unary, onward, backward)


def loss_hessian(
    batches: Iterable[tuple[Array, Array, Sequence[int]]],
    transitions: Array,
    width: int,
    negligible: float = NEGLIGIBLE,
) -> Array:
    """Sum Cov[Phi] over sequences: the Hessian of the summed negative log-likelihood of fully labelled sequences.

    batches (iterable of (emissions, features, lengths)): float64, tokens x labels and tokens x width (with the
        constant 1), and tokens per sequence. Read once, one after another: memory does not grow with their number.
        Emissions of -inf rule labels out; every token needs one that is finite.
    transitions (float64, labels x labels).
    width (int): columns of the features, d + 1.
    negligible (float): covariances of label indicators below this are left out; 0 keeps all.
    RETURNS (float64, P x P): P = labels * width + labels^2; rows of W first (label by label), then T row by row.
    """
    labels = len(transitions)
    w_size = labels * width
    hessian = array_module(transitions).zeros((w_size + labels**2,) * 2)
    for emissions, features, lengths in batches:
        if not len(emissions):
            continue
        chain = markov_chain(emissions, transitions, lengths)
        _add_labels(hessian, chain, features, lengths, negligible)
        for rows, part in _parts(lengths, SWEEP_CELLS // labels**3):
            _add_pairs(hessian, chain[rows], features[rows], part)
    blocks = hessian[:w_size, :w_size].reshape(labels, width, labels, width)
    for a in range(labels):
        for b in range(a + 1, labels):
            blocks[b, :, a] = blocks[a, :, b].T
            both_orders = (blocks[a, :, b] + blocks[b, :, a]) / 2  # equal but for what is left out
            blocks[a, :, a] -= both_orders
            blocks[b, :, b] -= both_orders
    hessian[:w_size, w_size:] = hessian[w_size:, :w_size].T
    return hessian


def _add_labels(hessian: Array, chain: Chain, features: Array, lengths: Sequence[int], negligible: float) -> None:
    """Add F^T K_ab F for labels a < b, above the diagonal."""
    xp = array_module(chain.unary)
    count, labels = chain.unary.shape
    width = features.shape[1]
    blocks = hessian[: labels * width, : labels * width].reshape(labels, width, labels, width)
    single = features.astype("float32")
    for left, right, covariance in _covariances(chain, lengths, negligible):
        apart = xp.flatnonzero(left != right)  # met once, but they count in both orders
        rows = xp.concatenate([left, right[apart]])
        columns = xp.concatenate([right, left[apart]])
        for a in range(labels):
            for b in range(a + 1, labels):
                values = xp.concatenate([covariance[a, b], covariance[b, a, apart]])
                kept = xp.flatnonzero(xp.abs(values) > negligible)
                sparse = sparse_matrix(values[kept], rows[kept], columns[kept], (count, count))
                doubt = xp.bincount(rows[kept], weights=xp.abs(values[kept]), minlength=count)
                for part, precise in ((doubt > FAINT, features), ((doubt > 0) & (doubt <= FAINT), single)):
                    chosen = xp.flatnonzero(part)
                    if not len(chosen):
                        continue
                    blocks[a, :, b] += precise[chosen].T @ (sparse[chosen].astype(precise.dtype) @ precise)


def _covariances(chain: Chain, lengths: Sequence[int], negligible: float) -> Iterator[tuple[Array, Array, Array]]:
    """Follow Cov[y_s, y_t] for growing distances t - s until nothing is left.

    YIELDS: s, t (ints, pairs of tokens) and covariances (float64, labels x labels x pairs of tokens), all distances at
        once unless they take too much memory.
    """
    xp, unary = array_module(chain.unary), chain.unary
    every = xp.arange(unary.shape[1])
    covariance = -unary[:, :, None] * unary[:, None, :]
    covariance[:, every, every] = 0.0
    covariance[:, every, every] = -covariance.sum(axis=2)  # and not p - p^2: rounding that does not add up to 0 stays
    left = right = xp.arange(len(unary))
    _, last = boundaries(lengths, xp)
    found: list[tuple[Array, Array, Array]] = []
    while len(left):
        found.append((left, right, covariance))
        if sum(values.size for _, _, values in found) > COVARIANCE_CELLS:
            yield _together(found)
            found = []
        going_on = (xp.abs(covariance) > negligible).any(axis=(1, 2)) & ~last[right]
        left, right = left[going_on], right[going_on]
        covariance = covariance[going_on] @ chain.onward[right]
        right = right + 1
    if found:
        yield _together(found)


def _together(found: list[tuple[Array, Array, Array]]) -> tuple[Array, Array, Array]:
    xp = array_module(found[0][2])
    left, right, covariance = (xp.concatenate(part) for part in zip(*found))
    return left, right, xp.ascontiguousarray(covariance.transpose(1, 2, 0))


def _parts(lengths: Sequence[int], size: int) -> Iterator[tuple[slice, list[int]]]:
    """Cut a batch between sequences into parts of at most size tokens, or of one sequence."""
    start = stop = 0
    part: list[int] = []
    for length in lengths:
        if part and stop + length - start > size:
            yield slice(start, stop), part
            start, part = stop, []
        stop += length
        part.append(length)
    yield slice(start, stop), part


def _add_pairs(hessian: Array, chain: Chain, features: Array, lengths: Sequence[int]) -> None:
    """Add the rows of T: covariances of label pairs with labels and with label pairs."""
    xp = array_module(features)
    labels, width = chain.unary.shape[1], features.shape[1]
    w_size = labels * width
    _, last = boundaries(lengths, xp)
    layout = time_major(lengths, xp)
    past = _sweep(chain, layout, forward=True)
    pairs = chain.unary[~last][:, :, None] * chain.onward[~last]
    # pairs of tokens t, t + 1 with all earlier ones, given the label of t; in the other order it is the transpose
    earlier = pairs.transpose(1, 2, 0) @ past[~last].transpose(1, 0, 2)
    flat = pairs.reshape(len(pairs), labels**2)
    block = earlier.reshape(labels**2, labels**2)
    hessian[w_size:, w_size:] += block + block.T + xp.diag(flat.sum(axis=0)) - flat.T @ flat
    # E[pairs | y_t = a] - E[pairs], for all pairs of the sequence
    given_label = past
    given_label += _sweep(chain, layout, forward=False)
    given_label *= chain.unary[:, :, None]
    product = given_label.reshape(len(features), labels**3).T @ features
    hessian[w_size:, :w_size].reshape(labels**2, labels, width)[...] += product.reshape(
        labels, labels**2, width
    ).transpose(1, 0, 2)


def _sweep(chain: Chain, layout: TimeMajor, *, forward: bool) -> Array:
    """Return E[pairs on one side of t | y_t = a] - E[the same] (rows x labels x labels^2)."""
    xp = array_module(chain.unary)
    rows, labels = chain.unary.shape
    conditional = chain.backward if forward else chain.onward
    places = layout.forward if forward else layout.backward
    result = xp.zeros((rows, labels, labels**2))
    arange = xp.arange(labels)
    for step, running in enumerate(layout.running[1:], start=1):
        here, source = places[step, :running], places[step - 1, :running]
        weights = conditional[here]
        state = weights @ result[source]
        on_pairs = state.reshape(running, labels, labels, labels)
        if forward:  # the pair (label of the source, own label)
            on_pairs[:, arange, :, arange] += weights.transpose(1, 0, 2)
        else:
            on_pairs[:, arange, arange, :] += weights
        state -= xp.einsum("ra,rap->rp", chain.unary[here], state)[:, None, :]
        result[here] = state
    return result

"""The exact Hessian of the training loss: the covariance of the CRF's sufficient statistics.

The Hessian of a sequence's log partition function with respect to theta = (W with its bias column, T) is Cov[Phi] with
Phi = (sum_t onehot(y_t) (outer) F_t, sum_{t>1} onehot(y_{t-1}) (outer) onehot(y_t)), over all pairs of positions:

    W, W block:  sum_{s, t} Cov[y_s, y_t] (outer) F_s F_t^T, and Cov[y_s, y_{t+1}] = Cov[y_s, y_t] Q_t with
                 Q_t[a, b] = p(y_{t+1} = b | y_t = a), so covariances die out with distance and are followed until then;
    T blocks:    the expected number of label pairs given one label, by two linear recursions over all distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Sequence

import numpy

from .arrays import Array, TimeMajor, boundaries, time_major
from .forward_backward import log_messages, log_sum_exp

NEGLIGIBLE = 1e-10  # covariance of two label indicators below which it counts as none
BUFFER_ROWS = 4096


@dataclass(frozen=True)
class Chain:
    """A batch of sequences as the Markov chains that the CRF makes of them (float64, rows x labels x labels).

    unary (rows x labels): label marginals.
    onward: p(next label | label); zeros on last tokens. backward: p(last label | label); zeros on first tokens.
    """

    unary: Array
    onward: Array
    backward: Array


def markov_chain(emissions: Array, transitions: Array, lengths: Sequence[int]) -> Chain:
    """Compute marginals and conditional transition probabilities of a batch, in log space."""
    layout = time_major(lengths)
    ahead, behind = log_messages(emissions, transitions, layout)
    joint = ahead + behind
    unary = numpy.exp(joint - log_sum_exp(joint, axis=1)[:, None])
    first, last = boundaries(lengths)
    onward, backward = (numpy.zeros((*unary.shape, unary.shape[1])) for _ in range(2))
    following = transitions + (emissions + behind)[~first][:, None, :]
    onward[~last] = numpy.exp(following - log_sum_exp(following, axis=2)[:, :, None])
    leading = (ahead[~last][:, :, None] + transitions).transpose(0, 2, 1)
    backward[~first] = numpy.exp(leading - log_sum_exp(leading, axis=2)[:, :, None])
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
    transitions (float64, labels x labels).
    width (int): columns of the features, d + 1.
    negligible (float): covariances of label indicators below this are left out; 0 keeps all.
    RETURNS (float64, P x P): P = labels * width + labels^2; rows of W first (label by label), then T row by row.
    """
    labels = len(transitions)
    w_size = labels * width
    hessian = numpy.zeros((w_size + labels**2,) * 2)
    features_block = _FeatureBlock(hessian, labels, width)
    for emissions, features, lengths in batches:
        if not len(emissions):
            continue
        chain = markov_chain(emissions, transitions, lengths)
        _add_covariances(features_block, chain, features, lengths, negligible)
        _add_pairs(hessian, chain, features, lengths)
    features_block.flush_all()
    hessian[:w_size, w_size:] = hessian[w_size:, :w_size].T
    return hessian


class _FeatureBlock:
    """Sum c F_s F_t^T per label pair, many rows at a time."""

    def __init__(self, hessian: Array, labels: int, width: int) -> None:
        size = labels * width
        self._blocks = hessian[:size, :size].reshape(labels, width, labels, width)
        self._waiting: dict[tuple[int, int], list[tuple[Array, Array]]] = {}
        self._rows: dict[tuple[int, int], int] = {}

    def add(self, left: int, right: int, weighted: Array, features: Array) -> None:
        key = left, right
        self._waiting.setdefault(key, []).append((weighted, features))
        self._rows[key] = self._rows.get(key, 0) + len(features)
        if self._rows[key] >= BUFFER_ROWS:
            self._flush(key)

    def flush_all(self) -> None:
        for key in list(self._waiting):
            self._flush(key)

    def _flush(self, key: tuple[int, int]) -> None:
        pieces = self._waiting.pop(key)
        self._rows.pop(key)
        product = numpy.concatenate([w for w, _ in pieces]).T @ numpy.concatenate([f for _, f in pieces])
        self._blocks[key[0], :, key[1], :] += product
        if key[0] != key[1]:
            self._blocks[key[1], :, key[0], :] += product.T


def _add_covariances(
    block: _FeatureBlock, chain: Chain, features: Array, lengths: Sequence[int], negligible: float
) -> None:
    """Follow Cov[y_s, y_{s + distance}] for growing distances until nothing is left."""
    unary = chain.unary
    labels = unary.shape[1]
    covariance = numpy.einsum("ta,ab->tab", unary, numpy.eye(labels)) - unary[:, :, None] * unary[:, None, :]
    left = right = numpy.arange(len(unary))
    _, last = boundaries(lengths)
    distance = 0
    while len(left):
        relevant = numpy.abs(covariance) > negligible
        for a in range(labels):
            for b in range(labels) if distance else range(a, labels):
                rows = numpy.flatnonzero(relevant[:, a, b])
                if not len(rows):
                    continue
                weighted = features[left[rows]] * covariance[rows, a, b, None]
                if a == b and distance:  # both orders of the two positions
                    block.add(a, b, weighted, features[right[rows]])
                    block.add(a, b, features[right[rows]], weighted)
                elif a <= b:
                    block.add(a, b, weighted, features[right[rows]])
                else:
                    block.add(b, a, features[right[rows]], weighted)
        going_on = relevant.any(axis=(1, 2)) & ~last[right]
        left, right = left[going_on], right[going_on]
        covariance = covariance[going_on] @ chain.onward[right]
        right = right + 1
        distance += 1


def _add_pairs(hessian: Array, chain: Chain, features: Array, lengths: Sequence[int]) -> None:
    """Add the rows of T: covariances of label pairs with labels and with label pairs."""
    labels, width = chain.unary.shape[1], features.shape[1]
    w_size = labels * width
    first, last = boundaries(lengths)
    layout = time_major(lengths)
    past = _sweep(chain, layout, forward=True)
    future = _sweep(chain, layout, forward=False)
    # E[pairs | y_t = a] - E[pairs], for all pairs of the sequence
    given_label = past + future
    weighted = given_label * chain.unary[:, :, None]
    for label in range(labels):
        columns = slice(label * width, (label + 1) * width)
        hessian[w_size:, columns] += weighted[:, label].T @ features
    pairs = chain.unary[~last][:, :, None] * chain.onward[~last]
    block = hessian[w_size:, w_size:].reshape(labels, labels, labels**2)
    for label in range(labels):
        block[label] += pairs[:, label, :].T @ past[~last][:, label]
        block[:, label] += pairs[:, :, label].T @ future[~first][:, label]
    flat = pairs.reshape(len(pairs), labels**2)
    hessian[w_size:, w_size:] += numpy.diag(flat.sum(axis=0)) - flat.T @ flat


def _sweep(chain: Chain, layout: TimeMajor, *, forward: bool) -> Array:
    """Return E[pairs on one side of t | y_t = a] - E[the same] (rows x labels x labels^2)."""
    rows, labels = chain.unary.shape
    conditional = chain.backward if forward else chain.onward
    places = layout.forward if forward else layout.backward
    result = numpy.zeros((rows, labels, labels**2))
    arange = numpy.arange(labels)
    for step, running in enumerate(layout.running[1:], start=1):
        here, source = places[step, :running], places[step - 1, :running]
        weights = conditional[here]
        state = weights @ result[source]
        on_pairs = state.reshape(running, labels, labels, labels)
        if forward:  # the pair (label of the source, own label)
            on_pairs[:, arange, :, arange] += weights.transpose(1, 0, 2)
        else:
            on_pairs[:, arange, arange, :] += weights
        state -= numpy.einsum("ra,rap->rp", chain.unary[here], state)[:, None, :]
        result[here] = state
    return result

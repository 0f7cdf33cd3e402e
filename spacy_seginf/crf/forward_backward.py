"""Forward-backward for linear-chain CRFs: log partition, label posteriors and expected label pairs.

The score of labels y for a sequence is ``sum_t emissions[t, y_t] + sum_{t>1} transitions[y_{t-1}, y_t]``.
There are no start or end scores. All sequences of a batch share one flat emission array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy

from .. import budget
from .arrays import Array, TimeMajor, array_module, boundaries, padded_groups, sum_by_sequence, time_major
from .messages import log_messages
from .scan import scan_pays
from .semirings import log_sum_exp

# A scaled recursion loses a label only if its share of the forward mass underflows; any other label reaches
# the same future at a cost of at most the span of the transitions. Below these spans what is lost is smaller
# than rounding; above them the recursion runs in log space.
SPAN_LIMIT = {"float32": 30.0, "float64": 300.0}
PAIRS_AT_ONCE = 1024  # tokens whose label pairs are written out together


@dataclass(frozen=True)
class Posterior:
    """What forward-backward knows about a batch.

    log_partition (float64, sequences): log of the summed exponentiated scores; 0 for empty sequences.
    unary (rows x labels): probability of each label at each token.
    pairs (float64, labels x labels): expected number of neighbouring (left, right) labels, over the whole batch.
    """

    log_partition: Array
    unary: Array
    pairs: Array


def forward_backward(
    emissions: Array,
    transitions: Array,
    lengths: Sequence[int],
    allowed: Optional[Array] = None,
) -> Posterior:
    """Sum over all label sequences, or over those that only use allowed labels.

    emissions (floats, rows x labels): unnormalised log scores, the tokens of all sequences one after another.
    transitions (floats, labels x labels): score of (left label, right label).
    lengths (ints): tokens per sequence, adding up to rows.
    allowed (bool, rows x labels): labels to sum over; every row needs at least one. None allows all.
    RETURNS (Posterior): unary in the dtype of the emissions.
    """
    xp = array_module(emissions)
    labels = emissions.shape[1]
    if emissions.shape[0] == 0:
        return Posterior(xp.zeros(len(lengths)), emissions, xp.zeros((labels, labels)))
    if allowed is not None:
        emissions = xp.where(allowed, emissions, -xp.inf)
    logarithms = float(transitions.max() - transitions.min()) > SPAN_LIMIT[str(emissions.dtype)]
    if xp is not numpy:
        layout = time_major(lengths, xp)
        compute = _log_space if logarithms or scan_pays(layout, xp) else _scaled
        return compute(emissions, transitions, lengths, layout)
    compute = _log_space if logarithms else _scaled
    most = budget.at_once(labels**2, len(lengths)) if logarithms else None
    groups = padded_groups(lengths, budget.NUMBERS // labels, most)
    if len(groups) == 1:
        return compute(emissions, transitions, lengths, time_major(lengths))
    whole = Posterior(numpy.zeros(len(lengths)), numpy.empty_like(emissions), numpy.zeros((labels, labels)))
    for numbers, rows, sizes in groups:
        part = compute(emissions[rows], transitions, sizes, time_major(sizes))
        whole.log_partition[numbers], whole.unary[rows] = part.log_partition, part.unary
        whole.pairs[...] += part.pairs
    return whole


def _scaled(emissions: Array, transitions: Array, lengths: Sequence[int], layout: TimeMajor) -> Posterior:
    """Rabiner's scaling. With its emission multiplied in, the backward message obeys the forward recursion on
    the reversed sequence with transposed transitions, so one loop computes both, stacked on axis 0."""
    xp = array_module(emissions)
    highest = emissions.max(axis=1, keepdims=True)
    likelihoods = xp.exp(emissions - highest)
    top_transition = transitions.max()
    kernel = xp.exp(transitions - top_transition)
    kernels = xp.ascontiguousarray(xp.stack([kernel, kernel.T]))
    evidence = likelihoods[xp.stack([layout.forward, layout.backward], axis=1)]  # steps x 2 x sequences x labels

    incoming = xp.ones_like(evidence)
    messages = evidence
    scales = xp.ones(evidence.shape[:3] + (1,), dtype=emissions.dtype)
    state = messages[0]
    xp.sum(state, axis=2, keepdims=True, out=scales[0])
    state /= scales[0]
    for step, running in enumerate(layout.running[1:], start=1):
        arrived = incoming[step, :, :running]
        xp.matmul(state[:, :running], kernels, out=arrived)
        state = messages[step, :, :running]
        state *= arrived
        scale = scales[step, :, :running]
        xp.sum(state, axis=2, keepdims=True, out=scale)
        state /= scale

    ahead = messages[layout.step, 0, layout.column]
    behind = messages[layout.reverse_step, 1, layout.column]
    unary = ahead * incoming[layout.reverse_step, 1, layout.column]
    mass = unary.sum(axis=1, keepdims=True)
    unary /= mass
    # Counts grow with the batch, so they are summed in float64: in float32 a few hundred would be wrong by 1e-3.
    left, right = (ahead / mass).astype("float64"), behind.astype("float64")
    _, last = boundaries(lengths, xp)
    left[last] = 0.0  # no pair begins there
    pairs = kernel * (left[:-1].T @ right[1:])
    log_scales = xp.log(scales[layout.step, 0, layout.column, 0]).astype("float64") + highest[:, 0]
    edges = numpy.maximum(numpy.asarray(lengths) - 1, 0)
    log_partition = sum_by_sequence(log_scales, lengths) + xp.asarray(edges) * float(top_transition)
    return Posterior(log_partition, unary, pairs)


def _log_space(emissions: Array, transitions: Array, lengths: Sequence[int], layout: TimeMajor) -> Posterior:
    """The same on logarithms, in float64: slower step by step, but safe for transitions of any size, and a scan."""
    xp = array_module(emissions)
    scores = emissions.astype("float64")
    transitions = transitions.astype("float64")
    forward_messages, backward_messages = log_messages(scores, transitions, layout)
    joint = forward_messages + backward_messages
    log_mass = log_sum_exp(joint, axis=1)
    unary = xp.exp(joint - log_mass[:, None])
    first, last = boundaries(lengths, xp)
    left = (forward_messages - log_mass[:, None])[~last]
    right = (backward_messages + scores)[~first]
    pairs = xp.zeros_like(transitions)
    size = budget.at_once(transitions.size, PAIRS_AT_ONCE)
    for start in range(0, left.shape[0], size):
        chunk = slice(start, start + size)
        pairs += xp.exp(left[chunk, :, None] + transitions + right[chunk, None, :]).sum(axis=0)
    log_partition = sum_by_sequence(xp.where(first, log_mass, 0.0), lengths)
    return Posterior(log_partition, unary.astype(emissions.dtype), pairs)

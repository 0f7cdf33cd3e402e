"""Logarithms of forward and backward messages, in float64: safe for scores of any size."""

from __future__ import annotations

import numpy

from .arrays import Array, TimeMajor, array_module
from .scan import scan, scan_groups, scan_pays
from .semirings import log_move, log_product_for, log_sum_exp, or_zero

SPREAD = 600.0  # nats; exp(-745) is 0 in float64
LEAST = 1e-300  # a number that can divide 0, the weight of the impossible


def log_messages(emissions: Array, transitions: Array, layout: TimeMajor) -> tuple[Array, Array]:
    """Return the logarithms of the forward and backward messages (float64, rows x labels each).

    Forward messages include the token's own emission, backward messages do not.

    emissions (float64, rows x labels): -inf rules labels out; every row needs one that is finite.
    transitions (float64, labels x labels).
    """
    if not len(emissions):
        return emissions, emissions
    xp = array_module(emissions)
    if scan_pays(layout, xp):
        return scanned_messages(emissions, transitions, layout)
    steps = steps_in_range(emissions, transitions) if xp is numpy else 0  # a GPU would be asked, and wait
    if steps:
        return near_messages(emissions, transitions, layout, steps)
    return recursive_messages(emissions, transitions, layout)


def recursive_messages(emissions: Array, transitions: Array, layout: TimeMajor) -> tuple[Array, Array]:
    """Compute the messages step by step."""
    xp = array_module(emissions)
    ahead = xp.zeros((*layout.forward.shape, emissions.shape[1]))
    behind = xp.zeros_like(ahead)
    ahead[0] = emissions[layout.forward[0]]
    for step, running in enumerate(layout.running[1:], start=1):
        arrived = log_sum_exp(ahead[step - 1, :running, :, None] + transitions, axis=1)
        ahead[step, :running] = arrived + emissions[layout.forward[step, :running]]
        following = behind[step - 1, :running] + emissions[layout.backward[step - 1, :running]]
        behind[step, :running] = log_sum_exp(transitions + following[:, None, :], axis=2)
    return ahead[layout.step, layout.column], behind[layout.reverse_step, layout.column]


def near_messages(
    emissions: numpy.ndarray, transitions: numpy.ndarray, layout: TimeMajor, steps: int
) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Compute the messages as products of matrices, many times faster. With its emission, the backward message is the
    forward message of the reversed sequence with transposed transitions, so one loop gives both.

    steps (int): after so many, weights are divided by the largest one; see ``steps_in_range``.
    """
    highest, top = or_zero(emissions.max(axis=1)), float(transitions.max())
    kernel = numpy.exp(transitions - top)
    kernels = numpy.stack([kernel, kernel.T])
    starts = numpy.cumsum([0, *layout.running]).tolist()
    # The tokens of a step lie one after another, without room for sequences that have ended.
    places = numpy.array(starts)[numpy.stack([layout.step, layout.reverse_step])] + layout.column
    weights = numpy.empty((2, *emissions.shape))
    weights[numpy.arange(2)[:, None], places] = numpy.exp(emissions - highest[:, None])
    incoming = numpy.ones_like(weights)
    divided = numpy.ones((len(layout.running), 2, len(layout.order)))
    state = weights[:, : starts[1]]
    for step, running in enumerate(layout.running[1:], start=1):
        rows = slice(starts[step], starts[step + 1])
        arrived = numpy.matmul(state[:, :running], kernels, out=incoming[:, rows])
        state = weights[:, rows]
        state *= arrived
        if not step % steps:
            largest = numpy.maximum(state.max(axis=2), LEAST)
            state /= largest[:, :, None]
            divided[step, :, :running] = largest
    taken = highest[numpy.stack([layout.forward, layout.backward], axis=1)] + numpy.log(divided)
    before = numpy.cumsum(taken, axis=0) - taken + top * numpy.arange(len(taken))[:, None, None]
    with numpy.errstate(divide="ignore"):
        ahead, behind = numpy.log(weights[0, places[0]]), numpy.log(incoming[1, places[1]])
    ahead += (before + taken)[layout.step, 0, layout.column, None]
    behind += before[layout.reverse_step, 1, layout.column, None]
    return ahead, behind


def steps_in_range(emissions: numpy.ndarray, transitions: numpy.ndarray) -> int:
    """Return how many steps weights may go on without being divided, so that no label is lost that another one does not
    outweigh later; 0 if there is no such number.

    Any two ways between the labels of a token and those two tokens on differ by less than SPREAD nats, and with each
    step the largest weight falls by less than the spans of emissions and transitions, or grows by less than the number
    of labels. -inf, which is ruled out, does not count.
    """
    spans = []
    for values in (emissions, transitions.reshape(1, -1)):
        highest = values.max(axis=1)
        lowest = numpy.where(numpy.isfinite(values), values, numpy.inf).min(axis=1)
        possible = numpy.isfinite(highest)
        spans.append(float((highest[possible] - lowest[possible]).max(initial=0.0)))
    left = SPREAD - 2.0 * spans[0] - 3.0 * spans[1]
    if left <= 0 or not numpy.isfinite(transitions).any():
        return 0
    return 1 + int(left / (sum(spans) + numpy.log1p(len(transitions))))


def scanned_messages(emissions: Array, transitions: Array, layout: TimeMajor) -> tuple[Array, Array]:
    """Compute the messages by a scan. With its emission, the backward message is the forward message of the reversed
    sequence with transposed transitions, so one scan gives both."""
    xp = array_module(emissions)
    labels = emissions.shape[1]
    join = log_product_for(transitions)
    kernels = xp.stack([transitions, transitions.T])[:, None]
    ahead = xp.zeros((*layout.forward.shape, labels))
    behind = xp.zeros_like(ahead)
    for steps, columns in scan_groups(layout, 2 * labels**2):
        places = xp.stack([layout.forward[:steps, columns], layout.backward[:steps, columns]], axis=1)
        evidence = emissions[places]  # steps x 2 x sequences x labels; after its end a sequence repeats some row
        ahead[0, columns] = evidence[0, 0]
        if steps == 1:
            continue
        states = scan(evidence[0], kernels + evidence[1:, :, :, None, :], join, log_move)
        ahead[1:steps, columns] = states[:, 0]
        behind[1, columns] = log_move(evidence[0, 1], transitions.T)
        behind[2:steps, columns] = log_move(states[:-1, 1], transitions.T)
    return ahead[layout.step, layout.column], behind[layout.reverse_step, layout.column]

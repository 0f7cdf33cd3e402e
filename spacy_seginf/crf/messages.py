"""Logarithms of forward and backward messages, in float64: safe for scores of any size."""

from __future__ import annotations

import numpy

from .arrays import Array, TimeMajor, array_module
from .scan import scan, scan_groups, scan_pays
from .semirings import log_move, log_product_for, log_sum_exp

SPREAD = 600.0  # nats; exp(-745) is 0 in float64
LOWEST = -1e300  # a number that can be subtracted from -inf, the score of the impossible


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
    near = xp is numpy and are_near(emissions, transitions)  # a GPU would be asked, and wait
    return (near_messages if near else recursive_messages)(emissions, transitions, layout)


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


def near_messages(emissions: Array, transitions: Array, layout: TimeMajor) -> tuple[Array, Array]:
    """Compute the messages step by step as products of matrices, several times faster. With its emission, the backward
    message is the forward message of the reversed sequence with transposed transitions, so one loop gives both.

    A label is lost where it is SPREAD nats less likely than another of its token, see ``are_near``.
    """
    top = float(transitions.max())
    kernel = numpy.exp(transitions - top)
    kernels = numpy.stack([kernel, kernel.T])
    messages = emissions[numpy.stack([layout.forward, layout.backward], axis=1)]  # steps x 2 x sequences x labels
    incoming = numpy.zeros_like(messages)
    with numpy.errstate(divide="ignore"):
        for step, running in enumerate(layout.running[1:], start=1):
            states, arrived = messages[step - 1, :, :running], incoming[step, :, :running]
            highest = numpy.maximum(states.max(axis=2, keepdims=True), LOWEST)
            numpy.matmul(numpy.exp(states - highest), kernels, out=arrived)
            numpy.log(arrived, out=arrived)
            arrived += highest + top
            messages[step, :, :running] += arrived
    return messages[layout.step, 0, layout.column], incoming[layout.reverse_step, 1, layout.column]


def are_near(emissions: numpy.ndarray, transitions: numpy.ndarray) -> bool:
    """Tell whether no label can be lost that another one does not outweigh later: any two ways between the labels of a
    token and those two tokens on differ by less than SPREAD nats. -inf, which is ruled out, does not count."""
    spans = []
    for values in (emissions, transitions.reshape(1, -1)):
        highest = values.max(axis=1)
        lowest = numpy.where(numpy.isfinite(values), values, numpy.inf).min(axis=1)
        possible = numpy.isfinite(highest)
        spans.append(float((highest[possible] - lowest[possible]).max(initial=0.0)))
    return bool(2.0 * spans[0] + 3.0 * spans[1] < SPREAD and numpy.isfinite(transitions).any())


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

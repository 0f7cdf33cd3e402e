"""Logarithms of forward and backward messages, in float64: safe for scores of any size."""

from __future__ import annotations

import numpy

from .arrays import Array, TimeMajor, array_module
from .scan import scan, scan_groups, scan_pays
from .semirings import log_move, log_product_for, log_sum_exp

SPREAD = 600.0  # nats; exp(-745) is 0 in float64


def log_messages(emissions: Array, transitions: Array, layout: TimeMajor) -> tuple[Array, Array]:
    """Return the logarithms of the forward and backward messages (float64, rows x labels each).

    Forward messages include the token's own emission, backward messages do not.

    emissions (float64, rows x labels): -inf rules labels out; every row needs one that is finite.
    transitions (float64, labels x labels).
    """
    if not len(emissions):
        return emissions, emissions
    compute = scanned_messages if scan_pays(layout, array_module(emissions)) else recursive_messages
    return compute(emissions, transitions, layout)


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
    """Compute the messages step by step as products of matrices, several times faster.

    A label is lost where it is SPREAD nats less likely than another of its token, see ``are_near``.
    """
    xp = array_module(emissions)
    kernel = xp.exp(transitions)
    ahead = xp.zeros((*layout.forward.shape, emissions.shape[1]))
    behind = xp.zeros_like(ahead)
    ahead[0] = emissions[layout.forward[0]]
    with numpy.errstate(divide="ignore"):
        for step, running in enumerate(layout.running[1:], start=1):
            left = ahead[step - 1, :running]
            highest = left.max(axis=1, keepdims=True)
            arrived = xp.log(xp.exp(left - highest) @ kernel) + highest
            ahead[step, :running] = arrived + emissions[layout.forward[step, :running]]
            right = behind[step - 1, :running] + emissions[layout.backward[step - 1, :running]]
            highest = right.max(axis=1, keepdims=True)
            behind[step, :running] = xp.log(xp.exp(right - highest) @ kernel.T) + highest
    return ahead[layout.step, layout.column], behind[layout.reverse_step, layout.column]


def are_near(emissions: Array, transitions: Array) -> bool:
    """Tell whether no label can be lost that another one does not outweigh later: any two ways between the labels of a
    token and those two tokens on differ by less than SPREAD nats. -inf, which is ruled out, does not count."""
    xp = array_module(emissions)
    spans = []
    for values in (emissions, transitions.reshape(1, -1)):
        finite = xp.isfinite(values)
        highest = xp.where(finite, values, -xp.inf).max(axis=1)
        lowest = xp.where(finite, values, xp.inf).min(axis=1)
        spans.append(float(xp.where(finite.any(axis=1), highest - lowest, 0.0).max()))
    return 2.0 * spans[0] + 3.0 * spans[1] < SPREAD


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

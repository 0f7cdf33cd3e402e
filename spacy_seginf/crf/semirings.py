"""Sums and products of logarithms, and of best scores: matrices of (left label, right label) act on rows of labels."""

from __future__ import annotations

from typing import Callable

import numpy

from .arrays import Array, array_module

# Largest span of transitions at which products of matrices may share one scale per row, in float64; see log_product.
SHARED_SCALE_SPAN = 300.0


def log_sum_exp(values: Array, axis: int) -> Array:
    """Return log(sum(exp(values))) along an axis; a slice that is all -inf gives -inf."""
    xp = array_module(values)
    highest = values.max(axis=axis, keepdims=True)
    finite = or_zero(highest)
    with numpy.errstate(divide="ignore"):
        return xp.log(xp.exp(values - finite).sum(axis=axis)) + finite.squeeze(axis)


def log_product_for(transitions: Array) -> Callable[[Array, Array], Array]:
    """Return the product of matrices of logarithms that is safe for these transitions, the fast one if possible."""
    span = float(transitions.max() - transitions.min())
    return log_product if span <= SHARED_SCALE_SPAN else careful_log_product


def log_product(left: Array, right: Array) -> Array:
    """Return log(exp(left) @ exp(right)) of matrices of logarithms (... x labels x labels), with one scale per row.

    A path is lost if it is 700 nats less likely than another one from the same label. Where transitions span at most s,
    that other one reaches whatever the lost one reaches, and is still 700 - 2 s nats more likely there.
    """
    xp = array_module(left)
    best = right.max(axis=-1)
    weights = left + best[..., None, :]
    highest = or_zero(weights.max(axis=-1, keepdims=True))
    total = xp.exp(weights - highest) @ xp.exp(right - or_zero(best)[..., None])
    with numpy.errstate(divide="ignore"):
        return xp.log(total) + highest


def careful_log_product(left: Array, right: Array) -> Array:
    """Return the same for scores of any size: every sum has its own scale, which takes `labels` times as many steps."""
    xp = array_module(left)
    highest = or_zero(max_product(left, right))
    total = xp.zeros_like(highest)
    for middle in range(left.shape[-1]):
        total += xp.exp(left[..., :, middle, None] + right[..., None, middle, :] - highest)
    with numpy.errstate(divide="ignore"):
        return xp.log(total) + highest


def log_move(states: Array, steps: Array) -> Array:
    """Apply matrices of logarithms (... x labels x labels) to logarithms (... x labels)."""
    return log_sum_exp(states[..., :, None] + steps, axis=-2)


def max_product(left: Array, right: Array) -> Array:
    """Return the score of the best path from i to j through any k: max of left[..., i, k] + right[..., k, j]."""
    xp = array_module(left)
    best = left[..., :, 0, None] + right[..., None, 0, :]
    for middle in range(1, left.shape[-1]):
        xp.maximum(best, left[..., :, middle, None] + right[..., None, middle, :], out=best)
    return best


def max_move(states: Array, steps: Array) -> Array:
    """Return the score of the best path to j: max over k of states[..., k] + steps[..., k, j]."""
    return (states[..., :, None] + steps).max(axis=-2)


def or_zero(values: Array) -> Array:
    """Replace -inf, the score of the impossible, by a number that can be subtracted from it."""
    xp = array_module(values)
    return xp.where(xp.isfinite(values), values, 0.0)

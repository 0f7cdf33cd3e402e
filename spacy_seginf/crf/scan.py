"""A recursion over time in logarithmic depth, for devices that do many small things at once.

Steps are joined pair by pair, the recursion over the pairs is solved in the same way, and one more step from each of
its states fills the gaps (Blelloch 1990, "Prefix sums and their applications"; for Markov models Hassan, Särkkä and
García-Fernández 2021, "Temporal parallelization of inference in hidden Markov models"). A joined step of a CRF is a
matrix over labels, so this takes more operations than going step by step, which is what a CPU should do.
"""

from __future__ import annotations

from types import ModuleType
from typing import Callable, Iterator

import numpy

from .arrays import Array, TimeMajor, array_module

SCAN_FROM = 128  # steps; estimated from the number of kernels that either way launches, not measured
SCAN_CELLS = 2**25  # numbers in the matrices of the sequences that are scanned together


def scan_pays(layout: TimeMajor, xp: ModuleType) -> bool:
    """Should a recursion over these sequences be a scan? On GPUs, if any of them is long."""
    return xp is not numpy and len(layout.running) >= SCAN_FROM


def scan(
    first: Array, steps: Array, join: Callable[[Array, Array], Array], move: Callable[[Array, Array], Array]
) -> Array:
    """Return the states after each step of a recursion.

    first (state): the state before all steps.
    steps (count x step, at least 1): what is done in each step.
    join (Callable): makes one step of two in a row: (n x step, n x step) to n x step. It must be associative.
    move (Callable): applies steps to states: (n x state, n x step) to n x state.
    RETURNS (count x state).
    """
    xp = array_module(first)
    count = len(steps)
    if count == 1:
        return move(first[None], steps)
    odd = scan(first, join(steps[: count - 1 : 2], steps[1::2]), join, move)
    before = xp.concatenate([first[None], odd[: (count - 1) // 2]])
    states = xp.empty((count, *first.shape), dtype=odd.dtype)
    states[::2] = move(before, steps[::2])
    states[1::2] = odd
    return states


def scan_groups(layout: TimeMajor, cells: int) -> Iterator[tuple[int, slice]]:
    """Cut sequences into groups that fit into memory together, at so many cells per token.

    YIELDS: steps of the longest one, and the columns of the layout.
    """
    start = 0
    while start < len(layout.order):
        steps = sum(running > start for running in layout.running)
        stop = start + max(1, SCAN_CELLS // (steps * cells))
        yield steps, slice(start, stop)
        start = stop

"""The best label sequence under a decoding mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy

from .. import budget
from .arrays import Array, TimeMajor, array_module, padded_groups, time_major
from .scan import scan, scan_groups, scan_pays
from .semirings import max_move, max_product


@dataclass(frozen=True)
class DecodingMask:
    """Which labels may start, end and follow each other. It restricts decoding only: likelihoods, marginals
    and influence are those of the unrestricted model.

    start (bool, labels), end (bool, labels), follow (bool, labels x labels; left, right).
    """

    start: Array
    end: Array
    follow: Array

    def permits(self, labels: Sequence[int], at_start: bool, at_end: bool) -> bool:
        """Are these labels of neighbours permitted, at the start or the end of a text or inside of it?"""
        edges = (not at_start or self.start[labels[0]]) and (not at_end or self.end[labels[-1]])
        return bool(edges and all(self.follow[pair] for pair in zip(labels, labels[1:])))


def viterbi(emissions: Array, transitions: Array, lengths: Sequence[int], mask: Optional[DecodingMask] = None) -> Array:
    """Find the highest-scoring label sequence of each sequence; ties go to the lower label index.

    emissions (floats, rows x labels), transitions (floats, labels x labels), lengths (ints): as in
        ``forward_backward``.
    mask (DecodingMask): labels that may not start, end or follow are never used. None allows everything.
    RETURNS (int64, rows): labels, in the order of the emissions.
    """
    xp = array_module(emissions)
    layout = time_major(lengths, xp)
    if not len(emissions):
        return xp.zeros(0, dtype="int64")
    if mask is not None:
        transitions = xp.where(mask.follow, transitions, -xp.inf)
        emissions = emissions.copy()
        starts, ends = layout.step == 0, layout.reverse_step == 0
        emissions[starts] = xp.where(mask.start, emissions[starts], -xp.inf)
        emissions[ends] = xp.where(mask.end, emissions[ends], -xp.inf)
    if scan_pays(layout, xp):
        return scanned_paths(emissions.astype("float64"), transitions.astype("float64"), layout)
    if xp is not numpy:
        return recursive_paths(emissions, transitions, layout)
    labels = len(transitions)
    best = numpy.zeros(len(emissions), dtype="int64")
    for _, rows, sizes in padded_groups(lengths, budget.NUMBERS // labels, budget.at_once(labels**2, len(lengths))):
        best[rows] = recursive_paths(emissions[rows], transitions, time_major(sizes))
    return best


def recursive_paths(emissions: Array, transitions: Array, layout: TimeMajor) -> Array:
    """Find the best labels (int64, rows) step by step; -inf rules emissions and transitions out."""
    xp = array_module(emissions)
    best = xp.zeros(len(emissions), dtype="int64")
    scores = emissions[layout.forward]  # steps x sequences x labels
    size = transitions.shape[0]
    # Left labels on the first axis: the maximum then runs over whole rows of contiguous memory (4 times faster).
    moves = xp.empty((size, scores.shape[1], size), dtype=scores.dtype)
    moves[:] = transitions[:, None, :]
    candidates = xp.empty_like(moves)
    for step, running in enumerate(layout.running[1:], start=1):
        arrived = candidates[:, :running]
        xp.add(scores[step - 1, :running].T[:, :, None], moves[:, :running], out=arrived)
        scores[step, :running] += arrived.max(axis=0)

    # Walk back from the last token of every sequence at once; only the visited column of back pointers is computed.
    columns = xp.arange(len(layout.order))
    current = scores[layout.reverse_step[layout.forward[0]], columns].argmax(axis=1)
    best[layout.backward[0]] = current
    last_steps = layout.reverse_step[layout.forward[0]]
    for back, running in enumerate(layout.running[1:], start=1):
        active = columns[:running]
        state = scores[last_steps[:running] - back, active]
        current = (state + transitions.T[current[:running]]).argmax(axis=1)
        best[layout.backward[back, :running]] = current
    return best


def scanned_paths(emissions: Array, transitions: Array, layout: TimeMajor) -> Array:
    """Find the best labels (int64, rows) by one scan over best scores and one, from the ends, over back pointers.

    emissions, transitions: float64; -inf rules them out.
    """
    xp = array_module(emissions)
    found = xp.zeros(layout.forward.shape, dtype="int64")  # reverse steps x sequences
    for steps, columns in scan_groups(layout, emissions.shape[1] ** 2):
        rows = layout.forward[:steps, columns]
        scores = emissions[rows]  # steps x sequences x labels; after its end a sequence repeats some row
        if steps > 1:
            states = scan(scores[0], transitions + scores[1:, :, None, :], max_product, max_move)
            scores = xp.concatenate([scores[:1], states])
        every, last = xp.arange(rows.shape[1]), layout.reverse_step[rows[0]]
        found[0, columns] = scores[last, every].argmax(axis=1)
        if steps > 1:
            pointers = (scores[:-1, :, :, None] + transitions).argmax(axis=2)
            before = xp.maximum(last - 1 - xp.arange(steps - 1)[:, None], 0)
            found[1:steps, columns] = scan(found[0, columns], pointers[before, every], join_pointers, follow_pointers)
    return found[layout.reverse_step, layout.column]


def join_pointers(earlier: Array, later: Array) -> Array:
    """Follow two back pointers in a row (ints, ... x labels each)."""
    return array_module(earlier).take_along_axis(later, earlier, axis=-1)


def follow_pointers(labels: Array, pointers: Array) -> Array:
    """Look up what back pointers (ints, ... x labels) say of labels (ints, ...)."""
    return array_module(labels).take_along_axis(pointers, labels[..., None], axis=-1)[..., 0]

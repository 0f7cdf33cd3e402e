"""The best label sequence under a decoding mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

from .arrays import Array, array_module, time_major


@dataclass(frozen=True)
class DecodingMask:
    """Which labels may start, end and follow each other. It restricts decoding only: likelihoods, marginals
    and influence are those of the unrestricted model.

    start (bool, labels), end (bool, labels), follow (bool, labels x labels; left, right).
    """

    start: Array
    end: Array
    follow: Array


def viterbi(emissions: Array, transitions: Array, lengths: Sequence[int], mask: Optional[DecodingMask] = None) -> Array:
    """Find the highest-scoring label sequence of each sequence; ties go to the lower label index.

    emissions (floats, rows x labels), transitions (floats, labels x labels), lengths (ints): as in
        ``forward_backward``.
    mask (DecodingMask): labels that may not start, end or follow are never used. None allows everything.
    RETURNS (ints, rows): labels, in the order of the emissions.
    """
    xp = array_module(emissions)
    layout = time_major(lengths, xp)
    rows = emissions.shape[0]
    best = xp.zeros(rows, dtype="int64")
    if rows == 0:
        return best
    if mask is not None:
        transitions = xp.where(mask.follow, transitions, -xp.inf)
        emissions = emissions.copy()
        starts, ends = layout.step == 0, layout.reverse_step == 0
        emissions[starts] = xp.where(mask.start, emissions[starts], -xp.inf)
        emissions[ends] = xp.where(mask.end, emissions[ends], -xp.inf)
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

"""The smallest set of training labels whose removal, or relabelling, takes a prediction away.

A greedy search that recomputes the effects of all candidates as the head moves, in batches that grow with the set; then
labels are put back as long as the prediction stays away. What is found counts only if the head, refit without it from
where it is, decodes the whole text otherwise. Labels stand for each other, so sums of single effects name too few.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Iterable, Optional

import numpy

from ..influence.effects import Moved
from ..progress import MOVE, advance
from .flip_candidates import Candidates, Pick, change_of
from .joint import JointEffect, outcome, verified_effect
from .question import Question

CANDIDATES = 4000  # whose effects are computed again and again
STRONGEST = 100  # labels among which all pairs are looked at
NEAR = 0.5  # of the margin: single labels and pairs are tried if they are predicted to take as much off it
STEPS = 4  # of Newton's method at a move of the head, at most; one, unless the answer is close
CLOSE = 0.25  # of what the last step changed of the margin: what is left may be no more than what the step missed
SHARE = 4  # of the budget, one part each is for single labels and for pairs
GROWTH = 3  # a batch has a third of what was picked before
FAILURES = 3  # labels that could not be put back, until the rest are left


@dataclass(frozen=True)
class Search:
    """How a search for a flip set went.

    picks (tuple of Pick): the set; empty if none was found, or a refit did not confirm it.
    effect (JointEffect, optional): what the refit showed; of the largest set that was tried if none was confirmed.
    tried (int): labels of that set. labels (int): training labels that could be changed.
    singles, pairs (bool): whether no single label does it, and no pair of the STRONGEST; what is near was tried.
    singles_tried, pairs_tried (int): how many of them the head was moved for.
    moves (int): of the head, refits included.
    """

    picks: tuple[Pick, ...]
    effect: Optional[JointEffect]
    tried: int
    labels: int
    singles: bool = False
    pairs: bool = False
    singles_tried: int = 0
    pairs_tried: int = 0
    moves: int = 0


@dataclass(frozen=True)
class _State:
    """Candidates (numbers, in the order of picking) and the head that their change leads to. margin (float): what is
    left of it; direction (1 x P): its gradient. flipped (bool): by decoding the text."""

    picked: tuple[int, ...]
    head: Moved
    margin: float
    direction: numpy.ndarray
    flipped: bool


class FlipSearch:
    """Searches the smallest change of training labels after which a question has another answer.

    question (Question): a reading, to be lost if it is there, and to be found if it is not. units (int64, n x 3):
    labels that may be changed. by (str): one of ``WAYS``. budget (int): moves of the head, at most; each is a few steps
    of Newton's method, which read all documents. most (int): labels of a set, at most.
    """

    def __init__(self, question: Question, units: numpy.ndarray, by: str, *, budget: int, most: int) -> None:
        self.question, self.budget, self.most, self.moves = question, budget, most, 0
        effects = question.effects
        self._before = question.holds(question.decoded(effects.nothing))
        self._sign = 1.0 if self._before else -1.0
        present = question.margin(effects.nothing)
        still = effects.still()
        self._start = _State((), still, self._sign * present.value, self._sign * present.direction, False)
        self.candidates = Candidates(effects, question.scheme, units, by, self._start.direction, CANDIDATES)

    def run(self) -> Search:
        """Search, put back, and confirm."""
        found = Search((), None, 0, self.candidates.count)
        gains = self._gains(self._start)
        strongest = numpy.argsort(-gains, kind="stable")[:STRONGEST].tolist()
        near = self._near(gains, ((number,) for number in strongest))
        singles, alone = self._try(near)
        found = replace(found, singles=alone is None and singles == len(near), singles_tried=singles)
        flipped = [alone] if alone is not None else self._reduced(self._greedy(self._start))
        if found.singles and len(flipped[-1].picked) > 2:
            near = self._near(gains, combinations(strongest, 2))
            pairs, two = self._try(near)
            found = replace(found, pairs=two is None and pairs == len(near), pairs_tried=pairs)
            flipped += [] if two is None else [two]
        found = self._confirmed(found, flipped)
        while not found.picks and flipped[0].flipped and self.moves < self.budget:  # a refit shows that more are needed
            flipped = self._reduced(self._greedy(replace(flipped[0], flipped=False)))
            found = self._confirmed(found, flipped)
        count = len(found.picks)  # what none of the near ones does, the search may still find
        return replace(found, moves=self.moves, singles=found.singles and count != 1, pairs=found.pairs and count != 2)

    def _near(self, gains: numpy.ndarray, sets: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Return the sets of candidates that are predicted to take the NEAR share off the margin, best first."""
        sums = {chosen: float(gains[list(chosen)].sum()) for chosen in sets}
        return [one for one in sorted(sums, key=lambda one: -sums[one]) if sums[one] >= NEAR * self._start.margin]

    def _try(self, sets: list[tuple[int, ...]]) -> tuple[int, Optional[_State]]:
        """Move the head for sets of candidates, within a share of the budget. RETURNS: how many, and the first that
        flips it."""
        end = self.moves + self.budget // SHARE
        for tried, picked in enumerate(sets):
            if self.moves >= end:
                return tried, None
            state = self._move(picked, self._start)
            if state.flipped:
                return tried + 1, state
        return len(sets), None

    def _greedy(self, state: _State) -> list[_State]:
        """Pick until the answer is another one, or nothing is left to try. RETURNS: the last state, flipped or not."""
        ahead = True
        while not state.flipped and ahead and self.moves < self.budget and len(state.picked) < self.most:
            gains = self._gains(state)
            gains[list(state.picked)] = -numpy.inf
            order = numpy.argsort(-gains, kind="stable")
            order = order[gains[order] > 0][: self.most - len(state.picked)]
            enough = int(numpy.searchsorted(numpy.cumsum(gains[order]), max(state.margin, 0.0))) + 1
            batch = order[: min(enough, 1 + len(state.picked) // GROWTH)].tolist()
            ahead = bool(batch)
            if ahead:
                state = self._move((*state.picked, *batch), state)
        return [state]

    def _reduced(self, states: list[_State]) -> list[_State]:
        """Put labels back while the answer stays another one. RETURNS: all states with another answer on the way, of
        ever fewer labels; the state as it is if there is none."""
        state, failures, kept = states[-1], 0, set[int]()
        while state.flipped and len(state.picked) > 1 and failures < FAILURES and self.moves < self.budget:
            costs = self._gains(state)
            free = [number for number in state.picked if number not in kept]
            free.sort(key=lambda number: float(costs[number]))
            spare = numpy.cumsum(numpy.maximum(costs[free], 0.0)) < -state.margin
            count = min(max(int(spare.sum()), 1), len(state.picked) - 1)
            if not free:
                break
            while True:
                back = set(free[:count])
                smaller = self._move(tuple(n for n in state.picked if n not in back), state)
                if smaller.flipped or count == 1 or self.moves >= self.budget:
                    break
                count //= 2
            if smaller.flipped:
                states.append(smaller)
                state, failures = smaller, 0
            else:
                kept |= back
                failures += 1
        return states

    def _confirmed(self, found: Search, states: list[_State]) -> Search:
        """Refit for the smallest set that flips, and for the next larger one if that does not confirm it."""
        for state in reversed(states):
            picks = tuple(self.candidates.pick(number) for number in state.picked)
            if not picks:
                continue
            change = change_of(self.question.effects, self.question.scheme, picks)
            if not state.flipped:
                return replace(found, effect=outcome(self.question, change, state.head.step), tried=len(picks))
            effect = verified_effect(self.question, change)
            self.moves += 1
            advance(1, MOVE)
            found = replace(found, effect=effect, tried=len(picks))
            if effect.verified and effect.holds != self._before:
                return replace(found, picks=picks)
        return found

    def _gains(self, state: _State) -> numpy.ndarray:
        """Return the nats that each candidate takes off what is left of the margin, to first order."""
        return self.candidates.gains(state.direction, state.head.step)

    def _move(self, picked: tuple[int, ...], before: _State) -> _State:
        """Move the head on to where a change of labels takes it."""
        question, effects = self.question, self.question.effects
        change = change_of(effects, question.scheme, [self.candidates.pick(number) for number in picked])
        head, previous = before.head, before.margin
        for _ in range(STEPS):
            head = effects.moved(head, change)
            self.moves += 1
            advance(1, MOVE)
            margin = question.margin(head.step)
            value = self._sign * margin.value
            if abs(value) > CLOSE * abs(value - previous):
                break
            previous = value
        flipped = question.holds(question.decoded(head.step)) != self._before
        return _State(picked, head, value, self._sign * margin.direction, flipped)

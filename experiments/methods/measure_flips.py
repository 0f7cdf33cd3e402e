"""Flip sets against four other searches: are sets found where one is known, are they small, do refits confirm them?

The others walk along an order of labels until the prediction flips and put labels back in the same way: the order of
the first-order effects, computed once; the nearest labels of the same type; and random orders in which large effects
come first, several times; and the effects again, recomputed after every single pick. Single labels are enumerated for
some predictions.

    OMP_NUM_THREADS=1 python -m experiments.methods.measure_flips [--quick] [--indexed DIR --texts FILE --name NAME]

A prediction takes minutes, most of them for the search that recomputes effects. Wrong and right ones take turns, so a
run that ends early (--minutes) has as many of each; it says how many it asked.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import chain
from typing import Any, Optional

import numpy

from spacy_seginf.explanation.flip_candidates import RELABELLING, REMOVING, change_of
from spacy_seginf.explanation.flip_search import FlipSearch, Search
from spacy_seginf.explanation.flips import BUDGET, MOST

from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .questions import Asked, Pipeline, open_pipeline

EACH, QUICK = 50, 3  # right and wrong predictions
RESTARTS = 4
ENUMERATED, SINGLES = 20, 2000  # predictions for which single labels are enumerated, and how many, the strongest
AMPLE = 200  # budget of the other searches


class OrderedSearch(FlipSearch):
    """Walks along a given order of candidates in place of the greedy one."""

    def along(self, order: numpy.ndarray) -> Search:
        """Find the shortest beginning of an order that flips, put back what can be, and confirm."""
        found = Search((), None, 0, self.candidates.count)
        low, high, state = 0, 1, self._start
        while len(order):
            state = self._move(tuple(order[:high].tolist()), state)
            if state.flipped or high >= min(self.most, len(order)):
                break
            low, high = high, min(2 * high, self.most, len(order))
        if not state.flipped:
            return self._confirmed(found, [state])
        while high - low > 1:
            middle = (low + high) // 2
            tried = self._move(tuple(order[:middle].tolist()), state)
            low, high, state = (low, middle, tried) if tried.flipped else (middle, high, state)
        return self._confirmed(found, self._reduced([state]))

    def by_effects(self) -> numpy.ndarray:
        """Order by first-order effects, computed once."""
        return numpy.argsort(-self._gains(self._start), kind="stable")

    def at_random(self, generator: numpy.random.Generator) -> numpy.ndarray:
        """Draw an order in which large effects tend to come first."""
        gains = self._gains(self._start)
        chosen = numpy.flatnonzero(gains > 0)
        noise = numpy.log(gains[chosen]) + generator.gumbel(size=len(chosen))
        return chosen[numpy.argsort(-noise)]

    def greedy(self) -> Search:
        """Recompute effects after every single pick."""
        state, found = self._start, Search((), None, 0, self.candidates.count)
        while not state.flipped and len(state.picked) < self.most and self.moves < self.budget:
            gains = self._gains(state)
            gains[list(state.picked)] = -numpy.inf
            state = self._move((*state.picked, int(numpy.argmax(gains))), state)
        return self._confirmed(found, self._reduced([state]))

    def of_units(self, units: numpy.ndarray) -> numpy.ndarray:
        """Return the candidates among labels (int64, n x 3), in their order."""
        numbers = {tuple(unit): number for number, unit in enumerate(self.candidates.units.tolist())}
        found = [numbers[tuple(unit)] for unit in units.tolist() if tuple(unit) in numbers]
        return numpy.array(found, dtype=numpy.int64)

    def flips_alone(self, count: int) -> bool:
        """Does one of so many candidates alone, the strongest, flip it? By a corrected step each, and a head that is
        moved where that flips."""
        order = self.by_effects()[:count].tolist()
        effects, question = self.question.effects, self.question
        if self.candidates.by == REMOVING:
            steps = effects.removal(numpy.array([self.candidates.pick(number).segment for number in order]))
        else:
            changes = [change_of(effects, question.scheme, [self.candidates.pick(number)]) for number in order]
            steps = numpy.concatenate([effects.predict(change) for change in changes])
        for number, step in zip(order, steps):
            if (
                question.holds(question.decoded(step[None])) != self._before
                and self._move((number,), self._start).flipped
            ):
                return True
        return False


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False, given=True, minutes=True)
    one_thread()
    end = time.monotonic() + 60 * arguments.minutes
    each = QUICK if arguments.quick else EACH
    rows: list[dict[str, Any]] = []
    with ExitStack() as stack:
        pipeline = open_pipeline(arguments, stack)
        for number, asked in enumerate(drawn(pipeline, each)):
            if time.monotonic() > end:
                break
            for by in (RELABELLING, REMOVING):
                enumerate_singles = number % max(1, 2 * each // ENUMERATED) == 0
                rows.append(measure(pipeline, asked, by, number, enumerate_singles, arguments.quick))
                print(rows[-1], flush=True)
    print_table(
        ["by", "right", "ours", "static", "neighbours", "random", "greedy", "seconds"],
        [[one["by"], one["right"], one["ours"], *(one["others"].values()), round(one["seconds"], 1)] for one in rows],
    )
    figures: dict[str, Any] = {}
    for by in (REMOVING, RELABELLING):
        for name, value in pooled([one for one in rows if one["by"] == by]).items():
            figures[f"{by}_{name}"] = value
    figures.update(pooled(rows))
    finish(f"flips_{arguments.name}", figures, quick=arguments.quick, rows=len(rows), seeds=[0])


def drawn(pipeline: Pipeline, each: int) -> list[Asked]:
    """Draw wrong and right predictions in turn, at most so many of each."""
    found: dict[bool, list[Asked]] = {False: [], True: []}
    for asked in pipeline.asked(numpy.random.default_rng(0)):
        if len(found[asked.right]) < each:
            found[asked.right].append(asked)
        if all(len(some) == each for some in found.values()):
            break
    return list(chain.from_iterable(zip(*found.values())))


def measure(pipeline: Pipeline, asked: Asked, by: str, seed: int, singles: bool, quick: bool) -> dict[str, Any]:
    """Search in all ways."""
    question, units = asked.question, pipeline.units
    start = time.process_time()
    ours = FlipSearch(question, units, by, budget=BUDGET, most=MOST).run()
    seconds = time.process_time() - start

    def other() -> OrderedSearch:
        return OrderedSearch(question, units, by, budget=BUDGET if quick else AMPLE, most=MOST)

    generator = numpy.random.default_rng(seed)
    near = units[pipeline.neighbours(question, question.place.label)]
    random = [
        size(search.along(search.at_random(generator))) for search in (other() for _ in range(1 if quick else RESTARTS))
    ]
    others = {
        "static": size((search := other()).along(search.by_effects())),
        "neighbours": size((search := other()).along(search.of_units(near))),
        "random": min((one for one in random if one), default=None),
        "greedy": size(other().greedy()),
    }
    confirmed: Optional[bool] = None
    if ours.picks:  # by another refit, to a tighter optimum
        step, fit = question.effects.refit(change_of(question.effects, question.scheme, ours.picks))
        confirmed = fit.converged and not question.holds(question.decoded(step))
    alone = other().flips_alone(SINGLES // 10 if quick else SINGLES) if singles else None
    return {
        "by": by,
        "right": asked.right,
        "margin": question.margin(question.effects.nothing).value,
        "ours": size(ours),
        "confirmed": confirmed,
        "others": others,
        "seconds": seconds,
        "moves": ours.moves,
        "singles": None if alone is None else (alone == (size(ours) == 1)),
    }


def size(found: Search) -> Optional[int]:
    return len(found.picks) or None


def pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    known = [[one["ours"], *one["others"].values()] for one in rows]
    best = [min((size for size in sizes if size), default=None) for sizes in known]
    by_others = [one for one in rows if any(one["others"].values())]
    ratios = [one["ours"] / smallest for one, smallest in zip(rows, best) if one["ours"] and smallest]
    confirmed = [one["confirmed"] for one in rows if one["confirmed"] is not None]
    singles = [one["singles"] for one in rows if one["singles"] is not None]
    return {
        "questions": len(rows),
        "found": sum(one["ours"] is not None for one in rows),
        "flip_confirmed": float(numpy.mean(confirmed)) if confirmed else None,
        "flip_found": float(numpy.mean([one["ours"] is not None for one in by_others])) if by_others else None,
        "found_by_others": len(by_others),
        "flip_size_ratio": float(numpy.median(ratios)) if ratios else None,
        "singles_agree": float(numpy.mean(singles)) if singles else None,
        "singles_enumerated": len(singles),
        "seconds_median": float(numpy.median([one["seconds"] for one in rows])),
        "seconds_max": max(one["seconds"] for one in rows),
    }


if __name__ == "__main__":
    main()

"""The k best label sequences, exactly.

One pass forward finds the best path to each label of each token. Every other path leaves one that was found before,
read from its end, at one token, and goes back from there along a best path; so the next best path is the best of such
departures that are left (the tree-trellis search of Soong and Huang 1991). What a departure costs depends only on where
it is: where a path is back on the one that it left, it inherits that one's departures, and only what is between, a few
tokens mostly, has new ones.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

import numpy

from .. import budget
from .arrays import padded_groups


class Paths(NamedTuple):
    """The best paths of one sequence, the best first: scores (float64, paths), labels (int64, paths x tokens)."""

    scores: numpy.ndarray
    labels: numpy.ndarray


def k_best(emissions: numpy.ndarray, transitions: numpy.ndarray, lengths: Sequence[int], count: int) -> list[Paths]:
    """Find the highest-scoring label sequences of each sequence.

    emissions (floats, rows x labels), transitions (floats, labels x labels), lengths (ints): as in
        ``forward_backward``; -inf rules labels and moves out.
    count (int): how many, at least 1. Where there are fewer, all are found.
    RETURNS (list of Paths): for each sequence. One without tokens has one path.
    """
    labels = emissions.shape[1]
    empty = Paths(numpy.zeros(1), numpy.zeros((1, 0), dtype=numpy.int64))
    found = [empty] * len(lengths)
    scores = emissions.astype("float64")
    cells = max(1, budget.NUMBERS // (labels * max(labels, count)))
    for numbers, rows, sizes in padded_groups(lengths, cells):
        paths = _Group(scores[rows], transitions.astype("float64"), numpy.asarray(sizes)).paths(count)
        for number, one in zip(numbers.tolist(), paths):
            found[number] = one
    return found


class _Departures(NamedTuple):
    """Ways to leave each sequence's path, in any order: scores (float64; -inf is none) and places (int64: step times
    labels, plus label), both sequences x departures."""

    scores: numpy.ndarray
    places: numpy.ndarray

    def best(self, count: int) -> _Departures:
        """Keep so many for each sequence, filled up with none."""
        missing = count - self.scores.shape[1]
        if missing >= 0:
            widths = (0, 0), (0, missing)
            return _Departures(
                numpy.pad(self.scores, widths, constant_values=-numpy.inf), numpy.pad(self.places, widths)
            )
        chosen = numpy.argpartition(self.scores, -count, axis=1)[:, -count:]
        return _Departures(*(numpy.take_along_axis(part, chosen, axis=1) for part in self))


class _Group:
    """Sequences of about the same length, the longest first."""

    def __init__(self, emissions: numpy.ndarray, transitions: numpy.ndarray, sizes: numpy.ndarray) -> None:
        self.sizes, self.into = sizes, numpy.ascontiguousarray(transitions.T)
        self.steps, self.labels, self.every = int(sizes[0]), emissions.shape[1], numpy.arange(len(sizes))
        inside = numpy.arange(self.steps) < sizes[:, None]
        starts = numpy.cumsum(sizes) - sizes
        # Score of the best path to each label (sequences x steps x labels).
        self.best = emissions[numpy.where(inside, starts[:, None] + numpy.arange(self.steps), 0)]
        # Left labels on the first axis: the maximum then runs over whole rows of contiguous memory.
        moves = numpy.repeat(transitions[:, None, :], len(sizes), axis=1)
        reached = numpy.empty_like(moves)
        for step, live in enumerate(inside.sum(axis=0).tolist()[1:], start=1):
            arrived = reached[:, :live]
            numpy.add(self.best[:live, step - 1].T[:, :, None], moves[:, :live], out=arrived)
            self.best[:live, step] += arrived.max(axis=0)

    def paths(self, count: int) -> list[Paths]:
        """Find the best paths of each sequence."""
        first, values, departures = self._first(count - 1)
        found, scores, known = [first], [values], [departures]
        left = [departures.scores.copy()] if count > 1 else []  # of the departures that were not taken
        while len(found) < count:
            options = numpy.hstack(left)
            parent, chosen = numpy.divmod(options.argmax(axis=1), count - 1)
            values = options.max(axis=1)
            if not numpy.isfinite(values).any():
                break
            for one, taken in enumerate(left):
                own = parent == one
                taken[own, chosen[own]] = -numpy.inf
            parents = _Departures(*(numpy.stack(part)[parent, self.every] for part in zip(*known)))
            path = numpy.stack(found)[parent, self.every]
            place = parents.places[self.every, chosen]
            departures = self._depart(path, place, values, values - numpy.stack(scores)[parent, self.every], parents)
            found.append(path)
            scores.append(values)
            known.append(departures)
            left.append(departures.scores.copy())
        table, every_score = numpy.stack(found), numpy.stack(scores)
        result = []
        for one, size in enumerate(self.sizes.tolist()):
            valid = numpy.isfinite(every_score[:, one])
            result.append(Paths(every_score[valid, one], table[valid, one, :size]))
        return result

    def _first(self, count: int) -> tuple[numpy.ndarray, numpy.ndarray, _Departures]:
        """Find the best path (ints, sequences x steps), its score and its best departures."""
        last, every = self.sizes - 1, self.every
        path = numpy.zeros((len(every), self.steps), dtype=numpy.int64)
        path[every, last] = self.best[every, last].argmax(axis=1)
        for step in range(self.steps - 1, 0, -1):
            before = (self.best[:, step - 1] + self.into[path[:, step]]).argmax(axis=1)
            path[:, step - 1] = numpy.where(step <= last, before, path[:, step - 1])
        values = self.best[every, last].max(axis=1)
        reached = self.best.copy()  # by the best paths that go on to the next label of this one
        reached[:, :-1] += self.into[path[:, 1:]]
        reached[every, last] = self.best[every, last]
        own = numpy.take_along_axis(reached, path[:, :, None], axis=2)  # the largest of each token
        scores = reached - own
        scores += values[:, None, None]
        numpy.put_along_axis(scores, path[:, :, None], -numpy.inf, axis=2)
        scores[numpy.arange(self.steps) > last[:, None]] = -numpy.inf
        # The best departures of all are among those of as many tokens, the ones that have the best.
        tokens = numpy.argpartition(-scores.max(axis=2), min(count, self.steps - 1), axis=1)[:, :count, None]
        places = tokens * self.labels + numpy.arange(self.labels)
        flat = numpy.take_along_axis(scores, tokens, axis=1).reshape(len(every), -1)
        return path, values, _Departures(flat, places.reshape(flat.shape)).best(count)

    def _depart(
        self,
        path: numpy.ndarray,
        place: numpy.ndarray,
        values: numpy.ndarray,
        fall: numpy.ndarray,
        parents: _Departures,
    ) -> _Departures:
        """Leave paths at a place each, in place; return the best departures of what they become.

        path (ints, sequences x steps), place (ints, sequences). values (floats, sequences): the scores of the new
            paths; -inf where there is none. fall: how much lower they are than those of the old ones. parents: the
            best departures of the old ones.
        """
        step, label = numpy.divmod(place, self.labels)
        live = numpy.flatnonzero(numpy.isfinite(values))
        path[live, step[live]] = label[live]
        joined = numpy.zeros(len(path), dtype=numpy.int64)  # the step from which on backwards both are one
        blocks = []
        live, step = live[step[live] > 0], step - 1
        while len(live):
            at, after = step[live], path[live, step[live] + 1]
            reached = self.best[live, at] + self.into[after]
            before = reached.argmax(axis=1)
            scores = numpy.full((len(path), self.labels), -numpy.inf)
            scores[live] = values[live, None] + (reached - reached.max(axis=1, keepdims=True))
            scores[live, before] = -numpy.inf
            blocks.append(_Departures(scores, step[:, None] * self.labels + numpy.arange(self.labels)))
            same = before == path[live, at]
            joined[live[same]] = at[same]
            path[live, at] = before
            live = live[~same & (at > 0)]
            step = step - 1
        inherited = parents.places // self.labels < joined[:, None]
        inherited &= numpy.isfinite(values)[:, None]
        shift = numpy.where(numpy.isfinite(fall), fall, 0.0)[:, None]
        parents = parents._replace(scores=numpy.where(inherited, parents.scores + shift, -numpy.inf))
        merged = _Departures(*(numpy.hstack(part) for part in zip(parents, *blocks)))
        return merged.best(parents.scores.shape[1])

"""How probable tags, segments and whole sequences are, among the valid tag sequences of documents.

P(y | text) = exp(score(y)) / Z, where Z sums over the paths of a lattice: sequences that decoding can't give have no
part in it. All sums are exact, by forward and backward messages (Rabiner 1989, "A tutorial on hidden Markov models").
"""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import NamedTuple, Optional, Sequence

import numpy

from .arrays import sequence_of_row, time_major
from .forward_backward import forward_backward
from .k_best import k_best
from .lattice import OUTSIDE, Lattice, Limits, lattice_of, states_of
from .messages import log_messages
from .schemes import TagScheme
from .semirings import log_sum_exp

NEAR = 2  # tokens by which an alternative may begin or end elsewhere
LEAST = 0.005  # readings that are less probable are not named


class SequenceProbability(NamedTuple):
    """Tags of a document (ints) and the probability of all of them together."""

    tags: numpy.ndarray
    probability: float


class Distribution:
    """The distribution over valid tag sequences of some documents.

    scheme (TagScheme). emissions (floats, rows x tags), transitions (floats, tags x tags), lengths (ints): as in
        ``forward_backward``, on the CPU. limits (Limits): what the documents demand.
    temperature (float): scores are divided by it; above 1 makes the tagger less sure of itself.
    """

    def __init__(
        self,
        scheme: TagScheme,
        emissions: numpy.ndarray,
        transitions: numpy.ndarray,
        lengths: Sequence[int],
        limits: Optional[Limits] = None,
        temperature: float = 1.0,
    ) -> None:
        self.scheme = scheme
        self.starts = numpy.cumsum([0, *lengths])
        self._limits = limits
        scores, moves = (array.astype("float64") / temperature for array in (emissions, transitions))
        self._lattice: Lattice = lattice_of(scheme, scores, moves, lengths, limits)
        self._states = states_of(scheme, blanks=limits is not None)

    @cached_property
    def _continues(self) -> numpy.ndarray:
        """States that go on with an entity of each type (bool, types x states)."""
        kinds = numpy.array([self.scheme.tags[tag][2:] for tag in self._lattice.tags])
        return (kinds == numpy.array(self.scheme.labels)[:, None]) & ~self._opens

    @cached_property
    def _opens(self) -> numpy.ndarray:
        """States that begin an entity whatever is before them."""
        return numpy.array([self.scheme.tags[tag][:1] in "BU" for tag in self._lattice.tags])

    @cached_property
    def _messages(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        lattice = self._lattice
        return log_messages(lattice.emissions, lattice.transitions, time_major(lattice.lengths))

    @cached_property
    def _unary(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The probability of each state (rows x states), and the logarithm of each document's Z."""
        lattice = self._lattice
        if self.scheme.by_token:  # nothing is ruled out, and there may be many tags
            found = forward_backward(lattice.emissions, lattice.transitions, lattice.lengths)
            return found.unary, found.log_partition
        ahead, behind = self._messages
        if not len(ahead):
            return ahead, numpy.zeros(len(lattice.lengths))
        unary = ahead + behind
        highest = unary.max(axis=1, keepdims=True)
        numpy.exp(numpy.subtract(unary, highest, out=unary), out=unary)
        mass = unary.sum(axis=1, keepdims=True)
        unary /= mass
        log_partition = numpy.zeros(len(lattice.lengths))
        first = self.starts[:-1][numpy.diff(self.starts) > 0]
        log_partition[numpy.diff(self.starts) > 0] = (highest + numpy.log(mass))[first, 0]
        return unary, log_partition

    @property
    def log_partition(self) -> numpy.ndarray:
        """The logarithm of Z of each document, in nats (float64, documents)."""
        return self._unary[1]

    @cached_property
    def tag_probabilities(self) -> numpy.ndarray:
        """The probability of each tag at each token (float64, rows x tags)."""
        unary, count = self._unary[0], len(self.scheme.tags)
        found = unary[:, :count].copy()
        for state in range(count, unary.shape[1]):
            found[:, self._lattice.tags[state]] += unary[:, state]
        return found

    def sequences(self, tags: numpy.ndarray) -> numpy.ndarray:
        """Return the probability of all tags (ints, rows) of each document together (float64); 0 if they are not
        valid."""
        lattice = self._lattice
        path, documents = self._path(numpy.arange(len(tags)), tags), sequence_of_row(lattice.lengths)
        values = lattice.emissions[numpy.arange(len(path)), path]
        values[1:] += numpy.where(documents[1:] == documents[:-1], lattice.transitions[path[:-1], path[1:]], 0.0)
        scores = numpy.bincount(documents, values, minlength=len(lattice.lengths))
        return numpy.asarray(numpy.exp(numpy.minimum(0.0, scores - self.log_partition)))

    def entity(self, document: int, start: int, end: int, label: str) -> float:
        """Return the probability that tokens of a document are an entity of a type: it begins and ends just there."""
        return float(self.entities([(document, start, end, label)])[0])

    def entities(self, places: Sequence[tuple[int, int, int, str]]) -> numpy.ndarray:
        """Return the same of many entities (float64): document, start, end and type of each; of tags of single tokens
        where every token has one."""
        if not places:
            return numpy.zeros(0)
        if self.scheme.by_token:
            rows = [self.starts[document] + start for document, start, *_ in places]
            return numpy.asarray(self.tag_probabilities[rows, [self.scheme.index[tag] for *_, tag in places]])
        kinds = [(label, end - start) for _, start, end, label in places]
        known = {kind: self.scheme.entity_tags(*kind) for kind in set(kinds)}
        tags, order = [known[kind] for kind in kinds], {label: n for n, label in enumerate(self.scheme.labels)}
        barred = self._continues[[order[label] for label, _ in kinds]]
        return self._segments([place[:2] for place in places], tags, barred)

    def outside(self, document: int, start: int, end: int) -> float:
        """Return the probability that no token of a segment is in an entity."""
        return self.segment(document, start, [OUTSIDE] * (end - start))

    def segment(self, document: int, start: int, tags: Sequence[int]) -> float:
        """Return the probability of the tags of some tokens together."""
        if self.scheme.by_token and len(tags) == 1:
            return float(self._unary[0][self.starts[document] + start, tags[0]])
        nothing = numpy.zeros((1, len(self._lattice.tags)), dtype=bool)
        return float(self._segments([(document, start)], [tags], nothing)[0])

    def _segments(
        self, places: Sequence[tuple[int, int]], tags: Sequence[Sequence[int]], barred: numpy.ndarray
    ) -> numpy.ndarray:
        """Return the probabilities of segments.

        places: document and first token of each. tags: of its tokens. barred (bool, segments x states): what may not
            come behind it, and not before it either, unless it begins with a state that opens an entity.
        """
        ahead, behind = self._messages
        scores, moves = self._lattice.emissions, self._lattice.transitions
        documents = numpy.array([document for document, _ in places])
        lengths = numpy.array([len(own) for own in tags])
        first = self.starts[documents] + numpy.array([start for _, start in places])
        last, starts = first + lengths - 1, numpy.cumsum(lengths) - lengths
        rows = numpy.arange(lengths.sum()) + numpy.repeat(first - starts, lengths)
        path = self._path(rows, numpy.fromiter(chain.from_iterable(tags), numpy.int64, len(rows)))
        values = scores[rows, path]
        going_on = numpy.ones(len(rows), dtype=bool)
        going_on[starts] = False
        values[going_on] += moves[path[:-1], path[1:]][going_on[1:]]
        # Not by running sums, which would carry -inf from one segment to the next.
        totals = numpy.add.reduceat(values, starts) - self.log_partition[documents]
        opening, closing = path[starts], path[starts + lengths - 1]
        inside = numpy.flatnonzero(first > self.starts[documents])
        before = ahead[first[inside] - 1] + moves[:, opening[inside]].T
        before[barred[inside] & ~self._opens[opening[inside], None]] = -numpy.inf
        totals[inside] += log_sum_exp(before, axis=1)
        inside = numpy.flatnonzero(last + 1 < self.starts[documents + 1])
        after = moves[closing[inside]] + scores[last[inside] + 1] + behind[last[inside] + 1]
        after[barred[inside]] = -numpy.inf
        totals[inside] += log_sum_exp(after, axis=1)
        return numpy.asarray(numpy.exp(numpy.minimum(totals, 0.0)))

    def readings(self, document: int, start: int, end: int) -> dict[tuple[int, int, str], float]:
        """Return the probabilities of readings of a place, by start, end and type: entities that share a token with it
        and begin and end at most two tokens elsewhere, and no entity at all ("")."""
        length = self._lattice.lengths[document]
        found = {(start, end, ""): self.outside(document, start, end)}
        likely = self.tag_probabilities[self._rows(document)]
        places = []
        for label in self.scheme.labels:
            own = [self.scheme.index[tag] for tag in self.scheme.tags if tag[2:] == label]
            if likely[start:end, own].sum(axis=1).max() < LEAST:  # none of its entities can be more probable
                continue
            for first in range(max(0, start - NEAR), min(end, start + NEAR + 1)):
                for last in range(max(first, start, end - 1 - NEAR) + 1, min(length, end + NEAR) + 1):
                    places.append((document, first, last, label))
        found.update(zip((place[1:] for place in places), self.entities(places).tolist()))
        return {place: probability for place, probability in found.items() if probability >= LEAST}

    def k_best(self, document: int, count: int) -> list[SequenceProbability]:
        """Return the most probable valid tag sequences of a document, the best first; fewer if there are fewer."""
        rows = self._rows(document)
        if count < 1:
            return []
        if rows.start == rows.stop:
            return [SequenceProbability(numpy.zeros(0, dtype=numpy.int64), 1.0)]
        paths = k_best(self._lattice.emissions[rows], self._lattice.transitions, [rows.stop - rows.start], count)[0]
        return [
            SequenceProbability(
                self._lattice.tags[path], float(numpy.exp(min(0.0, score - self.log_partition[document])))
            )
            for path, score in zip(paths.labels, paths.scores)
        ]

    def _rows(self, document: int) -> slice:
        return slice(int(self.starts[document]), int(self.starts[document + 1]))

    def _path(self, rows: numpy.ndarray, tags: numpy.ndarray) -> numpy.ndarray:
        """Return the states that tags of rows stand for (ints each)."""
        if self._limits is None:
            return tags
        return numpy.where(self._limits.blank[rows], self._states.blank_state[tags], tags)

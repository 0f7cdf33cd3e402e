"""A new order for the issues of a ranking while they are decided: of what is like a confirmed error more is expected to
be wrong, of what is like a kept label less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Hashable, Mapping, Sequence

import numpy

from ..errors import Errors, SeginfError
from ..index.index import Index
from ..influence.linear_algebra import unit_vectors
from .alignment import find_piece, pieces_of
from .feedback import Rows, Traits, feedback_factors
from .issues import LabelIssue
from .looks import in_looks

KIND = 0.25  # similarity of issues of one kind, whatever their features, beside that of features
PAIRS = 20_000  # issues of the same types whose distance is looked at
SEED = 0


@dataclass(frozen=True)
class NewOrder:
    """numbers (list of int): of the issues, the first to read first; families are together. scores (list of float):
    of each issue, by its number."""

    numbers: list[int]
    scores: list[float]


@dataclass(frozen=True)
class KindTraits(Traits):
    """Issues are also alike if they are of one kind. kinds (int64, n): number of the kind of each."""

    kinds: numpy.ndarray

    @property
    def groups(self) -> numpy.ndarray:
        """All are in one: those of a kind are similar, whatever their types."""
        return numpy.zeros(len(self.kinds), dtype=numpy.int64)

    def near_themselves(self) -> numpy.ndarray:
        """Return how similar each issue is to itself; see ``Traits``."""
        return super().near_themselves() + KIND

    def near(self, rows: Rows, others: numpy.ndarray) -> numpy.ndarray:
        """Return how similar some issues are to others; see ``Traits``."""
        return super().near(rows, others) + KIND * (self.kinds[rows][:, None] == self.kinds[others][None])


class Reranker:
    """Orders the issues of a ranking again and again, by the features that an index has of them.

    issues (sequence of LabelIssue): in the order of the ranking. index (Index).
    RAISES (ValueError): S300 if the index has the tokens of none of them, S035 if it was pruned.
    """

    def __init__(self, issues: Sequence[LabelIssue], index: Index) -> None:
        self._issues = issues
        pieces = pieces_of(index)
        places = [find_piece(pieces, one.document, one.start, one.end) for one in issues]
        self._known = numpy.array([place is not None for place in places], dtype=bool)
        if len(issues) and not self._known.any():
            raise SeginfError(Errors.S300.format(path=index.folder, count=len(issues)))
        directions = numpy.zeros((len(issues), index.manifest.width), dtype=numpy.float32)
        for vector, place in zip(directions, places):
            if place is not None:
                first = int(index.data.starts[place[0]])
                vector[:] = index.data.features[first + place[1] : first + place[2]].mean(axis=0)
        directions = unit_vectors(directions)
        types = _numbered([tuple(entity.label for entity in one.current) for one in issues])
        kinds = _numbered([one.kind for one in issues])
        self._traits = KindTraits(directions, types, _spread(directions[self._known], types[self._known]), kinds)
        self._scores = numpy.nan_to_num([one.score for one in issues], nan=0.0, posinf=0.0, neginf=0.0)
        self._families = [one.family or None for one in issues]

    def order(self, wrong: Mapping[int, bool]) -> NewOrder:
        """Order the issues. wrong (mapping): the number of each issue that was decided, and whether its labels were
        changed."""
        decided = numpy.array([number for number in sorted(wrong) if self._known[number]], dtype=numpy.int64)
        outcomes = numpy.array([wrong[number] for number in decided.tolist()], dtype=bool)
        factors = feedback_factors(self._scores, self._traits, decided, outcomes)
        factors[~self._known] = 1.0
        scores = self._scores * factors
        still_open = [number not in wrong for number in range(len(scores))]
        # Nothing is left to be found in what is decided.
        looks = in_looks(self._families, numpy.where(still_open, scores, 0.0))
        return NewOrder([number for look in looks for number in look], scores.tolist())


def _numbered(values: Sequence[Hashable]) -> numpy.ndarray:
    numbers: dict[Hashable, int] = {}
    return numpy.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=numpy.int64)


def _spread(directions: numpy.ndarray, types: numpy.ndarray) -> float:
    """Return the median distance (1 - cosine) of two issues of the same types, over pairs that are drawn."""
    if len(types) < 2:
        return 1.0
    first, second = numpy.random.default_rng(SEED).integers(len(types), size=(2, PAIRS))
    alike = (types[first] == types[second]) & (first != second)
    cosines = numpy.einsum("ij,ij->i", directions[first[alike]], directions[second[alike]])
    return max(float(numpy.median(1.0 - cosines)), 1e-6) if alike.any() else 1.0

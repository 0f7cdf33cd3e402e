"""A reviewer who knows the truth: how many wrong labels are found by reading so many spans, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Iterator, Optional, Sequence

import numpy

from ..crf.schemes import Entity
from ..curation.candidates import Annotation
from ..curation.finding import IssueFinder
from ..curation.looks import in_looks
from ..curation.ranking import ScoredIssue
from ..curation.regions import Correction, grown, within
from ..curation.source import LabelSource
from ..errors import Errors, SeginfError


@dataclass(frozen=True)
class ReviewedItem:
    """What was read at once: a span, or the spans of a family.

    decided (tuple of Correction): what they hold in truth.
    issues (tuple of ScoredIssue): what was suspected there; empty if the order knew no suggestions.
    """

    decided: tuple[Correction, ...]
    issues: tuple[ScoredIssue, ...] = ()

    @property
    def precision(self) -> float:
        """Share of the spans that were wrong."""
        return sum(one.wrong for one in self.decided) / len(self.decided)

    def by_kind(self) -> Iterator[tuple[str, bool, bool]]:
        """Yield of each span what was suspected (see ``regions.KINDS``), whether it was wrong, and whether the
        suggestion was what it holds in truth."""
        for one, issue in zip(self.decided, self.issues):
            outside = [e for e in one.current if e.end <= issue.start or issue.end <= e.start]
            suggested = tuple(sorted((*outside, *issue.suggested)))
            yield issue.kind, one.wrong, one.wrong and suggested == one.entities


class Reviewer:
    """Says what training labels are in truth.

    source (LabelSource): training labels. truth (int64, tokens): the right ones, as numbers of tags.
    RAISES (ValueError): S215 if there are not as many.
    """

    def __init__(self, source: LabelSource, truth: numpy.ndarray) -> None:
        if len(truth) != len(source.labels):
            raise SeginfError(Errors.S215.format(found=len(truth), tokens=len(source.labels)))
        self.source, self.truth = source, truth
        self.wrong = truth != source.labels

    def decide(self, document: int, start: int, end: int) -> Correction:
        """Say what a region should hold. It grows until it cuts no entity, neither a present nor a true one."""
        first, length = int(self.source.data.starts[document]), self.source.data.lengths[document]
        rows = slice(first, first + length)
        now, true = self._entities(self.source.labels[rows]), self._entities(self.truth[rows])
        start, end = grown(start, end, (*now, *true))
        return Correction(start, end, within(start, end, true), document, within(start, end, now))

    def review(self, issues: Sequence[ScoredIssue]) -> ReviewedItem:
        """Read some issues at once."""
        return ReviewedItem(tuple(self.decide(one.document, one.start, one.end) for one in issues), tuple(issues))

    def _entities(self, tags: numpy.ndarray) -> Annotation:
        return tuple(Entity(*place) for place in self.source.scheme.entities(tags.tolist()))


def review_ranking(
    finder: IssueFinder, reviewer: Reviewer, budget: int, *, every: Optional[int] = None, families: bool = True
) -> list[ReviewedItem]:
    """Read issues in their order, until the review budget is used up.

    every (int): after so many items, what was decided feeds back into the order of the rest; None never does.
    families (bool): whether a family is one item; else each of its spans is.
    """
    done: list[ReviewedItem] = []
    decided: list[Correction] = []
    while len(done) < budget:
        wanted = budget - len(done) if every is None else min(every, budget - len(done))
        batch = list(_batch(finder, decided, wanted, families))
        if not batch:
            break
        for issues in batch:
            done.append(reviewer.review(issues))
            decided += done[-1].decided
    return done


def review_spans(reviewer: Reviewer, spans: numpy.ndarray, scores: numpy.ndarray, budget: int) -> list[ReviewedItem]:
    """Read spans (ints, n x 3), the highest scores first, each as an item of its own; what an item before has shown is
    passed over."""
    done: list[ReviewedItem] = []
    seen: dict[int, list[tuple[int, int]]] = {}
    for number in numpy.argsort(-scores, kind="stable").tolist():
        if len(done) == budget:
            break
        document, start, end = spans[number].tolist()
        if any(start < last and first < end for first, last in seen.get(document, ())):
            continue
        done.append(ReviewedItem((reviewer.decide(document, start, end),)))
        seen.setdefault(document, []).extend((one.start, one.end) for one in done[-1].decided)
    return done


def corrected_labels(source: LabelSource, reviewed: Sequence[ReviewedItem]) -> numpy.ndarray:
    """Return the labels after what was read was put right (int64, tokens)."""
    labels = source.labels.copy()
    for item in reviewed:
        for one in item.decided:
            first = int(source.data.starts[one.document])
            labels[first + one.start : first + one.end] = 0
            for entity in one.entities:
                tags = source.scheme.entity_tags(entity.label, entity.end - entity.start)
                labels[first + entity.start : first + entity.end] = tags
    return labels


def found_tokens(reviewer: Reviewer, reviewed: Sequence[ReviewedItem]) -> list[float]:
    """Return the share of wrong tokens that were found after each item; a token counts once."""
    seen = numpy.zeros(len(reviewer.wrong), dtype=bool)
    shares = []
    for item in reviewed:
        for one in item.decided:
            first = int(reviewer.source.data.starts[one.document])
            seen[first + one.start : first + one.end] = True
        shares.append(float((seen & reviewer.wrong).sum() / max(reviewer.wrong.sum(), 1)))
    return shares


def counts_by_kind(reviewed: Iterable[ReviewedItem]) -> dict[str, dict[str, int]]:
    """Count what was read by the kind of change that was suspected: "read", "wrong", and "suggestion_right"."""
    counts: dict[str, dict[str, int]] = {}
    for kind, wrong, right in (entry for item in reviewed for entry in item.by_kind()):
        own = counts.setdefault(kind, {"read": 0, "wrong": 0, "suggestion_right": 0})
        own["read"] += 1
        own["wrong"] += wrong
        own["suggestion_right"] += right
    return counts


def _batch(
    finder: IssueFinder, decided: Sequence[Correction], wanted: int, families: bool
) -> Iterator[list[ScoredIssue]]:
    issues = finder.rank(decided, unlikely=True)
    if not families:
        yield from ([one] for one in issues[:wanted])
        return
    grouped = finder.families(issues[: finder.considered])
    looks = in_looks([one.family for one in grouped], [one.score for one in grouped])
    yield from ([grouped[number] for number in look] for look in looks[:wanted])

"""An order of suspicion: what some of the evidence says of all regions, and what decisions make of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Callable, Optional, Sequence

import numpy

from ..crf.schemes import Entity
from ..influence.linear_algebra import unit_vectors
from .candidates import Annotation, Regions
from .feedback import Traits, feedback_factors, propagated_labels
from .ranking import ScoredIssue, overlapping_left_out, score_regions
from .regions import Correction, touching
from .source import LabelSource

UNKNOWN = -1e3  # log-odds of which no score is left
LEEWAY = 6.0  # nats: heads speak for labels, right or wrong, that their features were trained on


class Suspicion:
    """One order of the regions.

    regions (Regions). log_odds (float64, candidates): of each against its annotation, by what this order goes by;
        UNKNOWN where it knows nothing.
    evidence (float64, candidates): of each against its annotation, by all that is known; both in nats.
    held_out (float64, candidates): log p under heads that have not seen the document.
    words (sequence of sequences of str): tokens of the documents.
    spread (Callable): gives the distance (1 - cosine) that is usual for entities of one type.
    """

    def __init__(
        self,
        regions: Regions,
        log_odds: numpy.ndarray,
        evidence: numpy.ndarray,
        held_out: numpy.ndarray,
        words: Sequence[Sequence[str]],
        spread: Callable[[], float],
    ) -> None:
        self.regions, self._evidence, self._held_out = regions, evidence, held_out
        self._words, self._spread = words, spread
        self.issues = score_regions(regions, log_odds, held_out)
        self.scores = numpy.array([issue.score for issue in self.issues])

    @cached_property
    def ranks(self) -> numpy.ndarray:
        """The place of each region in this order, before anything is decided (int64, regions); behind all others where
        it knows nothing."""
        ranks = numpy.empty(len(self.scores), dtype=numpy.int64)
        ranks[numpy.argsort(-self.scores, kind="stable")] = numpy.arange(len(ranks))
        ranks[self.scores == 0.0] = len(ranks)
        return ranks

    def order(
        self, decided: Sequence[Correction], raised: Optional[numpy.ndarray]
    ) -> tuple[list[ScoredIssue], list[ScoredIssue]]:
        """Order what is not decided, the most suspicious first, without what this order knows nothing of.

        raised (float64, regions): what scores are multiplied by; None by nothing.
        RETURNS: the issues, and apart those whose suggestions are clearly less likely than the annotation; these may
            overlap others.
        """
        issues, scores, more = self.issues, self.scores, numpy.zeros(len(self.issues))
        places, sure = self.places(decided)
        if len(places):
            wrong = numpy.array([one.wrong for one in sure])
            changed = [number for number, one in enumerate(sure) if one.wrong]
            outcomes = [sure[number].entities for number in changed]
            labels = propagated_labels(self._traits, places[changed], outcomes, len(issues))
            labels = self._same_words(places[changed], outcomes, labels)
            issues = [self._suggesting(one, label) for one, label in zip(issues, labels)]
            more = numpy.log(feedback_factors(scores, self._traits, places, wrong))
            scores = scores * numpy.exp(more)
        if raised is not None:
            scores = scores * raised
        scored = [replace(issue, score=float(score)) for issue, score in zip(issues, scores)]
        likely = self._evidence[[issue.candidate for issue in issues]] + more > -LEEWAY
        done = [(one.document, one.start, one.end) for one in decided]
        known = likely & (self.scores > 0.0)
        found = overlapping_left_out([one for one, enough in zip(scored, known) if enough], done)
        return found, [one for one, enough in zip(scored, likely) if not enough]

    def places(self, decided: Sequence[Correction]) -> tuple[numpy.ndarray, list[Correction]]:
        """Find the issues that decisions are about (int64), and what was decided of each: a decision may be on more
        tokens than an issue."""
        by_document: dict[int, list[int]] = {}
        for number, issue in enumerate(self.issues):
            by_document.setdefault(issue.document, []).append(number)
        places, sure = [], []
        for one in decided:
            seen: set[Annotation] = set()
            for number in by_document.get(one.document, ()):
                issue = self.issues[number]
                current = issue.current
                overlap = issue.start < one.end and one.start < issue.end
                if not overlap or current in seen or not set(current) <= set(one.current):
                    continue
                if not current and one.current:
                    continue
                seen.add(current)
                outcome = tuple(touching(issue.start, issue.end, one.entities))
                places.append(number)
                sure.append(replace(one, start=issue.start, end=issue.end, current=current, entities=outcome))
        return numpy.array(places, dtype=numpy.int64), sure

    def _same_words(self, confirmed: numpy.ndarray, outcomes: Sequence[Annotation], labels: Sequence[str]) -> list[str]:
        """Fill in, where no label is suggested yet, what the same words with the same type were relabelled to."""
        relabelled = {
            self._forms[place]: outcome[0].label
            for place, outcome in zip(confirmed.tolist(), outcomes)
            if len(outcome) == 1
        }
        return [label or relabelled.get(form, "") for form, label in zip(self._forms, labels)]

    @cached_property
    def _forms(self) -> list[tuple[object, ...]]:
        """The words of the annotated entities of every issue, and their types."""
        found: list[tuple[object, ...]] = []
        for issue in self.issues:
            words = self._words[issue.document]
            found.append(
                tuple((one.label, *(word.casefold() for word in words[one.start : one.end])) for one in issue.current)
            )
        return found

    def _suggesting(self, issue: ScoredIssue, label: str) -> ScoredIssue:
        """Suggest another type, if the issue is of one entity that might have it."""
        if not label or len(issue.current) != 1 or (issue.suggested[:1] and issue.suggested[0].label == label):
            return issue
        entity = issue.current[0]
        wanted = (Entity(entity.start, entity.end, label),)
        candidates = self.regions.regions[issue.region].candidates
        if wanted not in candidates or wanted == issue.current:
            return issue
        number = int(self.regions.firsts[issue.region]) + candidates.index(wanted)
        probability = float(numpy.exp(self._held_out[number]))
        changed = replace(issue, suggested=wanted, candidate=number, suggested_probability=probability)
        return replace(changed, start=entity.start, end=entity.end)

    @cached_property
    def _traits(self) -> Traits:
        numbers: dict[tuple[str, ...], int] = {}
        types = [tuple(one.label for one in issue.current) for issue in self.issues]
        current = numpy.array([numbers.setdefault(own, len(numbers)) for own in types], dtype=numpy.int64)
        return Traits(directions_of(self.regions.source, self.issues), current, self._spread())


def directions_of(source: LabelSource, issues: Sequence[ScoredIssue]) -> numpy.ndarray:
    """Return the mean features of issues, scaled to length 1 (float32, n x d)."""
    places = [(issue.document, issue.start, issue.end) for issue in issues]
    return mean_directions(source, numpy.array(places, dtype=numpy.int64).reshape(-1, 3))


def mean_directions(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    """Return the mean features of segments (ints, n x 3), scaled to length 1 (float32, n x d)."""
    vectors = numpy.zeros((len(segments), source.data.features.shape[1]), dtype=numpy.float32)
    firsts = source.data.starts[segments[:, 0]]
    for vector, first, (_, start, end) in zip(vectors, firsts.tolist(), segments.tolist()):
        vector[:] = source.data.features[first + start : first + end].mean(axis=0)
    return unit_vectors(vectors)

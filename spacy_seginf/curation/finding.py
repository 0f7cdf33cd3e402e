"""All of it together: from training labels, and whoever is trusted, to issues in the order in which to read them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Callable, Optional, Sequence

import numpy

from ..crf.schemes import Entity
from ..influence.head import Head
from ..influence.linear_algebra import unit_vectors
from ..progress import DOCUMENT, step
from .candidates import Annotation, Predictions, Region, Regions, find_regions
from .doubtful_tokens import find_doubtful_tokens
from .families import find_families
from .feedback import Traits, feedback_factors, propagated_labels
from .mistakes import Mistakes, likeness
from .odds import CandidateOdds
from .predictors import Trusted, head_predictions, neighbour_predictions, out_of_fold_predictions, unannotated
from .ranking import ScoredIssue, overlapping_left_out, score_regions
from .regions import Correction, touching
from .source import LabelSource
from .trusted import trusted_head

CONSIDERED = 1000
LIKE = 10  # mistakes that a region is compared with: the most similar ones
PAIRS = 20_000  # entities of the same type whose distance is looked at
SEED = 0
LEEWAY = 6.0  # nats: heads speak for labels, right or wrong, that their features were trained on
LISTED, OF_LABELS = 300, 8  # how many are listed whatever their odds: one for so many labels, at most that many
TRUSTWORTHY = 0.7  # weight of trusted labels below which people are told
Say = Callable[[str], None]


class IssueFinder:
    """Finds suspicious regions, again and again as decisions come in.

    source (LabelSource): training labels, with the tokens of the documents.
    trusted (Trusted): texts with right labels, such as a development corpus; None if there are none.
    missing (sequence of (document, start, end, type)): entities that the index found missing.
    strangers (sequence of Predictions): of heads whose encoders have not seen the labels, see ``second_predictions``
        and ``crossfit_predictions``.
    say (Callable): is told what is being done.
    considered (int): how many of the most suspicious are grouped.
    RAISES (ValueError): S051 if the trusted labels are too few for a head.
    """

    def __init__(
        self,
        source: LabelSource,
        trusted: Optional[Trusted] = None,
        missing: Sequence[tuple[int, int, int, str]] = (),
        say: Say = lambda _: None,
        considered: int = CONSIDERED,
        *,
        strangers: Sequence[Predictions] = (),
    ) -> None:
        self.source, self._words, self.considered = source, list(source.words), considered
        head = None
        if trusted is not None and len(trusted):
            say("Fitting a head to the trusted labels")
            head = trusted_head(trusted.data)
        say("Predicting by heads that have not seen the document")
        held_out = out_of_fold_predictions(source)
        self.regions = Regions(source, _regions(source, [held_out, *strangers], head, missing))
        say(f"Comparing candidates: {len(self.regions):,} regions")
        self._held_out = self.regions.scores(held_out)
        self._trusted: Optional[numpy.ndarray] = None
        if trusted is not None and head is not None:
            say(f"Predicting by the nearest of {len(trusted):,} trusted tokens")
            near = neighbour_predictions(source, trusted, self.regions.rows)
            both = self.regions.scores(head_predictions(source, head)) + self.regions.scores(near)
            self._trusted = self.regions.normalised(0.5 * both)
        say("Comparing with the same words in other places")
        with step("Words", len(self._words), DOCUMENT):
            self.odds = CandidateOdds(
                self.regions, self._held_out, self._trusted, [self.regions.scores(one) for one in strangers]
            )
        if self._trusted is not None:
            say(f"Trusted labels weigh {self.odds.trust:.2f} beside the corpus' own: {_told(self.odds.trust)}")
        self._issues = score_regions(self.regions, self.odds.log_odds, self._held_out)
        self._raised: Optional[numpy.ndarray] = None

    def raise_influential(self, mistakes: Mistakes) -> None:
        """Let the order be decided by what supports mistakes, too: the score of a region is multiplied by how like the
        mistakes its labels are (mean cosine with the LIKE most similar ones; what is unlike counts 0)."""
        segments = numpy.array([(one.document, one.start, one.end) for one in self._issues], dtype=numpy.int64)
        alike = numpy.sort(likeness(self.source, mistakes, segments.reshape(-1, 3)), axis=1)[:, ::-1][:, :LIKE]
        self._raised = numpy.maximum(alike.mean(axis=1), 0.0) if len(mistakes) else None

    def rank(self, decided: Sequence[Correction] = (), *, unlikely: bool = False) -> list[ScoredIssue]:
        """Order the issues that are not decided yet, the most suspicious first.

        What was decided raises or lowers the scores of what is like it, and what was relabelled suggests its label.
        unlikely (bool): whether to list, after all others, also what had better stay as it is: suggestions that are
            clearly less likely than the annotation, by all that is known of both. Some are listed anyway where there
            are few others: one for every eight labels, and no more than 300 issues in all.
        """
        scores = numpy.array([issue.score for issue in self._issues])
        issues, raised = self._issues, numpy.zeros(len(self._issues))
        places, sure = self._places(decided)
        if len(places):
            wrong = numpy.array([one.wrong for one in sure])
            changed = [number for number, one in enumerate(sure) if one.wrong]
            outcomes = [sure[number].entities for number in changed]
            labels = propagated_labels(self._traits, places[changed], outcomes, len(issues))
            labels = self._same_words(places[changed], outcomes, labels)
            issues = [self._suggesting(one, label) for one, label in zip(issues, labels)]
            raised = numpy.log(feedback_factors(scores, self._traits, places, wrong))
            scores = scores * numpy.exp(raised)
        if self._raised is not None:
            scores = scores * self._raised
        scored = [replace(issue, score=float(score)) for issue, score in zip(issues, scores)]
        likely = self.odds.evidence[[issue.candidate for issue in issues]] + raised > -LEEWAY
        done = [(one.document, one.start, one.end) for one in decided]
        found = overlapping_left_out([one for one, more in zip(scored, likely) if more], done)
        least = len(scored) if unlikely else min(LISTED, self._labelled // OF_LABELS)
        if len(found) < least:
            done += [(one.document, one.start, one.end) for one in found]
            others = overlapping_left_out([one for one, more in zip(scored, likely) if not more], done)
            found += others[: least - len(found)]
        return found

    def families(self, issues: Sequence[ScoredIssue]) -> list[ScoredIssue]:
        """Tell of issues, given from the most suspicious on, which are the same mistake; their order stays."""
        changes = [
            (issue.kind, *(tuple(one.label for one in side) for side in (issue.current, issue.suggested)))
            for issue in issues
        ]
        scores = numpy.array([issue.score for issue in issues])
        families = find_families(changes, self._directions(issues), self._spread, scores)
        return [replace(issue, family=family) for issue, family in zip(issues, families.tolist())]

    def trust(self, issues: Sequence[ScoredIssue]) -> list[tuple[float, float]]:
        """Return p of the current and of the suggested labels by trusted labels; empty if nobody is trusted."""
        if self._trusted is None:
            return []
        found = []
        for issue in issues:
            own = numpy.exp(self._trusted[[self.regions.firsts[issue.region], issue.candidate]])
            found.append((float(own[0]), float(own[1])))
        return found

    def _same_words(self, confirmed: numpy.ndarray, outcomes: Sequence[Annotation], labels: Sequence[str]) -> list[str]:
        """Fill in, where no label is suggested yet, what the same words with the same type were relabelled to."""
        relabelled = {
            self._form(self._issues[place]): outcome[0].label
            for place, outcome in zip(confirmed.tolist(), outcomes)
            if len(outcome) == 1
        }
        return [label or relabelled.get(self._form(issue), "") for issue, label in zip(self._issues, labels)]

    def _form(self, issue: ScoredIssue) -> tuple[object, ...]:
        """The words of the annotated entities of an issue, and their types."""
        words = self._words[issue.document]
        return tuple((one.label, *(word.casefold() for word in words[one.start : one.end])) for one in issue.current)

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

    def _places(self, decided: Sequence[Correction]) -> tuple[numpy.ndarray, list[Correction]]:
        """Find the issues that decisions are about (int64), and what was decided of each: a decision may be on more
        tokens than an issue."""
        by_document: dict[int, list[int]] = {}
        for number, issue in enumerate(self._issues):
            by_document.setdefault(issue.document, []).append(number)
        places, sure = [], []
        for one in decided:
            seen: set[Annotation] = set()
            for number in by_document.get(one.document, ()):
                issue = self._issues[number]
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

    @cached_property
    def _labelled(self) -> int:
        """How many entities are annotated; how many tokens, if tags are."""
        units, source = self.source.units, self.source
        labels = source.labels[source.data.starts[units[:, 0]] + units[:, 1]]
        return len(units) if source.scheme.by_token else int((labels != 0).sum())

    @cached_property
    def _traits(self) -> Traits:
        numbers: dict[tuple[str, ...], int] = {}
        types = [tuple(one.label for one in issue.current) for issue in self._issues]
        current = numpy.array([numbers.setdefault(own, len(numbers)) for own in types], dtype=numpy.int64)
        return Traits(self._directions(self._issues), current, self._spread)

    @cached_property
    def _spread(self) -> float:
        """Median distance of two entities of the same type, over pairs that are drawn."""
        entities = self.source.entities
        if len(entities) < 2:
            return 1.0
        generator = numpy.random.default_rng(SEED)
        first, second = generator.integers(len(entities), size=(2, PAIRS))
        labels = self.source.labels[self.source.data.starts[entities[:, 0]] + entities[:, 1]]
        alike = (labels[first] == labels[second]) & (first != second)
        vectors = _means(self.source, entities)
        cosines = (vectors[first[alike]] * vectors[second[alike]]).sum(axis=1)
        return max(float(numpy.median(1.0 - cosines)), 1e-6) if alike.any() else 1.0

    def _directions(self, issues: Sequence[ScoredIssue]) -> numpy.ndarray:
        places = [(issue.document, issue.start, issue.end) for issue in issues]
        return _means(self.source, numpy.array(places, dtype=numpy.int64).reshape(-1, 3))


def _means(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    """Return the mean features of segments, scaled to length 1 (float32, n x d)."""
    vectors = numpy.zeros((len(segments), source.data.features.shape[1]), dtype=numpy.float32)
    firsts = source.data.starts[segments[:, 0]]
    for vector, first, (_, start, end) in zip(vectors, firsts.tolist(), segments.tolist()):
        vector[:] = source.data.features[first + start : first + end].mean(axis=0)
    return unit_vectors(vectors)


def _regions(
    source: LabelSource,
    predictors: Sequence[Predictions],
    head: Optional[Head],
    missing: Sequence[tuple[int, int, int, str]],
) -> list[Region]:
    """List what may be wrong. predictors (sequence of Predictions): who doubts tags. head (Head): of trusted labels."""
    if source.scheme.by_token:
        trusted = [] if head is None else [head_predictions(source, head)]
        return find_doubtful_tokens(source, [*predictors, *trusted])
    return find_regions(source, [*missing, *([] if head is None else unannotated(source, head))])


def _told(trust: float) -> str:
    if trust >= TRUSTWORTHY:
        return "they predict it well"
    return "they are few, or unlike it, and predict it poorly; more of the same kind would help"

"""All of it together: from training labels, and whoever is trusted, to issues in the order in which to read them."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Callable, Optional, Sequence

import numpy

from ..influence.head import Head
from ..progress import DOCUMENT, step
from .bandit import SELDOM, followed, interleaved
from .candidates import Predictions, Region, Regions, find_regions
from .doubtful_tokens import find_doubtful_tokens
from .families import find_families
from .mistakes import Mistakes, likeness
from .odds import CandidateOdds
from .predictors import Trusted, head_predictions, neighbour_predictions, out_of_fold_predictions, unannotated
from .ranking import ScoredIssue, first_of_overlapping, overlapping_left_out
from .regions import Correction
from .source import LabelSource
from .suspicion import UNKNOWN, Suspicion, directions_of, mean_directions
from .trusted import trusted_head

CONSIDERED = 1000
LIKE = 10  # mistakes that a region is compared with: the most similar ones
PAIRS = 20_000  # entities of the same type whose distance is looked at
SEED = 0
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
        self._suspicion = self._by(self.odds.log_odds)
        self._raised: Optional[numpy.ndarray] = None

    def raise_influential(self, mistakes: Mistakes) -> None:
        """Let the order be decided by what supports mistakes, too: the score of a region is multiplied by how like the
        mistakes its labels are (mean cosine with the LIKE most similar ones; what is unlike counts 0)."""
        segments = numpy.array(
            [(one.document, one.start, one.end) for one in self._suspicion.issues], dtype=numpy.int64
        )
        alike = numpy.sort(likeness(self.source, mistakes, segments.reshape(-1, 3)), axis=1)[:, ::-1][:, :LIKE]
        self._raised = numpy.maximum(alike.mean(axis=1), 0.0) if len(mistakes) else None

    def rank(self, decided: Sequence[Correction] = (), *, unlikely: bool = False) -> list[ScoredIssue]:
        """Order the issues that are not decided yet, the most suspicious first.

        What was decided raises or lowers the scores of what is like it, and what was relabelled suggests its label. It
        also tells which evidence to follow, see ``bandit``: all of it, the trusted labels alone, or what is done in
        the document with the same words, and with other words in the same slot. Scores are those of all evidence, put
        in that order.
        unlikely (bool): whether to list, after all others, also what had better stay as it is: suggestions that are
            clearly less likely than the annotation, by all that is known of both. Some are listed anyway where there
            are few others: one for every eight labels, and no more than 300 issues in all.
        """
        found, rest = self._suspicion.order(decided, self._raised)
        places, sure = self._suspicion.places(decided)
        if len(places):
            wrong = numpy.array([one.wrong for one in sure])
            ranks = numpy.stack([one.ranks for one in (self._suspicion, *self._others)])
            shares = followed(ranks, places, wrong)
            orders, known = [found], {one.region: one.score for one in found}
            for one, share in zip(self._others, shares[1:].tolist()):
                orders.append(one.order(decided, self._raised)[0] if share > SELDOM else [])
            found = first_of_overlapping(interleaved(orders, shares))
            # By all evidence: a single kind may be sure of what is right, and families would grow by it.
            scores = sorted((known.get(one.region, 0.0) for one in found), reverse=True)
            found = [replace(issue, score=score) for issue, score in zip(found, scores)]
        least = len(self.regions) if unlikely else min(LISTED, self._labelled // OF_LABELS)
        if len(found) < least:
            done = [(one.document, one.start, one.end) for one in decided]
            done += [(one.document, one.start, one.end) for one in found]
            found += overlapping_left_out(rest, done)[: least - len(found)]
        return found

    def families(self, issues: Sequence[ScoredIssue]) -> list[ScoredIssue]:
        """Tell of issues, given from the most suspicious on, which are the same mistake; their order stays."""
        changes = [
            (issue.kind, *(tuple(one.label for one in side) for side in (issue.current, issue.suggested)))
            for issue in issues
        ]
        scores = numpy.array([issue.score for issue in issues])
        families = find_families(changes, directions_of(self.source, issues), self._spread, scores)
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

    @cached_property
    def _others(self) -> list[Suspicion]:
        """What else may be followed: what trusted labels alone say, and what the document itself does."""
        trusted = [] if self._trusted is None else [self.regions.against_annotation(self._trusted)]
        own = self.odds.by_document
        return [self._by(one) for one in (*trusted, numpy.where(own > 0.0, own + self.odds.prior, UNKNOWN))]

    def _by(self, log_odds: numpy.ndarray) -> Suspicion:
        return Suspicion(self.regions, log_odds, self.odds.evidence, self._held_out, self._words, lambda: self._spread)

    @cached_property
    def _labelled(self) -> int:
        """How many entities are annotated; how many tokens, if tags are."""
        units, source = self.source.units, self.source
        labels = source.labels[source.data.starts[units[:, 0]] + units[:, 1]]
        return len(units) if source.scheme.by_token else int((labels != 0).sum())

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
        vectors = mean_directions(self.source, entities)
        cosines = (vectors[first[alike]] * vectors[second[alike]]).sum(axis=1)
        return max(float(numpy.median(1.0 - cosines)), 1e-6) if alike.any() else 1.0


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

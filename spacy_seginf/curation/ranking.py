"""From predictions on training labels to a ranking of regions: what is read first, and what is suggested there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Sequence

import numpy

from .candidates import Annotation, Regions
from .regions import kind_of


@dataclass(frozen=True)
class ScoredIssue:
    """A region whose labels may be wrong.

    document (int), start, end (int): the tokens whose labels would change, with the entities they are part of.
    current, suggested (tuples of Entity). score (float): -log p of the annotation against the suggestion, in nats.
    probability, suggested_probability (float): of the two under heads that have not seen the document.
    family (int): issues that are the same mistake; -1 before they are grouped.
    region, candidate (int): numbers of the region and of the suggested candidate among all.
    """

    document: int
    start: int
    end: int
    current: Annotation
    suggested: Annotation
    score: float
    probability: float
    suggested_probability: float
    region: int
    candidate: int
    family: int = -1

    @property
    def kind(self) -> str:
        """One of ``regions.KINDS``."""
        return kind_of(self.current, self.suggested)


def score_regions(regions: Regions, log_odds: numpy.ndarray, held_out: numpy.ndarray) -> list[ScoredIssue]:
    """Make an issue of each region, with the candidate of the highest odds as the suggestion.

    log_odds (float64, candidates): of each against the annotation, see ``CandidateOdds``.
    held_out (float64, candidates): log p under heads that have not seen the document.
    """
    best = regions.best(log_odds)
    losses = numpy.logaddexp(0.0, log_odds[best])
    found = []
    for number, region in enumerate(regions.regions):
        current, suggested = region.candidates[0], regions.candidate(int(best[number]))
        start, end = span_of(current, suggested)
        now, then = numpy.exp(held_out[[regions.firsts[number], best[number]]]).tolist()
        place = region.document, start, end
        found.append(
            ScoredIssue(*place, current, suggested, float(losses[number]), now, then, number, int(best[number]))
        )
    return found


def overlapping_left_out(
    issues: Sequence[ScoredIssue], decided: Iterable[tuple[int, int, int]] = ()
) -> list[ScoredIssue]:
    """Put issues in order, the most suspicious first; of those that overlap, only the most suspicious stays.

    decided (iterable of (document, start, end)): regions that need no more reading.
    """
    return first_of_overlapping(sorted(issues, key=lambda one: (-one.score, one.region)), decided)


def first_of_overlapping(
    issues: Iterable[ScoredIssue], decided: Iterable[tuple[int, int, int]] = ()
) -> list[ScoredIssue]:
    """Leave out issues that overlap one before them, or what is decided."""
    taken: dict[int, list[tuple[int, int]]] = {}
    for document, start, end in decided:
        taken.setdefault(document, []).append((start, end))
    found = []
    for issue in issues:
        others = taken.setdefault(issue.document, [])
        if any(issue.start < last and first < issue.end for first, last in others):
            continue
        others.append((issue.start, issue.end))
        found.append(issue)
    return found


def span_of(current: Annotation, suggested: Annotation) -> tuple[int, int]:
    """Return the tokens that two candidates are about (first, last exclusive)."""
    both = (*current, *suggested)
    return min(one.start for one in both), max(one.end for one in both)

"""The log-odds that a region means one of its other candidates rather than its annotation: all that speaks for it.

Heads that have not seen the document say how probable each candidate is; so do whoever is trusted, who weigh the more
the better they predict the training labels. The same words in other places say what is usual, and so do other words in
the same slot. Heads have learned from features that were trained on the labels in question, so their doubts count, and
how sure they are of a change counts little. The weights are what logistic regression finds on corpora with planted
errors of four kinds (``python -m experiments.curation.learned_odds``); those of strangers, whom it does not hear, were
chosen by hand.
"""

from __future__ import annotations

from functools import cached_property
from typing import Optional, Sequence

import numpy

from .candidates import Regions
from .regions import KINDS, kind_of
from .slots import slot_evidence
from .usage import WordUse

LARGEST = 8.0  # nats per changed token: no predictor says more
STEEPEST = 4.0  # what scores of a predictor are multiplied by, at most
HALVINGS = 30
WRONG = 0.03  # share of labels that are expected to be wrong, where trust is weighed
FEATURES = ("for", "against", "words", "document_words", "slot", "strange_for", "strange_against", *KINDS)
WEIGHTS = {
    "for": 0.23,
    "against": 1.15,
    "words": 0.79,
    "document_words": 0.31,
    "slot": 0.34,
    "strange_for": 0.5,
    "strange_against": 0.5,
}
TRUSTED_FOR = 0.8  # takes the place of the first as trusted labels weigh more: they have not learned from the others
PRIOR = {"relabel": -2.65, "remove": -5.48, "add": -1.44, "rebound": -2.35}  # before anything is looked at


class CandidateOdds:
    """Log-odds of the candidates of regions against their annotation, in nats (float64, candidates; 0 for annotations).

    regions (Regions). held_out (float64, candidates): log p of heads that have not seen the document, see
        ``Regions.scores``. trusted (float64, candidates): of whoever is trusted. strangers (sequence of float64 arrays,
        candidates): of heads whose encoders have not seen the labels.
    """

    def __init__(
        self,
        regions: Regions,
        held_out: numpy.ndarray,
        trusted: Optional[numpy.ndarray] = None,
        strangers: Sequence[numpy.ndarray] = (),
    ) -> None:
        self.regions = regions
        self.trust = 0.0 if trusted is None else trust_in(regions, trusted, held_out)
        predicted = (1.0 - self.trust) * self._by(held_out)
        if trusted is not None:
            predicted += self.trust * self._by(trusted)
        words, document_words = self._by_words
        strange = sum((self._by(scores) for scores in strangers), numpy.zeros(len(held_out))) / max(len(strangers), 1)
        slot = slot_evidence(self.regions, words + document_words)
        columns = (*_sides(predicted), words, document_words, slot, *_sides(strange))
        self.features = numpy.stack([*columns, *(self.kinds == kind for kind in range(len(KINDS)))], axis=1)
        weights = {**WEIGHTS, "for": (1.0 - self.trust) * WEIGHTS["for"] + self.trust * TRUSTED_FOR}
        self.evidence = self.features[:, : len(WEIGHTS)] @ numpy.array(list(weights.values()))
        self.prior = self.features[:, len(WEIGHTS) :] @ numpy.array([PRIOR[kind] for kind in KINDS])

    @property
    def log_odds(self) -> numpy.ndarray:
        """With what is usual for the kind of the change (float64, candidates)."""
        return self.evidence + self.prior

    @property
    def by_document(self) -> numpy.ndarray:
        """What speaks for each candidate in its document: what is done there with the same words, and what is usual for
        other words in the same slot (float64, candidates)."""
        return self.features[:, FEATURES.index("document_words")] + self.features[:, FEATURES.index("slot")]

    @cached_property
    def kinds(self) -> numpy.ndarray:
        """What each candidate would change (int64, candidates): numbers of ``KINDS``; -1 for annotations."""
        numbers = {kind: number for number, kind in enumerate(KINDS)}
        found = []
        for region in self.regions.regions:
            current = region.candidates[0]
            found += [-1, *(numbers[kind_of(current, other)] for other in region.candidates[1:])]
        return numpy.array(found, dtype=numpy.int64)

    def _by(self, scores: numpy.ndarray) -> numpy.ndarray:
        """Return a predictor's calibrated log-odds of each candidate per changed token: what it gets wrong about
        neighbouring tokens is one error."""
        scores = scores * calibration(self.regions, scores)
        return numpy.clip(self.regions.against_annotation(scores) / self._changed, -LARGEST, LARGEST)

    @cached_property
    def _changed(self) -> numpy.ndarray:
        """How many tokens get another label (int64, candidates; at least 1)."""
        if not len(self.regions):
            return numpy.zeros(0, dtype=numpy.int64)
        rows, tags, starts = self.regions.tags
        sizes = numpy.diff(numpy.append(starts, len(rows)))
        first = starts[self.regions.firsts[self.regions.owners]]
        offsets = numpy.arange(len(rows)) - numpy.repeat(starts, sizes)
        differs = tags != tags[numpy.repeat(first, sizes) + offsets]
        return numpy.maximum(numpy.add.reduceat(differs, starts, dtype=numpy.int64), 1)

    @cached_property
    def _by_words(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Log-odds of each candidate by what is done with the same words in other places, and in the same document."""
        types = {label: number for number, label in enumerate(self.regions.source.scheme.labels)}
        spans, labels = [], []
        for region in self.regions.regions:
            current = region.candidates[0]
            for candidate in region.candidates:
                before, after = (current or candidate)[:1], (candidate or current)[:1]
                both = (*before, *after) or ()
                if not both:  # nothing is annotated, and nothing would be
                    spans += [(region.document, region.start, region.end)] * 2
                    labels += [-1, -1]
                    continue
                spans += [(region.document, one.start, one.end) for one in both]
                labels += [types[before[0].label] if current else -1, types[after[0].label] if candidate else -1]
        use = WordUse(self.regions.source, numpy.array(spans, dtype=numpy.int64).reshape(-1, 3))
        found = []
        for own in (False, True):
            shares = use.log_shares(numpy.array(labels, dtype=numpy.int64), own_document=own).reshape(-1, 2)
            found.append(shares[:, 1] - shares[:, 0])
        return found[0], found[1]


def _sides(odds: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    return numpy.maximum(odds, 0.0), numpy.minimum(odds, 0.0)


def calibration(regions: Regions, scores: numpy.ndarray) -> float:
    """Return what scores (float64, candidates) are multiplied by, from 0 to STEEPEST, so that as log-probabilities they
    predict the annotation best, most of which is right."""
    if not len(regions):
        return 1.0
    low, high = 0.0, STEEPEST
    for _ in range(HALVINGS):  # the likelihood is concave
        middle = 0.5 * (low + high)
        probabilities = numpy.exp(regions.normalised(scores * middle))
        slope = (scores[regions.firsts] - numpy.add.reduceat(probabilities * scores, regions.firsts)).sum()
        low, high = (middle, high) if slope > 0.0 else (low, middle)
    return 0.5 * (low + high)


def trust_in(regions: Regions, trusted: numpy.ndarray, held_out: numpy.ndarray) -> float:
    """Return how much a trusted predictor weighs beside heads that have seen training labels, from 0 to 1.

    Where a predictor contradicts the annotation, the annotation is wrong with about the probability w / (w + e): w is
    the share of wrong labels, and e that of annotated entities that the predictor gets wrong. The weight is the ratio
    of the two predictors' probabilities: a trusted corpus that is small, or unlike, gets little.
    """
    likely = [WRONG / (WRONG + _errors(regions, scores)) for scores in (trusted, held_out)]
    return min(1.0, likely[0] / likely[1])


def _errors(regions: Regions, scores: numpy.ndarray) -> float:
    """Return the share of annotated entities for which another candidate is more probable."""
    annotated = numpy.array([bool(region.candidates[0]) for region in regions.regions], dtype=bool)
    if not annotated.any():
        return 0.0
    best = numpy.maximum.reduceat(scores, regions.firsts)
    return float((scores[regions.firsts] < best)[annotated].mean())

"""The influence of training labels on errors: on wrong predictions in texts with right labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy

from ..crf import one_label_each, split_rows
from ..crf.schemes import Entity, TagScheme
from ..explanation.wrong_regions import wrong_regions
from ..influence.data import HeadData
from ..influence.effects import HeadEffects
from ..influence.head import Head
from ..influence.linear_algebra import unit_vectors
from ..influence.segments import SegmentChains
from .predictors import Trusted
from .source import LabelSource

SEGMENTS = 512  # training segments at once
LARGEST = 500  # mistakes that are looked at
SEED = 0


@dataclass(frozen=True)
class Mistakes:
    """Wrong predictions of a head.

    data (HeadData): the texts. predicted (int64, tokens): labels.
    segments (int64, n x 3): document, start, end of each mistake. true (list of tuple of Entity), wrong (the same):
        entities there, annotated and predicted. found (int): how many there were before some were drawn.
    """

    data: HeadData
    predicted: numpy.ndarray
    segments: numpy.ndarray
    true: list[tuple[Entity, ...]]
    wrong: list[tuple[Entity, ...]]
    found: int

    def __len__(self) -> int:
        return len(self.segments)

    def chains(self, head: Head) -> SegmentChains:
        """Free the mistakes, at their predicted labels, under a head."""
        data = replace(self.data, allowed=one_label_each(self.predicted, self.data.labels))
        return SegmentChains(head, data, self.predicted, self.segments)


def find_mistakes(head: Head, texts: Trusted, scheme: TagScheme, largest: int = LARGEST) -> Mistakes:
    """Compare what a head predicts with trusted labels: runs of entities that overlap and differ.

    largest (int): so many mistakes at most; which, is drawn.
    """
    data = texts.data
    lengths = [length for length in data.lengths if length]
    predicted = head.decode(data.features, lengths, scheme.mask)
    documents = [number for number, length in enumerate(data.lengths) if length]
    segments: list[tuple[int, int, int]] = []
    true: list[tuple[Entity, ...]] = []
    wrong: list[tuple[Entity, ...]] = []
    parts = zip(documents, *(split_rows(values, lengths) for values in (predicted, texts.labels, texts.certain)))
    for document, own, labels, certain in parts:
        for region in wrong_regions(scheme, own, labels, certain):
            segments.append((document, region.start, region.end))
            true.append(region.gold)
            wrong.append(region.predicted)
    chosen = numpy.arange(len(segments))
    if len(segments) > largest:
        chosen = numpy.sort(numpy.random.default_rng(SEED).choice(len(segments), largest, replace=False))
    places = numpy.array(segments, dtype=numpy.int64).reshape(-1, 3)[chosen]
    picked = chosen.tolist()
    return Mistakes(data, predicted, places, [true[n] for n in picked], [wrong[n] for n in picked], len(segments))


def influence_on(mistakes: Mistakes, effects: HeadEffects, segments: numpy.ndarray) -> numpy.ndarray:
    """Return how the log-odds of each mistake would change if the labels of each training segment were removed
    (float64, segments x mistakes): negative supports the mistake, positive opposes it. To first order, corrected for
    the segment's own leverage."""
    if not len(mistakes) or not len(segments):
        return numpy.zeros((len(segments), len(mistakes)))
    queries = mistakes.chains(effects.head)
    scores = effects.scores(queries, segments)
    against = -numpy.expm1(-queries.losses()[0])  # 1 - p of the predicted labels
    return -(scores / numpy.maximum(against, 1e-12)[:, None]).T


def likeness(source: LabelSource, mistakes: Mistakes, segments: numpy.ndarray) -> numpy.ndarray:
    """Return how much the gradients of training segments are like those of the mistakes (float64, segments x mistakes,
    -1 to 1): their cosine under identity curvature, as in the paper. What is like a mistake and has its labels teaches
    it; of many labels that teach the same, none matters much alone, but all are alike."""
    result = numpy.zeros((len(segments), len(mistakes)))
    if not len(mistakes):
        return result
    theirs = unit_vectors(mistakes.chains(source.head).gradients())
    for start in range(0, len(segments), SEGMENTS):
        part = slice(start, start + SEGMENTS)
        result[part] = unit_vectors(source.chains(segments[part]).gradients()) @ theirs.T
    return result

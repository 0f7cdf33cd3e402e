"""A reading of some tokens of a text ("is this an ORG?"), and what a head makes of it after its labels have changed.

A reading is there when decoding the whole text finds it: an entity with these boundaries and this type, or tokens that
are all outside. Its margin, the score of the best tagging with it less that of the best one without it, is what has to
change its sign; it is linear in the head wherever these two taggings stay the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Optional

import numpy

from ..crf import one_label_each
from ..crf.decoding import best_tags
from ..crf.lattice import Limits
from ..crf.likelihood import path_scores
from ..crf.schemes import OUTSIDE, TAG, Entity, TagScheme
from ..errors import Errors, SeginfError
from ..influence.effects import HeadEffects
from ..influence.fit import HeadData
from ..influence.relabelling import first_order
from ..influence.segments import SegmentChains
from ..rendering.text import tokens_of

AS_THEY_ARE = (
    "A flip takes one prediction away, or makes one of tokens outside of all: ask about one of these with its "
    "boundaries. What speaks for other boundaries, say an ORG of just these tokens, `influence.explain(doc, "
    'doc[start:end], labels="ORG")` tells from Python.'
)


@dataclass(frozen=True)
class Margin:
    """value (float): nats by which the best tagging with a reading is above the best one without it; positive: it is
    predicted. direction (float64, 1 x P): its gradient with respect to the head."""

    value: float
    direction: numpy.ndarray


class Question:
    """A reading of some tokens of one text under a head and what becomes of that head.

    effects (HeadEffects): of the head. scheme (TagScheme). data (HeadData): the text, one document.
    tags (ints, tokens): what p holds everything outside of the tokens at.
    place (Entity): the tokens and what they are read as: an entity type, "O", or a tag under the scheme TAG.
    limits (Limits): what the text demands of decoding.
    """

    def __init__(
        self,
        effects: HeadEffects,
        scheme: TagScheme,
        data: HeadData,
        tags: numpy.ndarray,
        place: Entity,
        limits: Optional[Limits] = None,
    ) -> None:
        self.effects, self.scheme, self.data, self.place, self.limits = effects, scheme, data, place, limits
        self.tags = tags.copy()
        self._own = tags_of(scheme, place)
        self.tags[place.start : place.end] = self._own
        self.watched = effects.watch(data, self.tags, [(0, place.start, place.end)])
        self._whole = effects.watch(data, self.tags, [(0, 0, len(tags))])
        self._with, self._without = self._taggings()

    def loss(self, step: numpy.ndarray) -> float:
        """Return -log p(the reading | tags outside, text) after a step of the head (float64, 1 x P), in nats."""
        return float(self.watched.losses(step)[0, 0])

    def probability(self, step: numpy.ndarray) -> float:
        """Return p of the reading after a step of the head."""
        return math.exp(-self.loss(step))

    def decoded(self, step: numpy.ndarray) -> numpy.ndarray:
        """Tag the whole text under the head after a step (int64, tokens)."""
        moved = self._moved(step)
        return best_tags(self.scheme, moved.emissions, moved.transitions, self.data.lengths, self.limits)

    def holds(self, tags: numpy.ndarray) -> bool:
        """Is the reading there in a tagging of the text (ints, tokens)?"""
        start, end = self.place.start, self.place.end
        if self.scheme.name == TAG or self.place.label == OUTSIDE:
            return tags[start:end].tolist() == self._own
        return (start, end, self.place.label) in self.scheme.entities(tags.tolist())

    def margin(self, step: numpy.ndarray) -> Margin:
        """Return the margin of the reading after a step of the head."""
        moved = self._moved(step)
        (with_it, best), (without_it, other) = (self._best(moved, cases) for cases in (self._with, self._without))
        chains = self.effects.watch(self.data, other, self._whole.segments)
        return Margin(with_it - without_it, first_order(chains, one_label_each(best, self.data.labels))[None])

    def becomes(self, tags: numpy.ndarray) -> str:
        """Say in words what a tagging (ints, tokens) has at the tokens instead: "ORG", "O", "PER of 2 tokens"."""
        start, end = self.place.start, self.place.end
        if self.scheme.name == TAG:
            return " ".join(self.scheme.tags[tag] for tag in tags[start:end].tolist())
        found = [one for one in self.scheme.entities(tags.tolist()) if one[0] < end and start < one[1]]
        parts = [
            label if (first, last) == (start, end) else f"{label} of {tokens_of(first, last)}"
            for first, last, label in found
        ]
        return ", ".join(parts) or OUTSIDE

    def _moved(self, step: numpy.ndarray) -> SegmentChains:
        return self._whole.at(self.effects.head.moved(step[0]), self._whole.observed)

    def _best(self, moved: SegmentChains, cases: numpy.ndarray) -> tuple[float, numpy.ndarray]:
        """Find the best tagging that one of some cases (bool, cases x tokens x tags) permits, and its score."""
        count, tokens = cases.shape[:2]
        if not count:
            return -numpy.inf, self.tags
        lengths = [tokens] * count
        emissions = numpy.where(cases, moved.emissions, -numpy.inf).reshape(count * tokens, -1)
        limits = self.limits and Limits(
            numpy.tile(self.limits.blank, count),
            numpy.tile(self.limits.allowed, (count, 1)),
            numpy.tile(self.limits.limited, count),
        )
        tags = best_tags(self.scheme, emissions, moved.transitions, lengths, limits)
        scores = path_scores(emissions, moved.transitions, tags, lengths)
        # Where nothing valid is left, decoding takes what is not.
        following = tags.reshape(count, tokens)
        if self.scheme.mask is not None:
            scores[~self.scheme.mask.follow[following[:, :-1], following[:, 1:]].all(axis=1)] = -numpy.inf
        best = int(numpy.argmax(scores))
        return float(scores[best]), following[best]

    def _taggings(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return the tags that are permitted (bool, cases x tokens x tags) where the reading is there, and in each way
        in which it may not be: another tag inside, or an entity that goes on."""
        (start, end), tokens = (self.place.start, self.place.end), len(self.tags)
        every = numpy.ones((tokens, self.data.labels), dtype=bool)
        own = numpy.zeros((end - start, self.data.labels), dtype=bool)
        own[numpy.arange(end - start), self._own] = True
        longer = []  # tokens and tags that make the entity longer
        if self.scheme.name in ("BIO", "IO") and self.place.label != OUTSIDE:
            inside = self.scheme.entity_tags(self.place.label, 3)[1]
            longer += [(end, inside)] if end < tokens else []
            longer += [(start - 1, inside)] if self.scheme.name == "IO" and start else []
        present = every.copy()
        present[start:end] = own
        without = []
        for number in range(end - start):
            without.append(every.copy())
            without[-1][start + number] = ~own[number]
        for token, tag in longer:
            present[token, tag] = False
            without.append(every.copy())
            without[-1][token] = False
            without[-1][token, tag] = True
        return present[None], numpy.array(without)


def tags_of(scheme: TagScheme, place: Entity) -> list[int]:
    """Return the tags of some tokens that are read as an entity type, "O", or a tag under the scheme TAG."""
    length = place.end - place.start
    if scheme.name == TAG:
        return [scheme.index[place.label]] * length
    return [0] * length if place.label == OUTSIDE else scheme.entity_tags(place.label, length)


def label_at(scheme: TagScheme, tags: numpy.ndarray, start: int, end: int) -> str:
    """Return what tags say of some tokens: the type of an entity that is just these, "O", or a single tag.

    RAISES (ValueError): S029 if it is neither.
    """
    if scheme.name == TAG:
        if end - start == 1:
            return scheme.tags[tags[start]]
        raise SeginfError(
            Errors.S029.format(
                problem="single tags change one by one, and these are several tokens", advice="Ask about one."
            )
        )
    inside = [one for one in scheme.entities(tags.tolist()) if one[0] < end and start < one[1]]
    if not inside:
        return OUTSIDE
    if len(inside) > 1 or inside[0][:2] != (start, end):
        named = ", ".join(f"{label} ({tokens_of(first, last)})" for first, last, label in inside)
        raise SeginfError(
            Errors.S029.format(problem=f"its entities have other boundaries: {named}", advice=AS_THEY_ARE)
        )
    return inside[0][2]


def asked_otherwise(question: Question, label: str) -> Question:
    """Ask about the same tokens with another label."""
    place = replace(question.place, label=label)
    return Question(question.effects, question.scheme, question.data, question.tags, place, question.limits)

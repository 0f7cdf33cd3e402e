"""Wrong predictions: regions of a text where what is predicted and what is annotated differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Sequence

import numpy

from ..crf.schemes import TAG, Entity, TagScheme

MISSED, SPURIOUS, WRONG_TYPE = "missed", "spurious", "wrong type"
MOVED, BOTH = "moved boundary", "type and boundary"
KINDS = (MISSED, SPURIOUS, WRONG_TYPE, MOVED, BOTH)


@dataclass(frozen=True)
class Region:
    """Tokens from the first to the last of entities that overlap, predicted and annotated ones that are not the same.

    start, end (int): first token, and the one after the last. predicted, gold (tuples of Entity): entities there, in
    order. Under the scheme TAG, one token and its tags.
    """

    start: int
    end: int
    predicted: tuple[Entity, ...]
    gold: tuple[Entity, ...]

    @property
    def kind(self) -> str:
        """What is wrong: one of ``KINDS``."""
        if not self.predicted or not self.gold:
            return SPURIOUS if self.predicted else MISSED
        places, types = (
            [[read(entity) for entity in side] for side in (self.predicted, self.gold)]
            for read in (lambda entity: (entity.start, entity.end), lambda entity: entity.label)
        )
        if places[0] == places[1]:
            return WRONG_TYPE
        return MOVED if set(types[0]) == set(types[1]) else BOTH


def differing_regions(predicted: Sequence[Entity], gold: Sequence[Entity]) -> list[Region]:
    """Group predicted and annotated entities of a text that overlap, where they differ, in the order of the text."""
    groups: list[Region] = []
    both = sorted([(entity, True) for entity in predicted] + [(entity, False) for entity in gold])
    for entity, ours in both:
        group = Region(entity.start, entity.end, (), ())
        if groups and entity.start < groups[-1].end:
            group = groups.pop()
        sides = ((*group.predicted, entity), group.gold) if ours else (group.predicted, (*group.gold, entity))
        groups.append(Region(group.start, max(group.end, entity.end), *sides))
    return [group for group in groups if group.predicted != group.gold]


def wrong_regions(
    scheme: TagScheme, predicted: numpy.ndarray, gold: numpy.ndarray, known: numpy.ndarray
) -> Iterator[Region]:
    """Yield the wrong predictions of one text.

    predicted, gold (ints, tokens): tags. known (bool, tokens): which are annotated; what has a token that is not is
        left out, because nobody has said what is right there.
    """
    if scheme.name == TAG:
        for token in numpy.flatnonzero(known & (predicted != gold)).tolist():
            sides = ((Entity(token, token + 1, scheme.tags[int(tags[token])]),) for tags in (predicted, gold))
            yield Region(token, token + 1, *sides)
        return
    ours, theirs = ([Entity(*place) for place in scheme.entities(tags.tolist())] for tags in (predicted, gold))
    for region in differing_regions(ours, theirs):
        if known[region.start : region.end].all():
            yield region

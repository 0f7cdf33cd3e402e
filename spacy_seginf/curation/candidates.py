"""Regions of training documents, and candidate annotations: other types, other boundaries, no entity, one more.

A region's labels may be wrong where another candidate is more probable, everything outside held. The candidates of a
region are what people would change its annotation to; the first is the annotation. Where every token has a tag of its
own, regions are single tokens, see ``doubtful_tokens``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Iterable, Iterator, Sequence

import numpy

from ..crf.schemes import Entity, TagScheme
from ..influence.data import ranges
from .source import LabelSource

REACH = 3  # tokens that an entity may grow by on each side
INWARD = 10  # and that a side of it may move inwards, or be left of it

Annotation = tuple[Entity, ...]


@dataclass(frozen=True)
class Predictions:
    """Scores of the labels of the training texts, by a head or by whoever else predicts them.

    emissions (float64, tokens x labels). transitions (float64, k x labels x labels): scores of neighbouring labels;
    which (int64, documents): the ones that hold in each document.
    """

    emissions: numpy.ndarray
    transitions: numpy.ndarray
    which: numpy.ndarray


@dataclass(frozen=True)
class Region:
    """A run of tokens (document, start, end) whose labels are in question, and its candidates; the first is the
    annotation. Entities are numbered in the document."""

    document: int
    start: int
    end: int
    candidates: tuple[Annotation, ...]


class Regions:
    """Many regions, scored together. source (LabelSource). regions (sequence of Region)."""

    def __init__(self, source: LabelSource, regions: Sequence[Region]) -> None:
        self.source, self.regions = source, list(regions)
        counts = numpy.array([len(region.candidates) for region in self.regions], dtype=numpy.int64)
        self.firsts = numpy.cumsum(counts) - counts
        self.owners = numpy.repeat(numpy.arange(len(self.regions)), counts)

    def __len__(self) -> int:
        return len(self.regions)

    @cached_property
    def documents(self) -> numpy.ndarray:
        """Document of each region (int64)."""
        return numpy.array([region.document for region in self.regions], dtype=numpy.int64)

    @cached_property
    def rows(self) -> numpy.ndarray:
        """All tokens of all regions, each once (int64, rows of the source's data)."""
        return numpy.unique(ranges(self._first_rows, self._sizes))

    def scores(self, predictions: Predictions) -> numpy.ndarray:
        """Return log p(candidate | labels outside, one of the region's candidates) of all of them (float64, n)."""
        if not len(self.regions):
            return numpy.zeros(0)
        rows, tags, starts = self.tags
        values = predictions.emissions[rows, tags]
        inner = numpy.ones(len(rows), dtype=bool)
        inner[starts] = False  # tokens that follow another of the candidate
        at = numpy.flatnonzero(inner)
        lengths = numpy.diff(numpy.append(starts, len(rows)))
        which = predictions.which[self.documents[self.owners]]
        by_token = numpy.repeat(which, lengths)
        values[at] += predictions.transitions[by_token[at], tags[at - 1], tags[at]]
        totals = numpy.add.reduceat(values, starts)
        last = starts + lengths - 1
        for neighbours, left in ((self._before, True), (self._after, False)):
            own = neighbours[self.owners]
            held = numpy.flatnonzero(own >= 0)
            edge = tags[starts[held]] if left else tags[last[held]]
            pairs = (own[held], edge) if left else (edge, own[held])
            totals[held] += predictions.transitions[which[held], pairs[0], pairs[1]]
        return self.normalised(totals)

    def normalised(self, totals: numpy.ndarray) -> numpy.ndarray:
        """Return scores of candidates less the logarithm of their region's sum (float64, n)."""
        return totals - self._log_sums(totals)[self.owners]

    def against_annotation(self, scores: numpy.ndarray) -> numpy.ndarray:
        """Return scores of candidates less that of their region's annotation (float64, n)."""
        return scores - scores[self.firsts[self.owners]]

    def best(self, scores: numpy.ndarray) -> numpy.ndarray:
        """Return the candidate of each region with the highest score, the annotation left out (int64, numbers among
        all)."""
        others = scores.copy()
        others[self.firsts] = -numpy.inf
        order = numpy.lexsort((numpy.arange(len(others)), -others, self.owners))
        return order[self.firsts]

    def candidate(self, number: int) -> Annotation:
        """Return a candidate by its number among all."""
        region = int(self.owners[number])
        return self.regions[region].candidates[number - int(self.firsts[region])]

    def _log_sums(self, totals: numpy.ndarray) -> numpy.ndarray:
        highest = numpy.maximum.reduceat(totals, self.firsts)
        return highest + numpy.log(numpy.add.reduceat(numpy.exp(totals - highest[self.owners]), self.firsts))

    @cached_property
    def _sizes(self) -> numpy.ndarray:
        return numpy.array([region.end - region.start for region in self.regions], dtype=numpy.int64)

    @cached_property
    def _first_rows(self) -> numpy.ndarray:
        starts = numpy.array([region.start for region in self.regions], dtype=numpy.int64)
        return self.source.data.starts[self.documents] + starts

    @cached_property
    def _before(self) -> numpy.ndarray:
        starts = numpy.array([region.start for region in self.regions], dtype=numpy.int64)
        return numpy.where(starts > 0, self.source.labels[self._first_rows - 1], -1)

    @cached_property
    def _after(self) -> numpy.ndarray:
        ends = numpy.array([region.end for region in self.regions], dtype=numpy.int64)
        lengths = numpy.asarray(self.source.data.lengths, dtype=numpy.int64)[self.documents]
        past = numpy.minimum(self._first_rows + self._sizes, len(self.source.labels) - 1)
        return numpy.where(ends < lengths, self.source.labels[past], -1)

    @cached_property
    def tags(self) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """Rows and tags of the tokens of all candidates, one candidate after another, and where each begins."""
        scheme, tags = self.source.scheme, []
        for region in self.regions:
            for candidate in region.candidates:
                tags.append(tags_of(scheme, candidate, region.start, region.end))
        sizes = self._sizes[self.owners]
        rows = ranges(self._first_rows[self.owners], sizes)
        return rows, numpy.concatenate(tags), numpy.cumsum(sizes) - sizes


def tags_of(scheme: TagScheme, entities: Iterable[Entity], start: int, end: int) -> numpy.ndarray:
    """Return the tags of a run of tokens that holds these entities (int64)."""
    tags = numpy.zeros(end - start, dtype=numpy.int64)
    for entity in entities:
        tags[entity.start - start : entity.end - start] = scheme.entity_tags(entity.label, entity.end - entity.start)
    return tags


def find_regions(source: LabelSource, missing: Sequence[tuple[int, int, int, str]]) -> list[Region]:
    """List which entities may be wrong: every annotated one, every two that touch, and where one may be missing.

    missing (sequence of (document, start, end, type)): entities that somebody sees among tokens that are labelled O.
    """
    entities: dict[int, list[Entity]] = {}
    for (document, start, end), label in zip(source.entities.tolist(), source.entity_labels.tolist()):
        entities.setdefault(document, []).append(Entity(start, end, source.scheme.labels[label]))
    found: list[Region] = []
    for document, members in entities.items():
        length = source.data.lengths[document]
        for place, entity in enumerate(members):
            left = members[place - 1].end if place else 0
            right = members[place + 1].start if place + 1 < len(members) else length
            found.append(_entity_region(source, document, entity, left, right))
            if right == entity.end and place + 1 < len(members):
                found.append(_pair_region(document, entity, members[place + 1]))
    for document, start, end in sorted({place[:3] for place in missing}):
        candidates = ((), *((Entity(start, end, label),) for label in source.scheme.labels))
        found.append(Region(document, start, end, candidates))
    return sorted(found, key=lambda region: (region.document, region.start, region.end, len(region.candidates)))


def _entity_region(source: LabelSource, document: int, entity: Entity, left: int, right: int) -> Region:
    """Read an entity in other ways. left, right (int): where tokens begin and end that it may grow over."""
    known = source.known[int(source.data.starts[document]) :]
    lowest, highest = entity.start, entity.end
    while lowest > max(left, entity.start - REACH) and known[lowest - 1]:
        lowest -= 1
    while highest < min(right, entity.end + REACH) and known[highest]:
        highest += 1
    candidates: list[Annotation] = [(entity,), ()]
    candidates += [
        (Entity(entity.start, entity.end, label),) for label in source.scheme.labels if label != entity.label
    ]
    for start, end in _boundaries(entity, lowest, highest):
        candidates.append((Entity(start, end, entity.label),))
    return Region(document, lowest, highest, tuple(candidates))


def _boundaries(entity: Entity, lowest: int, highest: int) -> Iterator[tuple[int, int]]:
    """Yield other first and last tokens: one side moves, or both move a little. Inwards, a side moves to near where it
    was or to near the other: in a long entity, few candidates are left of it."""
    starts = sorted({*range(lowest, min(entity.start + INWARD, entity.end)), *range(entity.end - INWARD, entity.end)})
    ends = sorted({*range(max(entity.end - INWARD, entity.start) + 1, highest + 1)})
    ends = sorted({*ends, *range(entity.start + 1, entity.start + INWARD + 1)})
    for start in starts:
        for end in ends:
            moved = (start != entity.start) + (end != entity.end)
            near = abs(start - entity.start) <= REACH and abs(end - entity.end) <= REACH
            if lowest <= start < end <= highest and (moved == 1 or (moved == 2 and near)):
                yield start, end


def _pair_region(document: int, first: Entity, second: Entity) -> Region:
    """Read two entities that touch as one."""
    types = dict.fromkeys((first.label, second.label))
    merged = tuple((Entity(first.start, second.end, label),) for label in types)
    return Region(document, first.start, second.end, ((first, second), *merged))

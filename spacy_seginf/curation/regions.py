"""Regions: runs of tokens that cut no entity, and what changes in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Optional, Sequence

from ..corpora.documents import Replacement
from ..crf.schemes import Entity

KINDS = ("relabel", "remove", "add", "rebound")


def kind_of(current: Sequence[Entity], entities: Sequence[Entity]) -> str:
    """Say what a change of entities is: "relabel" (another type), "remove" (no entity), "add" (an entity where none
    was), or "rebound" (other boundaries, maybe with another type)."""
    if not current:
        return "add"
    if not entities:
        return "remove"
    same_tokens = [(one.start, one.end) for one in current] == [(one.start, one.end) for one in entities]
    return "relabel" if same_tokens else "rebound"


@dataclass(frozen=True)
class Correction(Replacement):
    """What a region was decided to hold: the annotation, if that is right, or other entities.

    start, end (int), entities (tuple of Entity): as for ``Replacement``. document (int): its number, from 0.
    current (tuple of Entity): as annotated. reviewers (tuple of str): who said so.
    """

    document: int
    current: tuple[Entity, ...]
    reviewers: tuple[str, ...] = ()

    @property
    def wrong(self) -> bool:
        """Whether the labels were changed."""
        return self.current != self.entities

    @property
    def kind(self) -> str:
        """What changes: one of ``KINDS``."""
        return kind_of(self.current, self.entities)


def grown(start: int, end: int, entities: Iterable[Entity]) -> tuple[int, int]:
    """Return the smallest region (start, end) that holds another one and cuts none of the entities."""
    entities = list(entities)
    while True:
        touched = touching(start, end, entities)
        low = min([start, *(one.start for one in touched)])
        high = max([end, *(one.end for one in touched)])
        if (low, high) == (start, end):
            return start, end
        start, end = low, high


def touching(start: int, end: int, entities: Iterable[Entity]) -> list[Entity]:
    """List the entities that have some token of a region."""
    return [one for one in entities if one.start < end and start < one.end]


def within(start: int, end: int, entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Return the entities that are wholly in a region, in order."""
    return tuple(sorted(one for one in entities if start <= one.start and one.end <= end))


def overlap(entities: Iterable[Entity]) -> Optional[tuple[Entity, Entity]]:
    """Find two entities that share a token."""
    ordered = sorted(entities)
    return next(((one, other) for one, other in zip(ordered, ordered[1:]) if other.start < one.end), None)

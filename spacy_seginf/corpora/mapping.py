"""Documents with fewer types, or with types of other names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Collection, Mapping

from ..crf.schemes import Entity
from .documents import Document


@dataclass(frozen=True)
class Mapped:
    """A document whose types have other names.

    touching (tuple of pairs of Entity): neighbours that have the same type since.
    """

    document: Document
    touching: tuple[tuple[Entity, Entity], ...] = ()


def map_types(document: Document, only: Collection[str], names: Mapping[str, str]) -> Mapped:
    """Keep the entities of some types (all if ``only`` is empty), by their new names.

    What was not annotated counts as outside where only some types are kept, as nobody can tell the two apart.
    """
    kept = [entity for entity in document.entities if not only or entity.label in only]
    new = [replace(entity, label=names.get(entity.label, entity.label)) for entity in kept]
    touching = tuple(
        (first, second)
        for before, after, first, second in zip(kept, kept[1:], new, new[1:])
        if first.end == second.start and first.label == second.label and before.label != after.label
    )
    missing = () if only else document.missing
    return Mapped(replace(document, entities=tuple(new), missing=missing), touching)

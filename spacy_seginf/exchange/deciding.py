"""What an annotator left in a window, as a decision on the region."""

from __future__ import annotations

from typing import Optional, Sequence

from ..crf.schemes import Entity
from ..curation.records import Decision
from ..curation.suspicions import Suspicion
from .windows import Window


def decide(suspicion: Suspicion, window: Window, left: Sequence[Entity]) -> Decision:
    """Compare the entities that an annotator left in the window with the annotated and the suggested ones.

    left (sequence of Entity): numbered as in the document.
    RETURNS (Decision): "accept", "keep" or "label", without reviewer, time and corpus. If the annotator changed
        entities outside of the region, the decision is on a larger region that holds them all.
    """
    start, end = grown(suspicion, window, left)
    current = _within(window.entities, start, end)
    entities = _within(left, start, end)
    if (start, end) != (suspicion.start, suspicion.end):
        choice = "label"
    elif entities == tuple(sorted(suspicion.suggested)):
        choice = "accept"
    else:
        choice = "keep" if entities == current else "label"
    words = suspicion.words[start - window.first : end - window.first]
    given = () if choice == "keep" else entities
    return Decision(suspicion.id, suspicion.document, start, end, words, current, choice, given)


def chosen(suspicion: Suspicion, choice: str) -> Decision:
    """Make the decision of an annotator who named it: "accept", "keep" or "skip"."""
    entities = tuple(sorted(suspicion.suggested)) if choice == "accept" else ()
    place = (suspicion.id, suspicion.document, suspicion.start, suspicion.end)
    return Decision(*place, suspicion.region, tuple(sorted(suspicion.current)), choice, entities)


def grown(suspicion: Suspicion, window: Window, left: Sequence[Entity]) -> tuple[int, int]:
    """Find the smallest region around a suspicion's that holds all changes and cuts no entity."""
    start, end = suspicion.start, suspicion.end
    for entity in set(left) ^ set(window.entities):
        start, end = min(start, entity.start), max(end, entity.end)
    while True:
        cut = [entity for entity in (*window.entities, *left) if _cuts(start, end, entity)]
        if not cut:
            return start, end
        start, end = min(start, cut[0].start), max(end, cut[0].end)


def overlap(entities: Sequence[Entity]) -> Optional[tuple[Entity, Entity]]:
    """Find two entities that share a token."""
    ordered = sorted(entities)
    return next(((one, other) for one, other in zip(ordered, ordered[1:]) if other.start < one.end), None)


def _cuts(start: int, end: int, entity: Entity) -> bool:
    touches = entity.start < end and start < entity.end
    return touches and not (start <= entity.start and entity.end <= end)


def _within(entities: Sequence[Entity], start: int, end: int) -> tuple[Entity, ...]:
    return tuple(sorted(entity for entity in entities if start <= entity.start and entity.end <= end))

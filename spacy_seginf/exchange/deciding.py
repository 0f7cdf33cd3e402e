"""What an annotator left in a window, as a decision on the region."""

from __future__ import annotations

from typing import Sequence

from ..crf.schemes import Entity
from ..curation.records import Decision
from ..curation.regions import grown, within
from ..curation.suspicions import Suspicion
from .windows import Window


def decide(suspicion: Suspicion, window: Window, left: Sequence[Entity]) -> Decision:
    """Compare the entities that an annotator left in the window with the annotated and the suggested ones.

    left (sequence of Entity): numbered as in the document.
    RETURNS (Decision): "accept", "keep" or "label", without reviewer, time and corpus. If the annotator changed
        entities outside of the region, the decision is on a larger region that holds them all.
    """
    start, end = changed_region(suspicion, window, left)
    current = within(start, end, window.entities)
    entities = within(start, end, left)
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


def changed_region(suspicion: Suspicion, window: Window, left: Sequence[Entity]) -> tuple[int, int]:
    """Find the smallest region around a suspicion's that holds all changes and cuts no entity."""
    changed = set(left) ^ set(window.entities)
    start = min([suspicion.start, *(entity.start for entity in changed)])
    end = max([suspicion.end, *(entity.end for entity in changed)])
    return grown(start, end, (*window.entities, *left))

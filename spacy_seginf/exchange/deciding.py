"""What an annotator left in a window, as a decision on the region."""

from __future__ import annotations

from typing import Sequence

from ..crf.schemes import Entity
from ..curation.issues import LabelIssue
from ..curation.records import Decision
from ..curation.regions import grown, within
from .windows import Window


def decide(issue: LabelIssue, window: Window, left: Sequence[Entity]) -> Decision:
    """Compare the entities that an annotator left in the window with the annotated and the suggested ones.

    left (sequence of Entity): numbered as in the document.
    RETURNS (Decision): "accept", "keep" or "label", without reviewer, time and corpus. If the annotator changed
        entities outside of the region, the decision is on a larger region that holds them all.
    """
    start, end = changed_region(issue, window, left)
    current = within(start, end, window.entities)
    entities = within(start, end, left)
    if (start, end) != (issue.start, issue.end):
        choice = "label"
    elif entities == tuple(sorted(issue.suggested)):
        choice = "accept"
    else:
        choice = "keep" if entities == current else "label"
    return Decision.on(issue, choice, () if choice == "keep" else entities, (start, end))


def chosen(issue: LabelIssue, choice: str) -> Decision:
    """Make the decision of an annotator who named it: "accept", "keep" or "skip"."""
    return Decision.on(issue, choice, issue.suggested if choice == "accept" else ())


def changed_region(issue: LabelIssue, window: Window, left: Sequence[Entity]) -> tuple[int, int]:
    """Find the smallest region around an issue's that holds all changes and cuts no entity."""
    changed = set(left) ^ set(window.entities)
    start = min([issue.start, *(entity.start for entity in changed)])
    end = max([issue.end, *(entity.end for entity in changed)])
    return grown(start, end, (*window.entities, *left))

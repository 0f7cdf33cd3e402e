"""A readable diff of what decisions change in a corpus."""

from __future__ import annotations

from typing import Iterable, Sequence

from ..corpora.documents import Document
from ..crf.schemes import Entity
from ..rendering.text import shorten, tokens_of, visible
from .regions import Correction

AROUND = 6  # words on each side
IN_WORDS = {
    "relabel": "another type",
    "remove": "no entity any more",
    "add": "a new entity",
    "rebound": "other boundaries",
}


def render_changes(documents: Sequence[Document], changes: Sequence[Correction]) -> str:
    """Write a block for each change: where it is, who said so, and the text before and after with its entities."""
    if not changes:
        return "No changes.\n"
    return "\n".join(_block(documents[change.document], change) for change in changes)


def _block(document: Document, change: Correction) -> str:
    line = document.line(change.start)
    place = f"{document.file}:{line}" if line else document.file
    reviewers = ", ".join(name for name in change.reviewers if name)
    head = f"{document.identifier}, {tokens_of(change.start, change.end)} ({place}): {IN_WORDS[change.kind]}"
    if reviewers:
        head += f", by {reviewers}"
    return change_block(head, document.words, 0, (change.start, change.end), change.current, change.entities)


def change_block(
    head: str,
    words: Sequence[str],
    first: int,
    region: tuple[int, int],
    current: Iterable[Entity],
    entities: Iterable[Entity],
) -> str:
    """Write the text of a region before and after, with the entities in it, below a line that says what it is.

    words (sequence of str): of the document, around the region. first (int): number of the first.
    """
    start, end = max(first, region[0] - AROUND), min(first + len(words), region[1] + AROUND)
    sides = []
    for side in (current, entities):
        said = bracketed(words[start - first : end - first], start, side)
        sides.append(" ".join(["..."] * (start > 0) + said + ["..."] * (end < first + len(words))))
    return f"@@ {visible(head)}\n- {sides[0]}\n+ {sides[1]}\n"


def bracketed(words: Sequence[str], first: int, entities: Iterable[Entity]) -> list[str]:
    """Put the entities among words in brackets with their types: "[Ada", "Lind]/PER". first (int): number of the first
    word."""
    shown = [shorten(visible(word)) for word in words]
    for entity in entities:
        shown[entity.start - first] = "[" + shown[entity.start - first]
        shown[entity.end - 1 - first] += f"]/{visible(entity.label)}"
    return shown

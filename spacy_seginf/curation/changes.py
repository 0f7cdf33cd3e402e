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
    before = _text(document, change, change.current)
    after = _text(document, change, change.entities)
    return f"@@ {visible(head)}\n- {before}\n+ {after}\n"


def _text(document: Document, change: Correction, entities: Iterable[Entity]) -> str:
    first, last = max(0, change.start - AROUND), min(len(document.words), change.end + AROUND)
    words = bracketed(document.words[first:last], first, entities)
    if first:
        words.insert(0, "...")
    if last < len(document.words):
        words.append("...")
    return " ".join(words)


def bracketed(words: Sequence[str], first: int, entities: Iterable[Entity]) -> list[str]:
    """Put the entities among words in brackets with their types: "[Ada", "Lind]/PER". first (int): number of the first
    word."""
    shown = [shorten(visible(word)) for word in words]
    for entity in entities:
        shown[entity.start - first] = "[" + shown[entity.start - first]
        shown[entity.end - 1 - first] += f"]/{visible(entity.label)}"
    return shown

"""The text that an annotator sees, and where its tokens are in it."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Callable, Iterable, Optional

from ..crf.schemes import Entity
from ..curation.issues import LabelIssue
from ..curation.regions import touching
from ..errors import Errors, SeginfError

STAND_IN = "\ufffd"  # shown for what tools and databases refuse, and for tokens without a character


def utf16_length(text: str) -> int:
    """Count characters as JavaScript does, where an emoji is two."""
    return len(text) + sum(character > "\uffff" for character in text)


@dataclass(frozen=True)
class Window:
    """The words around a region as text.

    first (int): number of the first word in its document. words (tuple of str): as they are shown. spaces (tuple of
        bool): whether a space follows each.
    entities (tuple of Entity): as annotated, numbered as in the document. cut (tuple of Entity): those that the window
        shows in part; they are not shown as entities.
    starts, ends (tuples of int): where the words are in the text, in characters as the tool counts them.
    """

    first: int
    words: tuple[str, ...]
    spaces: tuple[bool, ...]
    entities: tuple[Entity, ...]
    cut: tuple[Entity, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def last(self) -> int:
        """The number of the word after the window."""
        return self.first + len(self.words)

    @property
    def text(self) -> str:
        """The words with the spaces between them."""
        return "".join(word + " " * space for word, space in zip(self.words, self.spaces))

    def text_of(self, entity: Entity) -> str:
        """The words of an entity, with the spaces between them."""
        words = slice(entity.start - self.first, entity.end - self.first)
        pieces = [word + " " * space for word, space in zip(self.words[words], self.spaces[words])]
        return "".join(pieces[:-1]) + self.words[words][-1]

    def characters(self, entity: Entity) -> tuple[int, int]:
        """Where an entity begins and ends in the text."""
        return self.starts[entity.start - self.first], self.ends[entity.end - self.first - 1]

    def entity(self, start: int, end: int, label: str) -> Optional[Entity]:
        """The entity at these characters, with the spaces around it left out; None if they cut a word."""
        begin, stop = bisect_left(self.starts, start), bisect_right(self.ends, end)
        if not 0 <= start < end <= self.ends[-1] + self.spaces[-1] or begin >= stop:
            return None
        if begin > 0 and start < self.ends[begin - 1]:
            return None
        if stop < len(self.words) and end > self.starts[stop]:
            return None
        return Entity(self.first + begin, self.first + stop, label)

    def describe(self, entities: Iterable[Entity]) -> str:
        """Say in a line which entities these are."""
        return "; ".join(f"{self.text_of(entity)} {entity.label}" for entity in entities) or "no entity"


def window_of(issue: LabelIssue, length: Callable[[str], int] = len) -> Window:
    """Show an issue's words.

    length (callable): how a tool counts characters: ``len`` or ``utf16_length``.
    RAISES (ValueError): S190 if the words are not those around the region.
    """
    problem = _problem(issue)
    if problem:
        raise SeginfError(Errors.S190.format(issue=issue.id, problem=problem))
    words = tuple(map(showable, issue.words))
    starts, ends, position = [], [], 0
    for word, space in zip(words, issue.spaces):
        starts.append(position)
        ends.append(position + length(word))
        position = ends[-1] + space
    last = issue.first + len(words)
    whole = [entity for entity in issue.entities if issue.first <= entity.start and entity.end <= last]
    cut = tuple(entity for entity in issue.entities if entity not in whole)
    places = (tuple(starts), tuple(ends))
    return Window(issue.first, words, issue.spaces, tuple(sorted(whole)), cut, *places)


def proposed(issue: LabelIssue, window: Window) -> tuple[Entity, ...]:
    """The entities of the window as they would be if the suggestion were accepted."""
    others = [entity for entity in window.entities if not issue.start <= entity.start < issue.end]
    return tuple(sorted([*others, *issue.suggested]))


def showable(word: str) -> str:
    """Replace the characters of a word that some tools refuse or count otherwise; no word is without a character."""
    return "".join(map(_showable, word)) or STAND_IN


def _showable(character: str) -> str:
    if character == "\r":
        return " "  # editors make one line break of \r\n
    refused = unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t"
    return STAND_IN if refused else character


def _problem(issue: LabelIssue) -> str:
    last = issue.first + len(issue.words)
    if len(issue.words) != len(issue.spaces):
        return f"it has {len(issue.words)} words and {len(issue.spaces)} spaces"
    if not issue.first <= issue.start < issue.end <= last:
        return f"its region is not among its words {issue.first} to {last}"
    if sorted(touching(issue.start, issue.end, issue.entities)) != sorted(issue.current):
        return "the entities of its region are not its current ones"
    for entity in (*issue.current, *issue.suggested):
        if not issue.start <= entity.start < entity.end <= issue.end:
            return f"the entity {entity.start}-{entity.end} {entity.label} is not inside its region"
    return ""

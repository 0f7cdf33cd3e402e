"""Spans of characters <-> entities of tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Iterable, Optional, Sequence

from spacy.tokenizer import Tokenizer

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..factories import blank

Place = tuple[int, int]


@dataclass(frozen=True)
class Annotation:
    """A span of a text as a file has it.

    start, end (int): characters (code points), end exclusive. label (str). place (str): where it is in the file.
    key (Any): by which its format finds it again.
    """

    start: int
    end: int
    label: str
    place: str = ""
    key: Any = None


@dataclass(frozen=True)
class Tokens:
    """The tokens of a text: where each begins and ends (ints)."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, text: str, places: Iterable[Place]) -> Tokens:
        """Take tokens that somebody has found."""
        places = list(places)
        return cls(text, [start for start, _ in places], [end for _, end in places])

    @property
    def words(self) -> tuple[str, ...]:
        """The tokens themselves."""
        return tuple(self.text[start:end] for start, end in zip(self.starts, self.ends))

    @property
    def spaces(self) -> tuple[bool, ...]:
        """Whether a space follows each."""
        return tuple(self.text[end : end + 1] == " " for end in self.ends)

    def entity(self, annotation: Annotation) -> Optional[Entity]:
        """Return the tokens of a span, with the spaces around it left out; None if it cuts a token."""
        start, end = trimmed(self.text, annotation.start, annotation.end)
        first, last = bisect_left(self.starts, start), bisect_left(self.ends, end)
        if start >= end or first >= len(self.starts) or last >= len(self.ends):
            return None
        fits = self.starts[first] == start and self.ends[last] == end and first <= last
        return Entity(first, last + 1, annotation.label) if fits else None

    def expanded(self, annotation: Annotation) -> Optional[Entity]:
        """Return all tokens that a span has some characters of; None if there are none."""
        start, end = trimmed(self.text, annotation.start, annotation.end)
        first, last = bisect_right(self.ends, start), bisect_left(self.starts, end)
        return Entity(first, last, annotation.label) if first < last else None

    def split(self, annotations: Iterable[Annotation]) -> Tokens:
        """Cut tokens where spans begin and end."""
        cuts = sorted({cut for one in annotations for cut in trimmed(self.text, one.start, one.end)})
        places: list[Place] = []
        for start, end in zip(self.starts, self.ends):
            inside = cuts[bisect_right(cuts, start) : bisect_left(cuts, end)]
            places += zip([start, *inside], [*inside, end])
        return Tokens.of(self.text, places)


def tokenize(text: str, lang: str) -> Tokens:
    """Find tokens as spaCy does for a language. RAISES (ValueError): S206 for one that it does not know."""
    doc = tokenizer_of(lang)(text)
    return Tokens.of(text, ((token.idx, token.idx + len(token)) for token in doc))


@cache
def tokenizer_of(lang: str) -> Tokenizer:
    """Return the tokenizer of a blank pipeline. RAISES (ValueError): S206."""
    try:
        return blank(lang).tokenizer
    except (ImportError, ValueError):
        known = "the codes of spaCy's languages, such as en, de, or xx for many"
        raise SeginfError(Errors.S206.format(setting="--lang", value=lang, known=known)) from None


def trimmed(text: str, start: int, end: int) -> Place:
    """Leave out the spaces at both ends of a span."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


class Utf16:
    """Where characters are in a text for programs that count UTF-16 code units."""

    def __init__(self, text: str) -> None:
        self._wide = [place for place, character in enumerate(text) if character > "\uffff"]
        self._units = [place + number for number, place in enumerate(self._wide)]

    def decode(self, offset: int) -> Optional[int]:
        """Return a place in code points; None if it is inside a character."""
        before = bisect_left(self._units, offset)
        return None if before and self._units[before - 1] == offset - 1 else offset - before

    def encode(self, place: int) -> int:
        """Return a place in code units."""
        return place + bisect_left(self._wide, place)


def decode_utf16(text: str, annotations: Iterable[Annotation]) -> list[Annotation]:
    """Count the offsets of spans in code points. One inside a character becomes -1, which is in no text."""
    units = Utf16(text)
    places = ((one, units.decode(one.start), units.decode(one.end)) for one in annotations)
    return [
        replace(one, start=-1 if start is None else start, end=-1 if end is None else end) for one, start, end in places
    ]

"""Which lines of columns are words, which are comments, and which begin documents: known of the file, or asked."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

from ..errors import Errors, SeginfError

DOCSTART = re.compile(r"-DOCSTART-(?=[ \t]|$)")
NEW_DOCUMENT = re.compile(r"#[ \t]*newdoc(?:[ \t]+id[ \t]*=[ \t]*(?P<id>.*))?$")
DOCUMENT_ID = re.compile(r"#[ \t]*id[ \t]*=[ \t]*(?P<id>.*)$")
MARKER = re.compile(r"#[ \t]*new(?:doc|par)\b")
KEY = re.compile(r"#[ \t]*[\w.:-]+[ \t]*=")
SPACED_KEY = re.compile(r"#[\w.:-]+(?:[ \t]+=|=[ \t])")  # which no token is
TAG = re.compile(r"O|[BILUES](?:-.+)?")
NUMBER = re.compile(r"\d+(?P<no_word>[-.]\d+)?")  # of a word; 1-2 and 3.1 are a range of words and an empty node
MISC_TAG = re.compile(r"(?:^|(?<=\|))(?:NER|ner|Entity)=(?P<tag>[^|]+)")  # in CoNLL-U's last column
# How cells are told apart: runs of spaces and tabs, or else single tabs, so that tokens may hold spaces.
SPACES_OR_TABS, TABS = re.compile(r"[^ \t]+"), re.compile(r"(?:^|(?<=\t))[^\t]*")
UNSPECIFIED = "_"  # a cell of CoNLL-U without a value
HEADER_WORDS = {
    *("token", "tokens", "word", "words", "form", "text", "tag", "tags", "label", "labels"),
    *("ner", "ner_tag", "ner_tags", "ne", "iob", "bio", "entity"),
}
Place = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """A named format of columns.

    token, tag (int): where they are, unless somebody says otherwise; None if that has to be found out.
    comments (bool): whether all lines that begin with # are comments, or none is; None if each has to be looked at.
    word_tag (int): where the tag of a word is, such as its part of speech; where ``tag`` is, if None.
    misc (bool): whether the tag is one of several values in its cell, as in SpaceAfter=No|NER=B-PER.
    """

    token: Optional[int] = None
    tag: int = -1
    comments: Optional[bool] = None
    misc: bool = False
    word_tag: Optional[int] = None


LAYOUTS = {
    "columns": Layout(),
    "conll": Layout(comments=False),
    "conllu": Layout(token=2, comments=True, word_tag=5),
    "conllu-misc": Layout(token=2, comments=True, misc=True),
    "germeval": Layout(token=2, tag=3, comments=True),
}


class ColumnLines:
    """How the lines of a file are to be read.

    path (Path): the file, for messages. bodies (sequence of str): lines without what is behind their last cell.
    token, tag (int): columns, counted from 1, or from the end if negative; None for the first.
    comments (bool): as for ``Layout``.
    RAISES (ValueError): S243 if the first column may be the numbers of words, S244 for comma-separated values.
    """

    def __init__(
        self, path: Path, bodies: Sequence[str], token: Optional[int], tag: int, comments: Optional[bool]
    ) -> None:
        self._path, self.tag = path, tag
        rows = [body for body in bodies if body and not body.startswith(("# ", "#\t")) and not DOCSTART.match(body)]
        if path.suffix.lower() == ".csv" and 2 * sum("," in row for row in rows) > len(rows):
            raise SeginfError(Errors.S244.format(path=path))
        self.cells, self.width = _choose_separator(rows)
        words = [body for body in rows if body[0] != "#"]
        numbered = bool(words) and self.width > 2 and all(NUMBER.fullmatch(self._first(body)) for body in words)
        if token is None and numbered and self._counts(bodies):
            raise SeginfError(
                Errors.S243.format(path=path, line=1 + bodies.index(words[0]), first=self._first(words[0]))
            )
        self.token = token or 1
        self._numbered = numbered and self.token not in (1, -self.width)
        # Where words are numbered, a word does not begin with #.
        self._comments = True if comments is None and self._numbered else comments

    def is_comment(self, number: int, body: str) -> bool:
        """Is a line (counted from 1) a comment? RAISES (ValueError): S240 if nobody can know."""
        if body[0] != "#":
            return False
        if self._comments is not None:
            return self._comments
        places = self.places(body)
        tag, fits = cell(places, self.tag), len(places) == self.width
        ends_in_tag = tag is not None and bool(TAG.fullmatch(body[slice(*tag)]))
        spaced = body[1:2] in (" ", "\t")
        known = bool((KEY if spaced else SPACED_KEY).match(body) or MARKER.match(body))
        if fits and ends_in_tag:
            if not (spaced and known):
                return False
        elif known or (spaced and not fits and not ends_in_tag):
            return True
        raise SeginfError(Errors.S240.format(path=self._path, line=number, text=body[:40]))

    def is_no_word(self, body: str) -> bool:
        """Is a line a range of words or an empty node of CoNLL-U?"""
        match = NUMBER.fullmatch(self._first(body)) if self._numbered else None
        return match is not None and match["no_word"] is not None

    def places(self, body: str) -> list[Place]:
        """Return where the cells of a line begin and end."""
        return [match.span() for match in self.cells.finditer(body)]

    def _first(self, body: str) -> str:
        match = self.cells.match(body)
        return match[0] if match else ""

    def _counts(self, bodies: Sequence[str]) -> bool:
        """Does the first column count the words of every sentence, in a file of more than a few words?"""
        expected, words = 1, 0
        for body in bodies:
            if not body or DOCSTART.match(body):
                expected = 1
            elif body[0] != "#" and self._first(body).isdigit():
                if int(self._first(body)[:9]) != expected:
                    return False
                expected, words = expected + 1, words + 1
        return words > 2


def cell(places: Sequence[Place], column: int) -> Optional[Place]:
    """Return the place of a column; None if the line has no such column."""
    index = column - 1 if column > 0 else len(places) + column
    return places[index] if 0 <= index < len(places) else None


def begins_document(body: str) -> bool:
    """Does a line that is no word begin a document?"""
    return bool(DOCSTART.match(body) or NEW_DOCUMENT.match(body) or DOCUMENT_ID.match(body))


def _choose_separator(rows: Sequence[str]) -> tuple[re.Pattern[str], int]:
    """Find what separates cells, and how many a line has: what holds for the most lines; tabs where all lines have as
    many and no space."""
    best, found = -1, (SPACES_OR_TABS, 0)
    only_tabs = not any(" " in row for row in rows)
    for cells in (TABS, SPACES_OR_TABS) if only_tabs else (SPACES_OR_TABS, TABS):
        counts = Counter(len(cells.findall(body)) for body in rows)
        for width, lines in counts.most_common():
            if lines > best and width > 1:
                best, found = lines, (cells, width)
    return found

"""Columns: a token a line with its tag, a blank line behind each sentence, as CoNLL-2003 and its like are written."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Optional, Sequence

from ..curation.records import Entity
from ..errors import Errors
from .documents import Document, Replacement, stem_of
from .text import BOM, TaggedCorpus, TaggedText, decoded_lines, unreadable, without_bom

DOCSTART = re.compile(r"-DOCSTART-(?=[ \t]|$)")
NEW_DOCUMENT = re.compile(r"#[ \t]*newdoc(?:[ \t]+id[ \t]*=[ \t]*(?P<id>.*))?$")
DOCUMENT_ID = re.compile(r"#[ \t]*id[ \t]*=[ \t]*(?P<id>.*)$")
COMMENT = re.compile(r"#[ \t]*(?:[\w.:-]+[ \t]*=|newpar\b)")
TAG = re.compile(r"O|[BILU]-.+")
# How cells are told apart: runs of spaces and tabs, or else single tabs, so that tokens may hold spaces.
SEPARATORS = {"spaces or tabs": re.compile(r"[^ \t]+"), "tabs": re.compile(r"(?:^|(?<=\t))[^\t]*")}


@dataclass(frozen=True)
class Columns:
    """Which column holds what, counted from 1; from the end if negative."""

    token: int = 1
    tag: int = -1


class ColumnCorpus(TaggedCorpus):
    """A corpus of columns.

    A document begins at -DOCSTART- or at a comment "# newdoc", "# newdoc id = X" or "# id = X"; in a file without any
    of these, every sentence is one. Other comments are "# key = value", and what begins with "# " without having a tag.
    RAISES (ValueError): S201 with the line of what can't be read, S206 for columns that can't be.
    """

    def __init__(self, path: Path, *, columns: Optional[Columns] = None, scheme: Optional[str] = None) -> None:
        columns = columns or Columns()
        for setting, value in (("--token-column", columns.token), ("--tag-column", columns.tag)):
            if not value:
                known = "1, 2, ... from the first on, -1, -2, ... from the last"
                raise ValueError(Errors.S206.format(setting=setting, value=value, known=known))
        content = path.read_bytes()
        lines = decoded_lines(path, [line + b"\n" for line in content.split(b"\n")])
        lines[-1] = lines[-1][:-1]  # nothing was behind the last one
        drafts = _read_drafts(path, lines, columns)
        self._places = [draft.places for draft in drafts]
        texts = [draft.text(path, number) for number, draft in enumerate(drafts, start=1)]
        super().__init__(path, lines, texts, scheme)

    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        for entity in replacement.entities:
            if re.search(r"\s", entity.label):
                return f"columns can't hold the label {entity.label!r}, which has a space"
        return super().unwritable(number, replacement, entities)

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes:
        lines = list(self.lines)
        for number, regions in replacements.items():
            document = self.documents[number]
            for position, tag in self.changed_tags(number, regions).items():
                index = document.line(position) - 1
                start, end = self._places[number][position]
                lines[index] = lines[index][:start] + tag + lines[index][end:]
        return "".join(lines).encode("utf8")


@dataclass
class _Draft:
    """A document that is being read. places: where the tag of each token is in its line."""

    identifier: str = ""
    started: bool = False  # by -DOCSTART-
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    sentences: list[int] = field(default_factory=list)

    def end_sentence(self) -> None:
        if self.words:
            self.sentences.append(len(self.words))

    def text(self, path: Path, number: int) -> TaggedText:
        name = self.identifier or f"{stem_of(path)}:{number}"
        sentences = tuple(position for position in dict.fromkeys(self.sentences) if position < len(self.words))
        document = Document(name, tuple(self.words), (), str(path), tuple(self.numbers), sentences)
        return TaggedText(document, tuple(self.tags))


def _read_drafts(path: Path, lines: Sequence[str], columns: Columns) -> list[_Draft]:
    bodies = [without_bom(line, number).rstrip(" \t\r\n") for number, line in enumerate(lines, start=1)]
    cells, width = _choose_separator(bodies)
    marked = any(_begins_document(body) for body in bodies)
    drafts: list[_Draft] = []
    for number, body in enumerate(bodies, start=1):
        if not body:
            if drafts:
                drafts[-1].end_sentence()
        elif _begins_document(body):
            _begin_document(drafts, body)
        elif body[0] != "#" or not COMMENT.match(body):
            places = _cells(body, cells)
            tag = _cell(places, columns.tag)
            if body.startswith("# ") and not (tag and TAG.fullmatch(body[slice(*tag)])):
                continue  # a comment of another kind
            token = _cell(places, columns.token)
            problem = _problem(places, width, token, tag)
            if problem or token is None or tag is None:
                raise unreadable(path, number, problem)
            sentence_ended = drafts and drafts[-1].sentences[-1:] == [len(drafts[-1].words)]
            if not drafts or (not marked and sentence_ended):
                drafts.append(_Draft())
            drafts[-1].words.append(body[slice(*token)].strip(" "))
            drafts[-1].tags.append(body[slice(*tag)])
            drafts[-1].numbers.append(number)
            offset = 1 if number == 1 and lines[0].startswith(BOM) else 0
            drafts[-1].places.append((tag[0] + offset, tag[1] + offset))
    return drafts


def _choose_separator(bodies: Sequence[str]) -> tuple[re.Pattern[str], int]:
    """Find what separates cells, and how many a line has: what holds for the most lines."""
    rows = [body for body in bodies if body and not body.startswith("# ") and not _begins_document(body)]
    best, found = -1, (SEPARATORS["spaces or tabs"], 0)
    for cells in SEPARATORS.values():
        counts = Counter(len(cells.findall(body)) for body in rows)
        for width, lines in counts.most_common():
            if lines > best and width > 1:
                best, found = lines, (cells, width)
    return found


def _cells(body: str, cells: re.Pattern[str]) -> list[tuple[int, int]]:
    return [match.span() for match in cells.finditer(body)]


def _cell(places: Sequence[tuple[int, int]], column: int) -> Optional[tuple[int, int]]:
    index = column - 1 if column > 0 else len(places) + column
    return places[index] if 0 <= index < len(places) else None


def _problem(
    places: Sequence[tuple[int, int]], width: int, token: Optional[tuple[int, int]], tag: Optional[tuple[int, int]]
) -> str:
    """Say what keeps a line from being a token with its tag; empty if nothing does."""
    if len(places) < 2 or (width and len(places) != width):
        return f"{len(places)} columns, where most lines have {width or 'more'}"
    if token is None or tag is None:
        return f"it has only {len(places)} columns, and the token's and the tag's are others"
    if token == tag:
        return "the token and the tag are the same column"
    if token[0] == token[1] or tag[0] == tag[1]:
        return "the token or the tag is empty"
    return ""


def _begins_document(body: str) -> bool:
    if body[:1] not in ("#", "-"):  # most lines
        return False
    return bool(DOCSTART.match(body) or NEW_DOCUMENT.match(body) or DOCUMENT_ID.match(body))


def _begin_document(drafts: list[_Draft], body: str) -> None:
    """Begin a document, or give the one that has just begun its name."""
    match = NEW_DOCUMENT.match(body) or DOCUMENT_ID.match(body)
    identifier = ((match["id"] or "") if match else "").strip()
    if drafts and not drafts[-1].words:
        current = drafts[-1]
        if match and identifier and not current.identifier:
            current.identifier = identifier
            return
        if not match and not current.started:
            current.started = True
            return
    drafts.append(_Draft(identifier, started=not match))

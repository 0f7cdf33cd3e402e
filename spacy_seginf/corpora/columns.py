"""Columns: a token a line with its tag, a blank line behind each sentence, as CoNLL-2003 and its like are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Optional, Sequence

from ..crf import schemes
from ..crf.schemes import OUTSIDE, Entity
from ..errors import Errors, SeginfError
from ..text_lines import BOM, byte_lines, without_bom
from .column_lines import (
    DOCSTART,
    DOCUMENT_ID,
    HEADER_WORDS,
    LAYOUTS,
    MISC_TAG,
    NEW_DOCUMENT,
    TAG,
    UNSPECIFIED,
    ColumnLines,
    begins_document,
    cell,
)
from .documents import Document, Replacement, stem_of
from .tags import MISSING
from .text import TaggedCorpus, TaggedText, decoded_lines, unreadable

TagPlace = tuple[int, int, str]  # where a tag begins and ends in its line, and what is written before another one


@dataclass(frozen=True)
class Columns:
    """Which column holds what, counted from 1; from the end if negative. Those of the format if None."""

    token: Optional[int] = None
    tag: Optional[int] = None


class ColumnCorpus(TaggedCorpus):
    """A corpus of columns.

    A document begins at -DOCSTART- or at a comment "# newdoc", "# newdoc id = X" or "# id = X"; in a file without any
    of these, every sentence is one.

    layout (str): one of ``LAYOUTS``: which columns hold what, and which lines are comments.
    comments (bool): whether all lines that begin with # are comments, or none; by the layout, or as they look, if None.
    header (bool): whether the first line names the columns.
    RAISES (ValueError): S201 with the line of what can't be read, S206 for columns that can't be, S240 to S244 and S250
        where it can't be known what a line is.
    """

    def __init__(
        self,
        path: Path,
        *,
        layout: str = "columns",
        columns: Optional[Columns] = None,
        scheme: Optional[str] = None,
        comments: Optional[bool] = None,
        header: bool = False,
        entity_type: Optional[str] = None,
    ) -> None:
        columns, form = columns or Columns(), LAYOUTS[layout]
        for setting, value in (("--token-column", columns.token), ("--tag-column", columns.tag)):
            if value == 0:
                known = "1, 2, ... from the first on, -1, -2, ... from the last"
                raise SeginfError(Errors.S206.format(setting=setting, value=value, known=known))
        with path.open("rb") as file:
            lines = decoded_lines(path, list(byte_lines(file)))
        bodies = [without_bom(line, number).rstrip(" \t\r\n") for number, line in enumerate(lines, start=1)]
        if header:
            first = next((number for number, body in enumerate(bodies) if body), None)
            if first is not None:
                bodies[first] = ""
        token = form.token if columns.token is None else columns.token
        by_token = scheme == schemes.TAG
        default = form.word_tag if by_token and form.word_tag is not None else form.tag
        tag = default if columns.tag is None else columns.tag
        kinds = ColumnLines(path, bodies, token, tag, form.comments if comments is None else comments)
        self._misc = form.misc
        drafts = _read_drafts(path, lines, bodies, kinds, misc=form.misc, by_token=by_token)
        self._places = [draft.places for draft in drafts]
        texts = [draft.text(path, number) for number, draft in enumerate(drafts, start=1)]
        self.lines = lines
        super().__init__(path, texts, scheme, entity_type)

    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        for entity in replacement.entities:
            if re.search(r"\s", entity.label):
                return f"columns can't hold the label {entity.label!r}, which has a space"
            if self._misc and "|" in entity.label:
                return f"CoNLL-U can't hold the label {entity.label!r}, which has a |"
        return super().unwritable(number, replacement, entities)

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes:
        lines = list(self.lines)
        for number, regions in replacements.items():
            document = self.documents[number]
            for position, tag in self.changed_tags(number, regions).items():
                index = document.line(position) - 1
                start, end, before = self._places[number][position]
                lines[index] = lines[index][:start] + before + tag + lines[index][end:]
        return "".join(lines).encode("utf8")


@dataclass
class _Draft:
    """A document that is being read. places: where the tag of each token is in its line."""

    identifier: str = ""
    started: bool = False  # by -DOCSTART-
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    places: list[TagPlace] = field(default_factory=list)
    sentences: list[int] = field(default_factory=list)

    def end_sentence(self) -> None:
        if self.words:
            self.sentences.append(len(self.words))

    def text(self, path: Path, number: int) -> TaggedText:
        name = self.identifier or f"{stem_of(path)}:{number}"
        sentences = tuple(position for position in dict.fromkeys(self.sentences) if position < len(self.words))
        document = Document(name, tuple(self.words), (), str(path), tuple(self.numbers), sentences)
        return TaggedText(document, tuple(self.tags))


def _read_drafts(
    path: Path, lines: Sequence[str], bodies: Sequence[str], kinds: ColumnLines, *, misc: bool, by_token: bool
) -> list[_Draft]:
    comments = [bool(body) and kinds.is_comment(number, body) for number, body in enumerate(bodies, start=1)]
    marks = [begins_document(body) if comment else DOCSTART.match(body) for body, comment in zip(bodies, comments)]
    marked = any(marks)
    drafts: list[_Draft] = []
    for number, (body, comment, mark) in enumerate(zip(bodies, comments, marks), start=1):
        if not body:
            if drafts:
                drafts[-1].end_sentence()
        elif mark:
            _begin_document(drafts, body)
        elif not comment and not kinds.is_no_word(body):
            places = kinds.places(body)
            token, tag = cell(places, kinds.token), cell(places, kinds.tag)
            problem = _problem(places, kinds.width, token, tag)
            if problem or token is None or tag is None:
                raise unreadable(path, number, problem)
            word, name = body[slice(*token)], body[slice(*tag)]
            place = (*tag, "")
            if misc:
                place, name = _in_misc(tag[0], name)
            elif MISC_TAG.search(name):
                raise SeginfError(Errors.S250.format(path=path, line=number, text=name[:40]))
            elif by_token and name == UNSPECIFIED:
                name = MISSING
            if not drafts and not by_token and not TAG.fullmatch(name) and {word.lower(), name.lower()} & HEADER_WORDS:
                raise SeginfError(Errors.S241.format(path=path, line=number, text=body[:40]))
            sentence_ended = drafts and drafts[-1].sentences[-1:] == [len(drafts[-1].words)]
            if not drafts or (not marked and sentence_ended):
                drafts.append(_Draft())
            drafts[-1].words.append(word.strip(" ") or word)  # a token may be a blank
            drafts[-1].tags.append(name)
            drafts[-1].numbers.append(number)
            offset = len(BOM) if number == 1 and lines[0].startswith(BOM) else 0
            drafts[-1].places.append((place[0] + offset, place[1] + offset, place[2]))
    return drafts


def _in_misc(start: int, text: str) -> tuple[TagPlace, str]:
    """Find a tag among the values of a cell that begins at ``start``; without one, the word is outside."""
    match = MISC_TAG.search(text)
    if match:
        return (start + match.start("tag"), start + match.end("tag"), ""), match["tag"]
    end = start + len(text)
    return ((start, end, "NER=") if text == "_" else (end, end, "|NER=")), OUTSIDE


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

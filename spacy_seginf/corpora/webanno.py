"""WebAnno TSV 3, as WebAnno and INCEpTION write it: a token a line with its offsets, and columns for its layers."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Optional, Sequence

from .file_spans import FileSpans, files_in, name_in
from .offsets import Annotation, Utf16
from .settings import ReadingSettings
from .spans import Edit, SpanChange, SpanText
from .text import unreadable
from .webanno_cells import NO_VALUE, Part, escaped, read_parts, unescaped, written_parts
from .webanno_file import Layer, TsvFile


@dataclass(frozen=True)
class _Read:
    """A file, the layer and column that are read, and where its lines are in the text (code points)."""

    file: TsvFile
    layer: Layer
    column: int
    places: Sequence[tuple[int, int]]


class WebannoCorpus(FileSpans):
    """A file of WebAnno, or a folder of them. --layer names the layer of spans, and its feature behind a colon.

    RAISES (ValueError): S201 with file and line of what can't be read, S280 to S284, S291 if the layer isn't known.
    """

    def __init__(self, path: Path, settings: ReadingSettings) -> None:
        self._files: dict[Path, _Read] = {}
        texts = []
        for name in files_in(path, "*.tsv"):
            file = TsvFile(name)
            text, places = _text_of(file)
            read = self._files[name] = _Read(file, *file.choose(settings.layer), places)
            tokens = [place for line, place in zip(file.lines, places) if not line.part]
            annotations = _annotations(read)
            texts.append(SpanText(name_in(path, name), text, annotations, "", name, tokens=tokens))
        self.contents = {name: read.file.content for name, read in self._files.items()}
        super().__init__(path, texts, settings)

    def change_problem(self, number: int, change: SpanChange) -> str:
        read = self._files[self.texts[number].file]
        _, old = _key(change)
        new = _lines_of(read, change)
        if new is None or any(read.file.lines[line].part for line in old):
            return "it covers a part of a token: change it in the tool"
        if change.old is None or list(old) == new or read.layer.name not in read.file.used:
            return ""
        names = "|".join(re.escape(read.file.lines[line].name) for line in old)
        for place, line in enumerate(read.file.lines):
            leads = re.search(rf"(?<![\d-])(?:{names})(?![\d.-])", read.file.behind(line))
            if leads or (place in old and read.file.behind(line).strip("_\t")):
                return f"a relation leads to the {change.old.label}: change both in the tool"
        return ""

    def edits(self, number: int, changes: Sequence[SpanChange]) -> Iterator[Edit]:
        read = self._files[self.texts[number].file]
        content, lines = read.file.content, read.file.lines
        every = itertools.product(range(len(lines)), read.layer.columns)
        cells = {(line, column): read_parts(content[slice(*lines[line].cells[column])]) for line, column in every}
        last = max(map(int, re.findall(r"\[(\d+)\]", content)), default=0)
        for change in changes:
            name, old = _key(change)
            new = _lines_of(read, change) or []
            values = dict.fromkeys(read.layer.columns, NO_VALUE)
            for column in read.layer.columns if old else ():
                values[column] = next(part.value for part in cells[old[0], column] if part.name == name)
            if change.new is not None:
                values[read.column] = escaped(change.new.label)
            written = name
            if not name and (len(new) > 1 or (not old and any(cells[line, read.column] for line in new))):
                last += 1
                written = str(last)
            for line, column in itertools.product(sorted({*old, *new}), read.layer.columns):
                parts = cells[line, column]
                found = (place for place, part in enumerate(parts) if line in old and part.name == name)
                place = next(found, len(parts))
                parts[place : place + 1] = [Part(values[column], written)] if line in new else []
        for (line, column), parts in cells.items():
            start, end = lines[line].cells[column]
            if written_parts(parts) != content[start:end]:
                yield start, end, written_parts(parts)


def _key(change: SpanChange) -> tuple[str, Sequence[int]]:
    """Return the number of a span and the lines that it has; nothing for a new one."""
    return change.old.key if change.old is not None else ("", ())


def _text_of(file: TsvFile) -> tuple[str, list[tuple[int, int]]]:
    """Put tokens together by their offsets; return the text, and where each line is in it.

    RAISES (ValueError): S201 if the offsets are not those of the tokens.
    """
    text, counted = "", 0  # counted: in UTF-16 code units
    places: list[tuple[int, int]] = []
    begin, first, units = 0, 0, Utf16("")  # of the last token: where it is, for us and for the file
    for line in file.lines:
        if line.part:
            start, end = units.decode(line.start - first), units.decode(line.end - first)
            if start is None or end is None or not first <= line.start < line.end <= counted:
                raise unreadable(file.path, line.number, "this part is not in the token before it")
            places.append((begin + start, begin + end))
            continue
        size = line.end - line.start
        words = next((word for word in (unescaped(line.text), line.text) if Utf16(word).encode(len(word)) == size), "")
        if not words or line.start < counted:
            problem = f"{line.text[:40]!r} at {line.start}-{line.end} does not fit its offsets or those before it"
            raise unreadable(file.path, line.number, problem)
        text += " " * (line.start - counted)
        begin, first, counted, units = len(text), line.start, line.end, Utf16(words)
        text += words
        places.append((begin, len(text)))
    return text, places


def _annotations(read: _Read) -> list[Annotation]:
    """Read the spans of the layer. RAISES (ValueError): S201 for one without a value."""
    content, groups = read.file.content, defaultdict[tuple[str, str], list[int]](list)
    for place, line in enumerate(read.file.lines):
        for part in read_parts(content[slice(*line.cells[read.column])]):
            if part.value in ("", NO_VALUE):
                raise unreadable(read.file.path, line.number, f"a span of {read.layer.name} has no value, so no type")
            groups[part.name or f"line {place}", part.value].append(place)
    found = []
    for (name, value), lines in groups.items():
        start, end = read.places[lines[0]][0], read.places[lines[-1]][1]
        key = ("" if name.startswith("line ") else name, tuple(lines))
        found.append(Annotation(start, end, unescaped(value), f"line {read.file.lines[lines[0]].number}", key))
    return found


def _lines_of(read: _Read, change: SpanChange) -> Optional[list[int]]:
    """Return the lines of the tokens that a new span has; None if it cuts one."""
    if change.new is None:
        return []
    span, whole = change.new, [(place, line.part) for place, line in zip(read.places, read.file.lines)]
    lines = [
        number
        for number, ((start, end), part) in enumerate(whole)
        if not part and span.start < end and start < span.end
    ]
    fits = lines and read.places[lines[0]][0] == span.start and read.places[lines[-1]][1] == span.end
    return lines if fits else None

"""brat's standoff format: folders of texts (.txt), each with its annotations beside it (.ann)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Sequence

from ..text_lines import BOM
from .file_spans import FileSpans, files_in, lines_in, name_in, read_content
from .offsets import Annotation
from .settings import ReadingSettings
from .spans import Edit, Span, SpanChange, SpanText
from .text import unreadable

SPAN = re.compile(r"(?P<id>T\S*)\t(?P<label>\S+) (?P<offsets>\d+ \d+(?:;\d+ \d+)*)(?:\t(?P<text>.*))?")


@dataclass(frozen=True)
class _Line:
    """A line with a span. match: its parts. start, end (int): where the line is, with its line break."""

    match: re.Match[str]
    start: int
    end: int


class BratCorpus(FileSpans):
    """A folder of brat: the text-bound annotations (T) are its spans; all else stays as it is.

    RAISES (ValueError): S201 with file and line of what can't be read, S280 to S284.
    """

    def __init__(self, path: Path, settings: ReadingSettings) -> None:
        self.contents = {}
        self._others: dict[Path, list[str]] = {}  # lines of relations, events and the like
        texts = []
        for file in files_in(path, "*.ann"):
            if not file.with_suffix(".txt").is_file():
                raise unreadable(file, 1, f"there is no text {file.with_suffix('.txt').name} beside it")
            texts.append(self._read_text(path, file, set(settings.only)))
        for text in files_in(path, "*.txt"):
            if text.with_suffix(".ann") not in self.contents:
                problem = f"no {text.with_suffix('.ann').name} is beside it: make an empty one, or move the text away"
                raise unreadable(text, 1, problem)
        super().__init__(path, texts, settings)

    def edits(self, number: int, changes: Sequence[SpanChange]) -> Iterator[Edit]:
        text = self.texts[number]
        content = self.contents[text.file]
        new = []
        for change in changes:
            if change.old is None:
                new += [change.new] if change.new is not None else []
                continue
            line: _Line = change.old.key
            if change.new is None:
                yield line.start, line.end, ""
            else:
                place, words = self._written(number, change.new)
                for name, value in (("label", change.new.label), ("offsets", place), ("text", words)):
                    start, end = line.match.span(name)
                    if start >= 0:
                        yield start, end, value
        if new:
            yield len(content), len(content), self._new_lines(number, content, new)

    def label_problem(self, label: str) -> str:
        return f"brat can't hold the label {label!r}, which has a space" if re.search(r"\s", label) else ""

    def change_problem(self, number: int, change: SpanChange) -> str:
        if change.old is None:
            return ""
        name = change.old.key.match["id"]
        for line in self._others[self.texts[number].file]:
            triggers = line.startswith("E") and line.partition("\t")[2].split(" ")[0].endswith(f":{name}")
            refers = re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", line)
            if triggers or (refers and change.new is None):
                return f"{line.split(maxsplit=1)[0]} refers to {name} ({change.old.label}): change both in brat"
        return ""

    def _read_text(self, path: Path, file: Path, only: set[str]) -> SpanText:
        content, text = read_content(file), read_content(file.with_suffix(".txt"))
        self.contents[file], self._others[file] = content, []
        annotations = []
        for number, (start, body, end) in enumerate(lines_in(content), start=1):
            if not body.startswith("T"):
                self._others[file].append(body)
                continue
            match = SPAN.fullmatch(content, start, start + len(body))
            if match is None:
                raise unreadable(file, number, f"{body[:40]!r} is no text-bound annotation (T1<tab>TYPE 0 5<tab>text)")
            if not only or match["label"] in only:
                annotations.append(_annotation(file, number, _Line(match, start, end), text))
        return SpanText(name_in(path, file), text, annotations, "", file)

    def _written(self, number: int, span: Span) -> tuple[str, str]:
        """Return offsets and words; brat has a piece for each line of the text."""
        text = self.texts[number].text
        start, end = span.start, span.end
        pieces = [match.span() for match in re.finditer(r"[^\r\n]+", text[start:end])]
        places = ((start + first, start + last) for first, last in pieces)
        return ";".join(f"{first} {last}" for first, last in places), re.sub(r"[\r\n]+", " ", text[start:end])

    def _new_lines(self, number: int, content: str, spans: Sequence[Span]) -> str:
        last = max(map(int, re.findall(r"^T(\d+)", content, re.MULTILINE)), default=0)
        line_break = "\r\n" if "\r\n" in content else "\n"
        lines = []
        for count, span in enumerate(spans, start=last + 1):
            place, words = self._written(number, span)
            lines.append(f"T{count}\t{span.label} {place}\t{words}")
        open_line = content.strip(BOM) and not content.endswith(("\n", "\r"))
        joined = line_break.join(lines)
        return line_break + joined if open_line else joined + line_break


def _annotation(file: Path, number: int, line: _Line, text: str) -> Annotation:
    """Make one span of the pieces of a line, and compare it with the text. RAISES (ValueError): S201."""
    match = line.match
    pieces = [tuple(map(int, piece.split())) for piece in match["offsets"].split(";")]
    for (_, end), (start, _) in zip(pieces, pieces[1:]):
        if end > start or text[end:start].strip():
            problem = f"{match['id']} has several pieces ({match['offsets']}), which no tag can hold: make it one, or "
            raise unreadable(file, number, problem + "name the types to read (--only) without its own")
    start, end = pieces[0][0], pieces[-1][1]
    if end <= len(text) and match["text"] is not None:
        there = text[start:end]
        if "".join(match["text"].split()) != "".join(there.split()):
            problem = f"{match['id']} says {match['text'][:40]!r}, and the text at {start}-{end} is {there[:40]!r}"
            raise unreadable(file, number, problem)
    return Annotation(start, end, match["label"], f"line {number}", line)

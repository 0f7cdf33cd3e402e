"""Files of JSON as lists of records: lines of JSON, or the elements of one list."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from ..errors import Errors, SeginfError
from ..inputs import lines_of
from ..text_lines import BOM, without_bom
from .documents import is_compressed
from .json_places import edited, value_place
from .text import decoded_lines, unreadable

LINES = (".jsonl", ".jsonl.gz", ".ndjson")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class JsonRecord:
    """A record of a file. start, end (int): where it is in the file's content. line (int): where it begins."""

    value: Any
    start: int
    end: int
    line: int


class JsonFile:
    """A file of JSON.

    content (str): all of it. records (list of JsonRecord): its lines, if its name ends in .jsonl or they are not one
    value; else the elements of its list.
    RAISES (ValueError): S201 with the line of what is not JSON or not UTF-8.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = decoded_lines(path, read_lines(path))
        self.content = "".join(self.lines)
        listed = None if path.name.lower().endswith(LINES) else self._elements()
        self.records = self._line_records() if listed is None else listed

    def text(self, number: int) -> str:
        """Return a record (numbers from 0) as it is written."""
        return self.content[self.records[number].start : self.records[number].end]

    def place(self, number: int) -> str:
        """Say where a record is."""
        return f"line {self.records[number].line}, record {number + 1}"

    def corrected(self, new: Mapping[int, str]) -> bytes:
        """Return the file with some records (numbers from 0) written anew."""
        places = {(self.records[number].start, self.records[number].end): text for number, text in new.items()}
        return packed(self.path, edited(self.content, places))

    def _line_records(self) -> list[JsonRecord]:
        records, position = [], 0
        for number, line in enumerate(self.lines, start=1):
            body = without_bom(line, number)
            start = position + len(line) - len(body)
            position += len(line)
            if not body.strip(" \t\r\n"):
                continue
            try:
                value = json.loads(body)
            except (ValueError, RecursionError) as error:
                raise unreadable(self.path, number, f"not JSON ({error})") from None
            records.append(JsonRecord(value, start, start + len(body.rstrip("\r\n")), number))
        return records

    def _elements(self) -> Optional[list[JsonRecord]]:
        """Read the elements of one list; None if the file is no list of records, but lines."""
        content = self.content
        start = self._skip(len(BOM) if content.startswith(BOM) else 0)
        try:
            value, end = _DECODER.raw_decode(content, start)
        except (ValueError, RecursionError) as error:
            if len(self.lines) > 1 and _is_json(without_bom(self.lines[0], 1)):
                return None
            line = 1 + content.count("\n", 0, getattr(error, "pos", start))
            raise unreadable(self.path, line, f"not JSON ({error})") from None
        if self._skip(end) < len(content):
            return None
        if isinstance(value, dict) and isinstance(value.get("annotations"), list) and "classes" in value:
            start, value = value_place(content, ["annotations"], start)[0], value["annotations"]
        elif not isinstance(value, list):
            return [JsonRecord(value, start, end, 1 + content.count("\n", 0, start))]
        elif value and isinstance(value[0], str):
            return None
        return self._places(start, value)

    def _places(self, start: int, values: Sequence[Any]) -> list[JsonRecord]:
        records: list[JsonRecord] = []
        position, line, counted = self._skip(start + 1), 1, 0
        for value in values:
            end = _DECODER.raw_decode(self.content, position)[1]
            line += self.content.count("\n", counted, position)
            counted = position
            if value is not None:
                records.append(JsonRecord(value, position, end, line))
            position = self._skip(self._skip(end) + 1)
        return records

    def _skip(self, position: int) -> int:
        while position < len(self.content) and self.content[position] in " \t\r\n":
            position += 1
        return position


def read_lines(path: Path) -> list[bytes]:
    """Read the lines of a file, compressed or not. RAISES (ValueError): S201 if it is no complete gzip file."""
    lines: list[bytes] = []
    try:
        lines.extend(lines_of(path))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        place, problem = f"after line {len(lines)}", f"not a complete gzip file ({error})"
        raise SeginfError(Errors.S201.format(path=path, place=place, problem=problem)) from None
    return lines


def packed(path: Path, content: str) -> bytes:
    """Encode a file's content, compressed if its name says so."""
    encoded = content.encode("utf8")
    # Without a time stamp, the same decisions make the same file.
    return gzip.compress(encoded, mtime=0) if is_compressed(path) else encoded


def has_surrogates(*texts: str) -> bool:
    """Do texts hold halves of characters, as an escape that was cut leaves them?"""
    try:
        "".join(texts).encode("utf8")
    except UnicodeEncodeError:
        return True
    return False


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True

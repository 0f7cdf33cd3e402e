"""JSON lines, compressed or not: {"id": str, "tokens": [str], "labels": ["B-PER", "I-PER", "O", ...]}."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from ..errors import Errors, SeginfError
from ..inputs import lines_of
from ..text_lines import without_bom
from .documents import Document, Replacement, is_compressed, stem_of
from .json_places import replace_elements
from .text import TaggedCorpus, TaggedText, decoded_lines, unreadable


class JsonLines(TaggedCorpus):
    """A corpus of JSON lines, one a document. Empty labels are missing ones.

    path (Path): ends in .gz if it is compressed. labels_key (str): key of the labels.
    scheme (str): of the labels; found if not given. entity_type (str): of labels that name none.
    RAISES (ValueError): S201 with the line of what can't be read, S242 for labels without types.
    """

    def __init__(
        self,
        path: Path,
        *,
        labels_key: str = "labels",
        scheme: Optional[str] = None,
        entity_type: Optional[str] = None,
    ) -> None:
        self.labels_key = labels_key
        lines = decoded_lines(path, _read_lines(path))
        texts: list[TaggedText] = []
        self._numbers: list[int] = []  # the line of each document
        for number, line in enumerate(lines, start=1):
            line = without_bom(line, number)
            if line.strip(" \t\r\n"):
                texts.append(_read_document(path, number, line, labels_key, len(texts) + 1))
                self._numbers.append(number)
        super().__init__(path, lines, texts, scheme, entity_type)

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes:
        lines = list(self.lines)
        for number, regions in replacements.items():
            index = self._numbers[number] - 1
            body = without_bom(lines[index], index + 1)
            mark = lines[index][: len(lines[index]) - len(body)]
            lines[index] = mark + replace_elements(body, self.labels_key, self.changed_tags(number, regions))
        content = "".join(lines).encode("utf8")
        # Without a time stamp, the same decisions make the same file.
        return gzip.compress(content, mtime=0) if is_compressed(self.path) else content


def _read_lines(path: Path) -> list[bytes]:
    lines: list[bytes] = []
    try:
        lines.extend(lines_of(path))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        place, problem = f"after line {len(lines)}", f"not a complete gzip file ({error})"
        raise SeginfError(Errors.S201.format(path=path, place=place, problem=problem)) from None
    return lines


def _read_document(path: Path, number: int, line: str, labels_key: str, count: int) -> TaggedText:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise unreadable(path, number, f"not JSON ({error})") from None
    problem = _problem(record, labels_key)
    if problem:
        raise unreadable(path, number, problem)
    given = record.get("id")
    name = "" if given is None else str(given)
    words = tuple(record["tokens"])
    document = Document(name or f"{stem_of(path)}:{count}", words, (), str(path), (number,), named=bool(name))
    return TaggedText(document, tuple(record[labels_key]))


def _problem(record: Any, labels_key: str) -> str:
    """Say what keeps a line from being a document; empty if nothing does."""
    if not isinstance(record, dict):
        return "it is no JSON object"
    for key in ("tokens", labels_key):
        if key not in record:
            return f"it has no {key!r}"
        if not (isinstance(record[key], list) and all(isinstance(value, str) for value in record[key])):
            return f"{key!r} is no list of strings"
    tokens, labels = record["tokens"], record[labels_key]
    if len(tokens) != len(labels):
        return f"{len(tokens)} tokens but {len(labels)} labels"
    if "" in tokens:
        return "a token is an empty string"
    try:
        "".join([*tokens, *labels, str(record.get("id"))]).encode("utf8")
    except UnicodeEncodeError:
        return "its tokens, labels or id hold surrogates, which are no characters"
    return ""

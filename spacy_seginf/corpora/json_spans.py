"""Texts with spans in files of JSON: what the formats of several annotation tools have in common."""

from __future__ import annotations

import json
from abc import abstractmethod
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence

from .documents import stem_of
from .json_places import add_key, edited, element_places, json_of, set_elements, set_values, value_place
from .json_records import JsonFile, has_surrogates, packed
from .offsets import Annotation
from .settings import ReadingSettings
from .spans import Edit, Span, SpanChange, SpanCorpus, SpanText
from .text import unreadable

Steps = tuple[Any, ...]  # keys and positions in a record


class Unreadable(Exception):
    """Why a record can't be read."""


class JsonSpans(SpanCorpus):
    """A corpus of records of JSON, one a text, each with a list of spans.

    RAISES (ValueError): S201 with the line of what can't be read, S281 to S284 as ``SpanCorpus``.
    """

    def __init__(self, path: Path, settings: ReadingSettings) -> None:
        self.settings = settings
        self.file = JsonFile(path)
        self.lists: list[Steps] = []  # where the spans of each record are
        texts = []
        for number, record in enumerate(self.file.records):
            try:
                text = self.read_record(number, record.value)
                if has_surrogates(text.text, text.identifier):
                    raise Unreadable("its text or id holds surrogates, which are no characters")
                texts.append(text)
            except Unreadable as error:
                raise unreadable(path, record.line, error) from None
        super().__init__(path, texts, settings)

    @abstractmethod
    def read_record(self, number: int, record: Any) -> SpanText:
        """Read a record (numbers from 0), and note in ``lists`` where its spans are. RAISES: Unreadable."""

    @abstractmethod
    def values(self, number: int, span: Span, element: Any) -> dict[Steps, Any]:
        """Return what a span is in its element, by paths in it. element (Any): the one that is there, if any."""

    @abstractmethod
    def made(self, number: int, span: Span) -> Any:
        """Make an element for a new span."""

    def text_of(self, record: Mapping[str, Any], keys: Sequence[str]) -> str:
        """Return the text of a record. RAISES: Unreadable."""
        keys = [self.settings.text_key] if self.settings.text_key else keys
        text = next((record[key] for key in keys if key in record), None)
        if not isinstance(text, str):
            raise Unreadable(
                f"it has no text under {' or '.join(map(repr, keys))} (another key is named by --text-key)"
            )
        return text

    def span_text(
        self,
        number: int,
        text: str,
        annotations: Sequence[Annotation],
        identifier: Any = None,
        *,
        tokens: Optional[Sequence[tuple[int, int]]] = None,
        annotated: bool = True,
        utf16: bool = False,
    ) -> SpanText:
        """Put together what was read of a record."""
        line, path = self.file.records[number].line, self.file.path
        name = str(identifier) if isinstance(identifier, (str, int)) and identifier != "" else ""
        return SpanText(
            name or f"{stem_of(path)}:{number + 1}",
            text,
            annotations,
            f"line {line}",
            path,
            line,
            tokens,
            bool(name),
            annotated,
            utf16,
        )

    def edits(self, number: int, changes: Sequence[SpanChange]) -> Iterator[Edit]:
        record, content = self.file.records[number], self.file.text(number)
        path = self.lists[number]
        if not has_path(record.value, path):
            content = add_key(content, path[:-1], path[-1], [])
        start = value_place(content, path)[0]
        elements: list[tuple[Optional[int], str]] = [
            (position, content[slice(*place)]) for position, place in enumerate(element_places(content, start))
        ]
        added = []
        for change in changes:
            if change.old is None:
                added.append(change.new)
                continue
            position = change.old.key
            if change.new is None:
                elements[position] = (None, "")
                continue
            text = elements[position][1]
            value = json.loads(text)
            values = self.values(number, change.new, value)
            elements[position] = (
                position,
                set_values(
                    text,
                    {
                        path: new
                        for path, new in values.items()
                        if has_path(value, path) and value_at(value, path) != new
                    },
                ),
            )
        elements = [element for element in elements if element[1]]
        starts = {one.key: one.start for one in self.texts[number].annotations}
        for span in added:
            if span is not None:
                later = (place for place, (key, _) in enumerate(elements) if starts.get(key, -1) > span.start)
                made = json_of(self.made(number, span), content)
                elements.insert(next(later, len(elements)), (None, made))
        yield record.start, record.end, set_elements(content, path, elements)

    def written(self, edits: Mapping[Path, Sequence[Edit]]) -> bytes:
        places = {(start, end): text for start, end, text in edits.get(self.file.path, ())}
        return packed(self.file.path, edited(self.file.content, places))


def list_of(value: Any, what: str) -> list[Any]:
    """Check that something is a list. RAISES: Unreadable."""
    if not isinstance(value, list):
        raise Unreadable(f"{what} is no list")
    return value


def annotation_of(start: Any, end: Any, label: Any, key: int, what: str = "span") -> Annotation:
    """Check the parts of a span. RAISES: Unreadable."""
    place = f"{what} {key + 1}"
    for offset in (start, end):
        if type(offset) is not int:
            raise Unreadable(f"{place} begins or ends at {offset!r}, which is no number of a character")
    if not isinstance(label, str) or not label.strip():
        raise Unreadable(f"{place} has the label {label!r}, where the name of a type is needed")
    if has_surrogates(label):
        raise Unreadable(f"the label of {place} holds surrogates, which are no characters")
    return Annotation(start, end, label, place, key)


def value_at(value: Any, path: Iterable[Any]) -> Any:
    """Return what is at a path. RAISES (LookupError, TypeError): if nothing is."""
    for step in path:
        value = value[step]
    return value


def has_path(value: Any, path: Iterable[Any]) -> bool:
    """Is there anything at a path?"""
    try:
        value_at(value, path)
    except (LookupError, TypeError):
        return False
    return True

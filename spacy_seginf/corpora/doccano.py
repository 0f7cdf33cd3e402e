"""doccano: {"text": str, "label": [[start, end, "PER"], ...]}, or, with relations, {"text": str, "entities": [...]}."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Sequence

from .documents import Replacement
from .json_spans import JsonSpans, Steps, Unreadable, annotation_of, list_of
from .spans import Span, SpanChange, SpanText

TEXTS = ("text", "data")
LISTS = ("entities", "label", "labels", "annotations")


class DoccanoCorpus(JsonSpans):
    """Texts of doccano."""

    def read_record(self, number: int, record: Any) -> SpanText:
        if not isinstance(record, dict):
            raise Unreadable("it is no JSON object")
        keys = [self.settings.layer] if self.settings.layer else LISTS
        key = next((key for key in keys if key in record), None)
        if key is None:
            raise Unreadable(f"it has no spans under {' or '.join(map(repr, keys))} (another key is named by --layer)")
        self.lists.append((key,))
        text = self.text_of(record, TEXTS)
        annotations = []
        for position, span in enumerate(list_of(record[key], repr(key))):
            if isinstance(span, dict):
                start, end = span.get("start_offset"), span.get("end_offset")
                annotations.append(annotation_of(start, end, span.get("label"), position))
            elif isinstance(span, list) and len(span) == 3:
                annotations.append(annotation_of(span[0], span[1], span[2], position))
            else:
                raise Unreadable(f"{key!r} holds {span!r}, where [start, end, type] is needed")
        return self.span_text(number, text, annotations, record.get("id"))

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes | Mapping[Path, bytes]:
        every = (element for number in range(len(self.texts)) for element in self._elements(number))
        numbers = (one["id"] for one in every if isinstance(one, dict) and type(one.get("id")) is int)
        self._last_id = max(numbers, default=0)
        return super().corrected(replacements)

    def values(self, number: int, span: Span, element: Any) -> dict[Steps, Any]:
        start, end = self.offsets(number, span)
        if isinstance(element, list):
            return {(0,): start, (1,): end, (2,): span.label}
        return {("start_offset",): start, ("end_offset",): end, ("label",): span.label}

    def made(self, number: int, span: Span) -> Any:
        start, end = self.offsets(number, span)
        elements = self._elements(number)
        if not any(isinstance(one, dict) for one in elements) and self.lists[number] != ("entities",):
            return [start, end, span.label]
        self._last_id += 1
        return {"id": self._last_id, "label": span.label, "start_offset": start, "end_offset": end}

    def change_problem(self, number: int, change: SpanChange) -> str:
        if change.old is None or change.new is not None:
            return ""
        element = self._elements(number)[change.old.key]
        name = element.get("id") if isinstance(element, dict) else None
        for relation in self.file.records[number].value.get("relations") or ():
            if (
                name is not None
                and isinstance(relation, dict)
                and name in (relation.get("from_id"), relation.get("to_id"))
            ):
                return (
                    f"relation {relation.get('id')} leads to the {change.old.label} {name}: remove it in doccano first"
                )
        return ""

    def _elements(self, number: int) -> list[Any]:
        return self.file.records[number].value[self.lists[number][0]]

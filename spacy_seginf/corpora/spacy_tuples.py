"""The training data of spaCy 2 as people keep it: [text, {"entities": [[start, end, "PER"], ...]}]."""

from __future__ import annotations

from typing import Any

from .json_spans import JsonSpans, Steps, Unreadable, annotation_of, list_of
from .spans import Span, SpanText


class SpacyTuples(JsonSpans):
    """Pairs of a text and its annotations."""

    def read_record(self, number: int, record: Any) -> SpanText:
        if not (isinstance(record, list) and len(record) == 2 and isinstance(record[0], str)):
            raise Unreadable("it is no pair of a text and its annotations")
        text, facts = record
        key = self.settings.layer or "entities"
        if not isinstance(facts, dict) or key not in facts:
            raise Unreadable(f"its annotations have no {key!r}")
        self.lists.append((1, key))
        annotations = []
        for position, span in enumerate(list_of(facts[key], repr(key))):
            if not (isinstance(span, list) and len(span) >= 3):
                raise Unreadable(f"{key!r} holds {span!r}, where [start, end, type] is needed")
            annotations.append(annotation_of(span[0], span[1], span[2], position))
        return self.span_text(number, text, annotations)

    def values(self, number: int, span: Span, element: Any) -> dict[Steps, Any]:
        start, end = self.offsets(number, span)
        return {(0,): start, (1,): end, (2,): span.label}

    def made(self, number: int, span: Span) -> Any:
        return [*self.offsets(number, span), span.label]

"""Prodigy: what `prodigy db-out` writes: {"text": str, "tokens": [...], "spans": [{"start", "end", "label"}], ...}."""

from __future__ import annotations

from typing import Any

from .json_spans import JsonSpans, Steps, Unreadable, annotation_of, list_of
from .spans import Span, SpanChange, SpanText

TASK_KEYS = ("answer", "_task_hash", "_input_hash", "_view_id")
ANSWERS = ("accept", "reject", "ignore")


class ProdigyCorpus(JsonSpans):
    """Tasks of Prodigy. Those that were rejected or ignored, or that nobody answered, are not annotated."""

    def read_record(self, number: int, record: Any) -> SpanText:
        if not isinstance(record, dict):
            raise Unreadable("it is no JSON object")
        key = self.settings.layer or "spans"
        self.lists.append((key,))
        text = self.text_of(record, ["text"])
        answer = record.get("answer")
        if answer is not None and answer not in ANSWERS:
            raise Unreadable(f"its answer is {answer!r}, and none of {', '.join(ANSWERS)}")
        spans = record.get(key)
        annotations = []
        for position, span in enumerate(list_of([] if spans is None else spans, repr(key))):
            if not isinstance(span, dict):
                raise Unreadable(f"span {position + 1} is no object")
            annotations.append(annotation_of(span.get("start"), span.get("end"), span.get("label"), position))
        annotated = answer == "accept" or (answer is None and spans is not None)
        tokens = None if record.get("tokens") is None else _tokens(record["tokens"], text)
        return self.span_text(
            number, text, annotations if annotated else [], record.get("id"), tokens=tokens, annotated=annotated
        )

    def values(self, number: int, span: Span, element: Any) -> dict[Steps, Any]:
        start, end = self.offsets(number, span)
        values: dict[Steps, Any] = {("start",): start, ("end",): end, ("label",): span.label}
        values["text",] = self.texts[number].text[span.start : span.end]
        if self.texts[number].tokens is not None:
            values["token_start",], values["token_end",] = span.entity.start, span.entity.end - 1
        return values

    def made(self, number: int, span: Span) -> Any:
        values = {path[0]: value for path, value in self.values(number, span, None).items()}
        return {key: value for key, value in values.items() if key != "text"}

    def change_problem(self, number: int, change: SpanChange) -> str:
        old = change.old
        for relation in self.file.records[number].value.get("relations") or () if old is not None else ():
            for side in ("head_span", "child_span"):
                span = relation.get(side) if isinstance(relation, dict) else None
                if isinstance(span, dict) and old and (span.get("start"), span.get("end")) == (old.start, old.end):
                    return f"a relation leads to the {old.label} at {old.start}-{old.end}: change both in Prodigy"
        return ""


def _tokens(tokens: Any, text: str) -> list[tuple[int, int]]:
    """Read where tokens are. RAISES: Unreadable if they are not those of the text."""
    places: list[tuple[int, int]] = []
    for number, token in enumerate(list_of(tokens, "'tokens'"), start=1):
        start, end = (token.get("start"), token.get("end")) if isinstance(token, dict) else (None, None)
        before = places[-1][1] if places else 0
        if type(start) is not int or type(end) is not int or not before <= start < end <= len(text):
            raise Unreadable(f"token {number} ({start!r} to {end!r}) is not in the text behind the token before it")
        if token.get("text", text[start:end]) != text[start:end]:
            raise Unreadable(f"token {number} is {token['text']!r}, and the text there {text[start:end]!r}")
        places.append((start, end))
    return places

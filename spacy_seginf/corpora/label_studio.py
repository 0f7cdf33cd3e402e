"""Label Studio's export of the kind "JSON": tasks with data, and annotations (completions, before 1.0) with regions."""

from __future__ import annotations

from typing import Any, Optional

from .json_spans import JsonSpans, Steps, Unreadable, annotation_of, list_of
from .offsets import Annotation, Utf16
from .spans import Span, SpanChange, SpanText

ANNOTATIONS = ("annotations", "completions")
KIND = "labels"


class LabelStudioCorpus(JsonSpans):
    """Tasks of Label Studio. Those without an annotation, or with cancelled ones only, are not annotated."""

    def read_record(self, number: int, record: Any) -> SpanText:
        if not (isinstance(record, dict) and isinstance(record.get("data"), dict)):
            raise Unreadable("it is no task with 'data'")
        text = self._text(record["data"])
        key = next((key for key in ANNOTATIONS if key in record), ANNOTATIONS[0])
        chosen = _chosen(list_of(record.get(key, []), repr(key)))
        self.lists.append((key, chosen or 0, "result"))
        if chosen is None:
            return self.span_text(number, text, [], record.get("id"), annotated=False)
        regions = list_of(record[key][chosen].get("result"), "the result of its annotation")
        found = [
            (_annotation(region, position), region["value"].get("text"))
            for position, region in enumerate(regions)
            if self._is_read(region, position)
        ]
        utf16 = _counts_utf16(text, found)
        return self.span_text(number, text, [one for one, _ in found], record.get("id"), utf16=utf16)

    def values(self, number: int, span: Span, element: Any) -> dict[Steps, Any]:
        start, end = self.offsets(number, span)
        text = self.texts[number].text[span.start : span.end]
        return {
            ("value", "start"): start,
            ("value", "end"): end,
            ("value", "text"): text,
            ("value", KIND, 0): span.label,
        }

    def made(self, number: int, span: Span) -> Any:
        start, end = self.offsets(number, span)
        value = {"start": start, "end": end, "text": self.texts[number].text[span.start : span.end]}
        names = {"from_name": self.settings.layer or "label", "to_name": "text", **self._names()}
        return {"value": {**value, KIND: [span.label]}, "id": f"seginf-{span.start}-{span.end}", **names, "type": KIND}

    def change_problem(self, number: int, change: SpanChange) -> str:
        if change.old is None or change.new is not None:
            return ""
        regions = self._regions(number)
        name = regions[change.old.key].get("id")
        for region in regions:
            ends = (region.get("from_id"), region.get("to_id")) if region.get("type") == "relation" else ()
            if name is not None and name in ends:
                return f"a relation leads to the {change.old.label} {name}: remove it in Label Studio first"
        others = [one for one in regions if name is not None and one.get("id") == name and one.get("type") != KIND]
        return f"the {change.old.label} {name} has a {others[0].get('type')}: remove it there first" if others else ""

    def _text(self, data: dict[str, Any]) -> str:
        """Return the text of a task: the only one, if its key is another one."""
        texts = [key for key, value in data.items() if isinstance(value, str)]
        keys = texts if "text" not in data and len(texts) == 1 else ["text"]
        return self.text_of(data, keys)

    def _is_read(self, region: Any, position: int) -> bool:
        """Is this a region of the layer that is read? RAISES: Unreadable if it is none at all."""
        if not isinstance(region, dict):
            raise Unreadable(f"region {position + 1} is no object")
        if region.get("type") == "hypertextlabels":
            raise Unreadable(f"region {position + 1} is one of hypertext, whose offsets are not those of a text")
        return region.get("type") == KIND and self.settings.layer in (None, region.get("from_name"))

    def _names(self) -> dict[str, Any]:
        """Return how other regions name the control and the text that they belong to."""
        for number, text in enumerate(self.texts):
            for one in text.annotations:
                region = self._regions(number)[one.key]
                return {key: region[key] for key in ("from_name", "to_name") if key in region}
        return {}

    def _regions(self, number: int) -> list[Any]:
        key, chosen, result = self.lists[number]
        return self.file.records[number].value[key][chosen][result]


def _chosen(annotations: list[Any]) -> Optional[int]:
    """Choose one of the annotations of a task; None if nobody has submitted any. RAISES: Unreadable."""
    kept = [
        number
        for number, one in enumerate(annotations)
        if isinstance(one, dict) and not (one.get("was_cancelled") or one.get("skipped"))
    ]
    right = [number for number in kept if annotations[number].get("ground_truth")]
    if len(kept) > 1 and len(right) != 1:
        raise Unreadable(f"it has {len(kept)} annotations: leave one, or mark one as the ground truth")
    return next(iter(right or kept), None)


def _annotation(region: dict[str, Any], position: int) -> Annotation:
    value: Any = region.get("value")
    labels = value.get(KIND) if isinstance(value, dict) else None
    if not isinstance(labels, list) or len(labels) != 1:
        raise Unreadable(f"region {position + 1} has the labels {labels!r}, where one is needed")
    return annotation_of(value.get("start"), value.get("end"), labels[0], position, "region")


def _counts_utf16(text: str, found: list[tuple[Annotation, Any]]) -> bool:
    """Find out how a task counts characters: as the words of its regions say. RAISES: Unreadable if in no known way."""
    units = Utf16(text)

    def beside(utf16: bool) -> Optional[tuple[Annotation, str]]:
        for one, words in found:
            start, end = (units.decode(one.start), units.decode(one.end)) if utf16 else (one.start, one.end)
            there = text[start:end] if start is not None and end is not None else ""
            if isinstance(words, str) and _letters(words) != _letters(there):
                return one, there
        return None

    wrong = beside(False)
    if wrong is None or beside(True) is None:
        return wrong is not None
    one, there = wrong
    words = next(words for other, words in found if other is one)
    raise Unreadable(f"{one.place} says {words[:40]!r}, and the text at {one.start}-{one.end} {there[:40]!r}")


def _letters(text: str) -> str:
    """Leave spaces out, which the browser changes; a line break is written as \\n."""
    return "".join(text.replace("\\n", " ").split())

"""Explanations as the plain values that are stored on a Doc (see ``views``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence

from spacy.tokens import Doc

from .explainer import Explanation, Found, Table
from .extensions import STORED, by_component
from .views import Influencers

Place = tuple[int, int, str]
Sides = tuple[list[list[Any]], list[list[Any]]]
NOTHING: Sides = ([], [])
NONE = Explanation(None, [], [], 0)  # of a token that was not to be explained


@dataclass(frozen=True)
class Plan:
    """Which parts of a document are explained: spans (start, end), and the number of the span of each token (-1 for
    none) and of each entity."""

    spans: list[tuple[int, int]]
    of_token: list[int]
    of_entity: list[int]


def plan_queries(length: int, entities: Sequence[tuple[int, int, str]], unit: str, explained: str = "all") -> Plan:
    """Plan what to explain. By entities, a token inside one shares its explanation; by tokens, it has its own.

    explained (str): "all" tokens, or only those of "entities".
    """
    spans: list[tuple[int, int]] = []
    of_token = [-1] * length
    if unit == "entity":
        for number, (start, end, _) in enumerate(entities):
            spans.append((start, end))
            of_token[start:end] = [number] * (end - start)
    inside = {token for start, end, _ in entities for token in range(start, end)}
    for token in range(length) if explained == "all" else sorted(inside):
        if of_token[token] < 0:
            of_token[token] = len(spans)
            spans.append((token, token + 1))
    if unit == "entity":
        return Plan(spans, of_token, list(range(len(entities))))
    first = len(spans)
    spans += [(start, end) for start, end, _ in entities]
    return Plan(spans, of_token, list(range(first, len(spans))))


def store(
    doc: Doc,
    tags: Sequence[str],
    entities: Sequence[tuple[int, int, str]],
    plan: Plan,
    explanations: Sequence[Explanation],
    table: Table,
    context: int,
    about: dict[str, Any],
    instead: Sequence[Optional[str]],
) -> None:
    """Write explanations (one per span of the plan) to a document, beside those of other components.

    instead (sequence of str): for each span, what the head that explains would predict there, if something else.
    about (dict): what holds for all of them; "component" is the name that they are kept under.
    """
    references = _References(table, context)
    # Tokens of an entity share its explanation, so it is written once.
    written = [references.both_sides(explanation) for explanation in explanations]
    places = ((token.idx, token.idx + len(token), token.text) for token in doc)
    tokens = [
        _entry(place, tag, explanations[number], written[number], instead[number])
        if number >= 0
        else _entry(place, tag, NONE, NOTHING)
        for place, tag, number in zip(places, tags, plan.of_token)
    ]
    spans = [
        _entry(segment_place(doc, start, end), label, explanations[number], written[number], instead[number])
        for (start, end, label), number in zip(entities, plan.of_entity)
    ]
    forget(doc, about["component"])
    found = {**about, "references": references.described, "tokens": tokens, "entities": spans}
    _keep(doc, {**by_component(doc), about["component"]: found})


def forget(doc: Doc, component: str) -> None:
    """Take a component's explanations off a document, if it has some: they are of an earlier prediction."""
    kept = by_component(doc)
    if kept.pop(component, None) is not None:
        _keep(doc, kept)


def _keep(doc: Doc, kept: dict[str, dict[str, Any]]) -> None:
    """Store what components have found, by their names in the order in which they ran: the last one is seen first."""
    stored: Optional[dict[str, Any]] = None
    if kept:
        *others, last = kept
        stored = {**kept[last], "others": {name: kept[name] for name in others}} if others else kept[last]
    doc._.set(STORED, stored)


def view(place: Place, label: str, explanation: Explanation, table: Table, context: int) -> Influencers:
    """Show an explanation that is not stored anywhere."""
    references = _References(table, context)
    entry = _entry(place, label, explanation, references.both_sides(explanation))
    return Influencers(entry, references.described)


def segment_place(doc: Doc, start: int, end: int) -> Place:
    """Return the first and the last character (exclusive) of some tokens, and their text."""
    span = doc[start:end]
    return span.start_char, span.end_char, span.text


class _References:
    """References of a document, each described once however many tokens share it."""

    def __init__(self, table: Table, context: int) -> None:
        self._table, self._context = table, context
        self._numbers: dict[int, int] = {}
        self.described: list[dict[str, Any]] = []

    def both_sides(self, explanation: Explanation) -> Sides:
        """Return the supporting and the opposing references of an explanation."""
        return self._side(explanation.supporting), self._side(explanation.opposing)

    def _side(self, found: Sequence[Found]) -> list[list[Any]]:
        """Return [reference number, effect, score, change of log-odds or None, refined, doubtful] of references."""
        return [[self._number(f.row), f.effect, f.score, f.log_odds, f.refined, f.doubtful] for f in found]

    def _number(self, row: int) -> int:
        if row not in self._numbers:
            self._numbers[row] = len(self.described)
            self.described.append({**self._table.reference(row, self._context), "row": row})
        return self._numbers[row]


def _entry(
    place: Place, label: str, explanation: Explanation, sides: Sides, instead: Optional[str] = None
) -> dict[str, Any]:
    start, end, text = place
    return {
        **({} if instead is None else {"instead": instead}),
        "start": start,
        "end": end,
        "text": text,
        "label": label,
        "probability": explanation.probability,
        "supporting": sides[0],
        "opposing": sides[1],
        "rows_seen": explanation.rows_seen,
    }

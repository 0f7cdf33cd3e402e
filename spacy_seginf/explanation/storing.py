"""Explanations as the plain values that are stored on a Doc (see ``views``)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Callable, Mapping, Optional, Sequence

from spacy.tokens import Doc

from .account import Account, Accountant, reading_in_words
from .account_view import LINES
from .explainer import Explanation, Found, Table
from .extensions import STORED, by_component
from .label_reasons import Rationale
from .reasons import Surroundings
from .stability import Agreement
from .views import Influencers

Place = tuple[int, int, str]
Strengths = Mapping[tuple[str, int, int], float]
MISSING: Strengths = MappingProxyType({})
SAME = ("margin", "probability", "opposing", *LINES, "disputed", "count")  # of an account, stored as it is
# Of a token that was not to be explained.
NONE: dict[str, Any] = {"probability": None, "supporting": [], "opposing": [], "rows_seen": 0}


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


@dataclass(frozen=True)
class Answer:
    """What is said of a part of a document.

    explanation (Explanation). query (Surroundings): the part. account (Account, optional). instead (str, optional):
    what the head that explains would predict there, if something else. pipeline_probability (float, optional): the
    pipeline's own, if it is far from that of the explanation.
    """

    explanation: Explanation
    query: Surroundings
    account: Optional[Account] = None
    instead: Optional[str] = None
    agreement: Optional[Agreement] = None
    pipeline_probability: Optional[float] = None


def store(
    doc: Doc,
    tags: Sequence[str],
    entities: Sequence[tuple[int, int, str]],
    plan: Plan,
    answers: Sequence[Answer],
    sources: Sources,
    about: dict[str, Any],
) -> None:
    """Write answers (one per span of the plan) to a document, beside those of other components.

    about (dict): what holds for all of them; "component" is the name that they are kept under.
    """
    described = Described(sources)
    # Tokens of an entity share its explanation, so it is written once.
    written = [described.entry(answer) for answer in answers]
    places = ((token.idx, token.idx + len(token), token.text) for token in doc)
    tokens = [
        _entry(place, tag, written[number] if number >= 0 else NONE)
        for place, tag, number in zip(places, tags, plan.of_token)
    ]
    spans = [
        _entry(segment_place(doc, start, end), label, written[number])
        for (start, end, label), number in zip(entities, plan.of_entity)
    ]
    forget(doc, about["component"])
    found = {**about, **described.shared, "tokens": tokens, "entities": spans}
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


def view(place: Place, label: str, answer: Answer, sources: Sources) -> Influencers:
    """Show an answer that is not stored anywhere."""
    described = Described(sources)
    entry = _entry(place, label, described.entry(answer))
    return Influencers(entry, described.shared)


def segment_place(doc: Doc, start: int, end: int) -> Place:
    """Return the first and the last character (exclusive) of some tokens, and their text."""
    span = doc[start:end]
    return span.start_char, span.end_char, span.text


@dataclass(frozen=True)
class Sources:
    """What references and families are described by: the table of their rows, characters of text around each, reasons,
    and the evidence, if the index has it."""

    table: Table
    unit: str
    context: int
    rationale: Rationale
    accountant: Optional[Accountant] = None

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        """What is read off an index is read again in another process."""
        return _nothing, ()


def _nothing() -> None:
    return None


class Described:
    """References and families of a document, each described once however many tokens share it.

    shared (dict): what is stored of them already, to go on with.
    """

    def __init__(self, sources: Sources, shared: Optional[dict[str, Any]] = None) -> None:
        self._sources = sources
        self.shared: dict[str, Any] = {} if shared is None else shared
        for name in ("references", "families"):
            self.shared[name] = list(self.shared.get(name, ()))  # they may be tuples after a DocBin
        self._references = {known.get("row"): number for number, known in enumerate(self.shared["references"])}
        known = enumerate(self.shared["families"])
        self._families = {(one["family"], one.get("shown", -1)): number for number, one in known}
        self._occurrences: dict[int, int] = {}

    def entry(self, answer: Answer) -> dict[str, Any]:
        """Return what is stored of an answer beside its place."""
        explanation, own = answer.explanation, answer.pipeline_probability
        return {
            **({} if own is None else {"pipeline_probability": own}),
            **({} if answer.instead is None else {"instead": answer.instead}),
            **({} if answer.agreement is None else {"agreement": list(answer.agreement)}),
            "probability": explanation.probability,
            "supporting": self._side(answer.query, explanation.supporting),
            "opposing": self._side(answer.query, explanation.opposing),
            "rows_seen": explanation.rows_seen,
            **({} if answer.account is None else {"account": self.account(answer.query, answer.account)}),
        }

    def _side(self, query: Surroundings, found: Sequence[Found]) -> list[list[Any]]:
        """Return [reference number, effect, score, change of log-odds or None, refined, doubtful, reasons]."""
        rationale, unit = self._sources.rationale, self._sources.unit
        return [
            [self._reference(f.row), f.effect, f.score, f.log_odds, f.refined, f.doubtful]
            + [rationale.reference_reasons(query, f.row, unit)]
            for f in found
        ]

    def account(self, query: Surroundings, account: Account, strengths: Strengths = MISSING) -> dict[str, Any]:
        """Return what is stored of an account. strengths: of single labels, by their document, start and end."""
        reasons = self._sources.rationale.family_reasons
        assert self._sources.accountant is not None
        scheme = self._sources.accountant.scheme
        return {
            "label": reading_in_words(scheme, account.tags, query.words),
            "against": reading_in_words(scheme, account.others, query.words),
            **{name: getattr(account, name) for name in SAME},
            "for": account.supporting,
            "families": [
                [self._family(f.family, f.example), f.share, reasons(query, f.family)]
                + ([{"occurrences": self._labels(f.occurrences, strengths)}] if f.occurrences else [])
                for f in account.families
            ],
            **({"labels": self._labels(account.labels, strengths)} if account.labels else {}),
        }

    def _labels(self, shares: Sequence[tuple[int, float]], strengths: Strengths) -> list[list[Any]]:
        """Return [reference number, share, strength or None] of labels of the evidence."""
        found = []
        for number, share in shares:
            place = self._occurrence(number)
            known = self.shared["references"][place]
            found.append([place, share, strengths.get((known["document"], known["start"], known["end"]))])
        return found

    def _occurrence(self, number: int) -> int:
        """Number of a label of the evidence among the references."""
        assert self._sources.accountant is not None
        if number not in self._occurrences:
            self._occurrences[number] = len(self.shared["references"])
            self.shared["references"].append(self._sources.accountant.describe(number, self._sources.context))
        return self._occurrences[number]

    def _reference(self, row: int) -> int:
        if row not in self._references:
            self._references[row] = len(self.shared["references"])
            described = self._sources.table.reference(row, self._sources.context)
            self.shared["references"].append({**described, "row": row})
        return self._references[row]

    def _family(self, family: int, example: int) -> int:
        accountant, context = self._sources.accountant, self._sources.context
        assert accountant is not None
        if (family, example) not in self._families:
            self._families[family, example] = len(self.shared["families"])
            self.shared["families"].append(accountant.describe_family(family, context, example))
        return self._families[family, example]


def _entry(place: Place, label: str, written: dict[str, Any]) -> dict[str, Any]:
    start, end, text = place
    return {"start": start, "end": end, "text": text, "label": label, **written}

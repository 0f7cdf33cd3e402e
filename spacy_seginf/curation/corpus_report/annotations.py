"""Annotated documents, made ready for comparing them: spans, twins, and words around places."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from typing import Callable, Hashable, Iterable, Mapping, Optional, Sequence

import numpy

from ...corpora.documents import Document
from ...crf.schemes import OUTSIDE, Entity
from ..structure.keys import LONGEST
from ..structure.spans import Spans
from ..structure.twins import find_twins
from .records import Finding, Occurrence

AROUND = 8  # words shown on each side
ENDS = re.compile(r"[.!?]+")
Predicted = Mapping[str, tuple[Sequence[str], Sequence[Entity]]]  # words and entities of documents, by their ids


class Annotations:
    """Documents in an order of their own: the report on a corpus does not depend on the order of its documents.

    predicted (mapping): what a model says of documents, which count if their words are the same.
    """

    def __init__(self, documents: Sequence[Document], predicted: Optional[Predicted] = None) -> None:
        self.documents = sorted(documents, key=lambda one: (one.identifier, one.words, one.entities))
        known = [(predicted or {}).get(one.identifier) for one in self.documents]
        self.predicted = [
            None if pair is None or tuple(pair[0]) != one.words else tuple(pair[1])
            for pair, one in zip(known, self.documents)
        ]
        self.words = [one.words for one in self.documents]
        self.entities = [one.entities for one in self.documents]

    @cached_property
    def sentences(self) -> list[tuple[int, ...]]:
        """Where sentences begin: as the corpus says, else behind tokens that end sentences."""
        return [one.sentences or _sentence_starts(one.words) for one in self.documents]

    @cached_property
    def spans(self) -> Spans:
        """All entities, and what is written like one and annotated as none."""
        twins = find_twins(self.words, self.entities, [one.missing for one in self.documents])
        return Spans.of(self.words, self.entities, twins, self.sentences)

    @cached_property
    def labels(self) -> list[str]:
        """Label of each span."""
        return [self.spans.labels[kind] for kind in self.spans.types.tolist()]

    def occurrence(self, document: int, start: int, end: int, label: str) -> Occurrence:
        """Describe a place."""
        own, words, said = self.documents[document], self.words[document], self.predicted[document]
        return Occurrence(
            own.identifier,
            start,
            end,
            " ".join(words[start:end]),
            " ".join(words[max(0, start - AROUND) : start]),
            " ".join(words[end : end + AROUND]),
            label,
            own.file if own.lines else "",
            own.line(start),
            "" if said is None else reading(words, said, start, end),
        )

    def span(self, row: int) -> Occurrence:
        """Describe a span."""
        document, start, end = (int(of[row]) for of in (self.spans.documents, self.spans.starts, self.spans.ends))
        return self.occurrence(document, start, end, self.labels[row])

    def finding(self, what: str, rows: Sequence[int], readings: Sequence[str]) -> Finding:
        """Make a finding of spans and how each is read."""
        counts = dict(sorted(Counter(readings).items(), key=lambda pair: (-pair[1], pair[0] == OUTSIDE, pair[0])))
        others = [row for row, own in zip(rows, readings) if own != next(iter(counts))]
        usual = [row for row, own in zip(rows, readings) if own == next(iter(counts))]
        documents = self.spans.documents
        example = min(usual, key=lambda row: (documents[row] != documents[others[0]], row))
        return Finding(what, counts, tuple(map(self.span, others)), self.span(example))

    def contradictions(
        self, keys: Sequence[Hashable], rows: Iterable[int], what: Callable[[list[int]], str]
    ) -> list[Finding]:
        """Find spans with the same key and different labels."""
        groups: dict[Hashable, list[int]] = {}
        for row in rows:
            groups.setdefault(keys[row], []).append(row)
        found = []
        for members in groups.values():
            labels = [self.labels[row] for row in members]
            if len(set(labels)) > 1:
                found.append(self.finding(what(members), members, labels))
        return ordered(found)

    def written(self, rows: Iterable[int]) -> str:
        """Return how most of some spans are written."""
        counts = Counter(" ".join(self.spans.form(row)) for row in rows)
        return min(counts, key=lambda form: (-counts[form], form))


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Put first what a model doubts, then what contradicts the strongest habit."""

    def key(one: Finding) -> tuple:
        total = sum(one.counts.values())
        usual = max(one.counts.values())
        strength = one.doubted / max(len(one.occurrences), 1), (usual + 1) / (total - usual + 1), total
        places = [(place.document, place.start, place.end) for place in one.occurrences]
        return (*(-value for value in strength), one.what, [*one.counts], places)

    return sorted(findings, key=key)


def reading(words: Sequence[str], entities: Iterable[Entity], start: int, end: int) -> str:
    """Say how tokens are annotated: the type of the entity that they are, else all entities that have some of them
    ("Lind/PER, Tarnby Road/LOC"), or "O"."""
    inside = [one for one in entities if one.start < end and start < one.end]
    if [(one.start, one.end) for one in inside] == [(start, end)]:
        return inside[0].label
    return ", ".join(f"{' '.join(words[one.start : one.end])}/{one.label}" for one in inside) or OUTSIDE


def entities_only(spans: Spans) -> list[int]:
    """Return the rows of spans that are entities."""
    return numpy.flatnonzero(spans.types).tolist()


def _sentence_starts(words: Sequence[str]) -> tuple[int, ...]:
    if len(words) <= LONGEST:  # which may be a single sentence
        return (0,)
    return (0, *(number + 1 for number, word in enumerate(words[:-1]) if ENDS.fullmatch(word)))

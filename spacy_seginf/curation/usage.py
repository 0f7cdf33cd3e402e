"""What the corpus does with the same words elsewhere: how often they are annotated, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy

from ..progress import DOCUMENT, advance
from .source import LabelSource
from .structure.spans import folded

LONGEST = 8  # tokens of a span whose words are looked up
ONCE = 0.5  # occurrences that count beside those that are seen: annotated, and not annotated
TYPED = 2.0  # annotated ones that are dealt out to types by how frequent they are


@dataclass(frozen=True)
class WordUse:
    """Spans, and what is done with the same words in other places.

    source (LabelSource): training labels. spans (int64, n x 3: document, start, end): any, annotated or not.
    """

    source: LabelSource
    spans: numpy.ndarray

    def log_shares(self, labels: numpy.ndarray, *, own_document: bool = False) -> numpy.ndarray:
        """Return the logarithm of the share of other occurrences of each span's words that are annotated, just so, with
        a label (float64, n), smoothed. What is longer than LONGEST is taken to occur nowhere else.

        labels (int64, n): types; -1 asks for the share that is not annotated just so. own_document (bool): only
            occurrences in the span's document count.
        """
        occurrences, annotated = self.counts(own_document=own_document)
        entities = annotated.sum(axis=1)
        some = (entities + ONCE) / (numpy.maximum(occurrences, entities) + 2 * ONCE)
        prior = self._prior[labels]
        rows = numpy.arange(len(labels))
        typed = (annotated[rows, labels] + TYPED * prior) / (entities + TYPED)
        return numpy.log(numpy.where(labels < 0, 1.0 - some, some * typed))

    def counts(self, *, own_document: bool = False) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return how often each span's words occur elsewhere (float64, n), and how often so with each type
        (float64, n x types)."""
        forms, documents, types, _ = self._occurrences
        keys = documents * max(len(self._forms), 1) + forms if own_document else forms
        asked = self._form_of
        wanted = self.spans[:, 0] * max(len(self._forms), 1) + asked if own_document else asked
        numbers, members = numpy.unique(keys, return_inverse=True)
        size = len(self.source.scheme.labels)
        counts = numpy.bincount(members.reshape(-1) * (size + 1) + types + 1, minlength=len(numbers) * (size + 1))
        table = counts.reshape(-1, size + 1)
        place = numpy.minimum(numpy.searchsorted(numbers, wanted), max(len(numbers) - 1, 0))
        found = numpy.zeros((len(self.spans), size + 1))
        has = (asked >= 0) & (numbers[place] == wanted) if len(numbers) else numpy.zeros(len(asked), dtype=bool)
        found[has] = table[place[has]]
        rows = numpy.flatnonzero(has)
        found[rows, self._own_types[rows] + 1] -= 1.0
        return found.sum(axis=1), found[:, 1:]

    @cached_property
    def places(self) -> list[numpy.ndarray]:
        """Document and first token of all occurrences of each span's words, its own among them (int64, n arrays of m x
        2, in the order of the corpus)."""
        forms, documents, _, starts = self._occurrences
        order = numpy.argsort(forms, kind="stable")
        ends = numpy.searchsorted(forms[order], numpy.arange(len(self._forms) + 1))
        found = numpy.stack([documents, starts], axis=1)[order]
        return [found[ends[form] : ends[form + 1]] if form >= 0 else found[:0] for form in self._form_of.tolist()]

    @cached_property
    def _entities(self) -> dict[tuple[int, int, int], int]:
        """Types of annotated entities by their places."""
        places = self.source.entities.tolist()
        return {(d, start, end): label for (d, start, end), label in zip(places, self.source.entity_labels.tolist())}

    @cached_property
    def _prior(self) -> numpy.ndarray:
        """How frequent types are (float64, types)."""
        counts = numpy.bincount(list(self._entities.values()), minlength=len(self.source.scheme.labels)) + 1.0
        return counts / counts.sum()

    @cached_property
    def _words(self) -> list[list[str]]:
        return [list(map(folded, words)) for words in self.source.words]

    @cached_property
    def _forms(self) -> dict[tuple[str, ...], int]:
        """Numbers of the words of all spans that are not too long."""
        found: dict[tuple[str, ...], int] = {}
        for document, start, end in self.spans.tolist():
            if end - start <= LONGEST:
                found.setdefault(tuple(self._words[document][start:end]), len(found))
        return found

    @cached_property
    def _form_of(self) -> numpy.ndarray:
        """Number of the words of each span (int64, n); -1 if it is too long."""
        places = self.spans.tolist()
        return numpy.array(
            [self._forms.get(tuple(self._words[document][start:end]), -1) for document, start, end in places], dtype=int
        )

    @cached_property
    def _own_types(self) -> numpy.ndarray:
        """What each span itself is annotated as (int64, n); -1 if not as one entity."""
        return numpy.array([self._entities.get(tuple(place), -1) for place in self.spans.tolist()], dtype=numpy.int64)

    @cached_property
    def _occurrences(self) -> tuple[numpy.ndarray, ...]:
        """Form, document, type (-1: not annotated just so) and first token of every occurrence of the spans' words
        (int64 each)."""
        lengths = sorted({len(form) for form in self._forms})
        found: list[tuple[int, int, int, int]] = []
        for document, words in enumerate(self._words):
            for length in lengths:
                for start in range(len(words) - length + 1):
                    form = self._forms.get(tuple(words[start : start + length]))
                    if form is not None:
                        kind = self._entities.get((document, start, start + length), -1)
                        found.append((form, document, kind, start))
            advance(1, DOCUMENT)
        return tuple(numpy.array(found, dtype=numpy.int64).reshape(-1, 4).T)

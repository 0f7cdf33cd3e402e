"""One place that contradicts an annotation: the same words, annotated otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

import numpy

from ..crf.schemes import OUTSIDE
from ..index.index import Index
from ..rendering.text import shorten, tokens_of, visible
from .changes import bracketed
from .ranking import ScoredIssue
from .source import LabelSource
from .usage import WordUse

COMPARED = 500  # places whose context is looked at; of more, some throughout the corpus
CONTEXT = 40  # characters on each side
SHOWN = 40  # characters of the words, and of a document's id


@dataclass(frozen=True)
class Counterexamples:
    """Finds the most telling contradiction of an issue.

    index (Index), source (LabelSource): the training labels. use (WordUse): of the spans of the issues.
    """

    index: Index
    source: LabelSource
    use: WordUse

    def of(self, number: int, issue: ScoredIssue) -> Optional[dict[str, Any]]:
        """Find where the words of an issue are annotated otherwise: in its own document if they are, else elsewhere,
        and of several places the one whose features are most like those here (cosine of their means).

        number (int): of the issue's span in ``use``.
        RETURNS: as references are in ``LabelIssue``, without an effect. label: a type, "O", or, of what has other
            boundaries, the words with their entities in brackets. None if nothing contradicts: what is part of a larger
            entity does not, and neither does what is not annotated at all.
        """
        starts, length = self.source.data.starts, issue.end - issue.start
        places = self.use.places[number]
        firsts = starts[places[:, 0]] + places[:, 1]
        own = int(starts[issue.document]) + issue.start
        rows = firsts[:, None] + numpy.arange(length)
        codes = self._codes[rows]
        whole = ~self._continued[firsts] & ~self._continued[firsts + length] & self.source.known[rows].all(axis=1)
        other = numpy.flatnonzero(whole & (codes != self._codes[own : own + length]).any(axis=1))
        near = other[[self._names[document] == self._names[issue.document] for document in places[other, 0].tolist()]]
        other = near if len(near) else other
        if not len(other):
            return None
        other = other[numpy.linspace(0, len(other) - 1, min(len(other), COMPARED)).astype(numpy.int64)]
        features = self.source.data.features
        means = features[rows[other]].mean(axis=1)
        here = features[own : own + length].mean(axis=0)
        lengths = numpy.maximum(numpy.linalg.norm(means, axis=1), numpy.finfo(numpy.float32).tiny)
        document, start = places[other[(means @ here / lengths).argmax()]].tolist()
        return self.index.describe(document, start, start + length, self._label(document, start, length), CONTEXT)

    def _label(self, document: int, start: int, length: int) -> str:
        first = int(self.source.data.starts[document]) + start
        entities = self.source.scheme.annotation(self.source.labels[first : first + length].tolist())
        if not entities:
            return OUTSIDE
        if (entities[0].start, entities[0].end) == (0, length):
            return entities[0].label
        return " ".join(bracketed(self.source.words[document][start : start + length], 0, entities))

    @cached_property
    def _codes(self) -> numpy.ndarray:
        """What each token is (int64, tokens and one more): 0 outside, odd where an entity begins, even inside."""
        codes = numpy.zeros(len(self.source.labels) + 1, dtype=numpy.int64)
        entities = self.source.entities
        firsts = (self.source.data.starts[entities[:, 0]] + entities[:, 1]).tolist()
        lengths = (entities[:, 2] - entities[:, 1]).tolist()
        for first, length, label in zip(firsts, lengths, self.source.entity_labels.tolist()):
            codes[first], codes[first + 1 : first + length] = 2 * label + 1, 2 * label + 2
        return codes

    @cached_property
    def _continued(self) -> numpy.ndarray:
        """Tokens in the same entity as the one before (bool, tokens and one more)."""
        return (self._codes > 0) & (self._codes % 2 == 0)

    @cached_property
    def _names(self) -> list[str]:
        """Ids of documents; the pieces of a long one have the same."""
        return [self.index.place(document, 0)[0] for document in range(len(self.source.data.lengths))]


def contradiction(found: dict[str, Any]) -> str:
    """Say in a sentence what a counterexample is."""
    text, label = found["text"], found["label"]
    before, after = found["context"][: found["offset"]], found["context"][found["offset"] + len(text) :]
    line = found.get("line")
    token = f"line {line}" if line else tokens_of(found["start"], found["end"])
    place = ", ".join(
        part for part in (shorten(visible(found["document"]), SHOWN), visible(found.get("file", ""))) if part
    )
    said = "no entity" if label == OUTSIDE else visible(label)
    words = shorten(visible(text), SHOWN)
    return f"“{words}” is {said} in {place}, {token}: “...{visible(before)}{words}{visible(after)}...”"

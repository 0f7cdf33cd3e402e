"""Where the dosages of labelled texts are and how they are labelled: those of a training corpus, which references may
name, and those of a test file, which are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterable, Optional, Sequence

import numpy

from spacy_seginf.crf.schemes import TagScheme, type_of
from spacy_seginf.influence.data import ranges

from .mentions import mentions_near

TOKENS, LABELS, OTHER_LABELS = "tokens", "labels", "ref_labels"


@dataclass(frozen=True)
class Dosages:
    """The dosages near interventions in some documents. A dosage is labelled as its last token is.

    segments (int64, n x 3): document, start and end of each. labels (int64, tokens). lengths (int64, documents).
    """

    segments: numpy.ndarray
    labels: numpy.ndarray
    lengths: numpy.ndarray

    @classmethod
    def find(
        cls,
        words: Iterable[Sequence[str]],
        labels: numpy.ndarray,
        lengths: Sequence[int],
        intervention: int,
        window: int,
    ) -> Dosages:
        """Find the dosages with a token labelled as an intervention inside, or at most ``window`` tokens away.

        words (sequences of str): tokens of each document. intervention (int): its label.
        """
        sizes = numpy.asarray(lengths, dtype=numpy.int64)
        parts = numpy.split(labels == intervention, numpy.cumsum(sizes)[:-1])
        found = [
            (number, start, end)
            for number, (tokens, wanted) in enumerate(zip(words, parts))
            for start, end in mentions_near(tokens, wanted, window)
        ]
        return cls(numpy.array(found, dtype=numpy.int64).reshape(-1, 3), labels, sizes)

    @cached_property
    def _starts(self) -> numpy.ndarray:
        return numpy.cumsum(self.lengths) - self.lengths

    @cached_property
    def documents(self) -> numpy.ndarray:
        """Document of each token (int64)."""
        return numpy.repeat(numpy.arange(len(self.lengths)), self.lengths)

    @cached_property
    def last(self) -> numpy.ndarray:
        """Number of the last token of each dosage (int64, n)."""
        return self._starts[self.segments[:, 0]] + self.segments[:, 2] - 1

    def tokens_in(self, label: int) -> numpy.ndarray:
        """Tell which tokens are in a dosage with a label (bool, tokens)."""
        chosen = self.labels[self.last] == label
        documents, starts, ends = self.segments[chosen].T
        inside = numpy.zeros(len(self.labels), dtype=bool)
        inside[ranges(self._starts[documents] + starts, ends - starts)] = True
        return inside

    def documents_with(self, label: int) -> numpy.ndarray:
        """Tell which documents have a dosage with a label (bool, documents)."""
        with_one = numpy.zeros(len(self.lengths), dtype=bool)
        with_one[self.segments[self.labels[self.last] == label, 0]] = True
        return with_one


def gold_tags(records: Sequence[dict[str, Any]], key: str, scheme: TagScheme) -> list[Optional[numpy.ndarray]]:
    """Return the labels of each document in an IO scheme (int64, tokens); None where it has none under the key.

    RAISES (KeyError): with an entity type that is none of the scheme's.
    """
    numbers = {type_of(tag): number for tag, number in scheme.index.items()}
    return [
        None
        if record.get(key) is None
        else numpy.array([numbers[type_of(label)] for label in record[key]], dtype=numpy.int64)
        for record in records
    ]

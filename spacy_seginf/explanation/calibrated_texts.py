"""What a tagger predicts in annotated texts, with its scores: what its probabilities are fit to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Sequence

import numpy
from spacy.language import Language

from ..crf.lattice import Lattice, Limits, lattice_of, no_limits
from ..crf.probabilities import Distribution
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import run_before
from .judged_texts import BATCH, read_gold

LIMITS = ("blank", "allowed", "limited")


@dataclass(frozen=True)
class Predicted:
    """Predictions of texts that are annotated.

    batches: the scores of the texts, as they were tagged together. lengths (ints, documents), allowed (bool, tokens x
    tags): what is annotated. documents (ints), places (tuples: start, end), labels, right (bool): of each prediction.
    """

    batches: Sequence[Any]
    lengths: numpy.ndarray
    allowed: numpy.ndarray
    documents: numpy.ndarray
    places: Sequence[tuple[int, int]]
    labels: Sequence[str]
    right: numpy.ndarray

    @property
    def by_token(self) -> bool:
        """Whether tags of tokens are predicted."""
        return bool(self.batches[0].scheme.by_token)

    def lattice(self, chosen: numpy.ndarray) -> tuple[Lattice, numpy.ndarray]:
        """Return the valid sequences of some documents (bool, documents), and what is annotated there."""
        rows, first = numpy.repeat(chosen, self.lengths), self.batches[0]
        emissions = numpy.concatenate([batch.emissions for batch in self.batches])[rows]
        limits = None
        if any(batch.limits is not None for batch in self.batches):
            parts = [batch.limits or no_limits(batch.scheme, batch.lengths) for batch in self.batches]
            every = Limits(*(numpy.concatenate([getattr(part, name) for part in parts]) for name in LIMITS))
            limits = every.of_documents(numpy.flatnonzero(chosen), numpy.flatnonzero(rows))
        lengths = self.lengths[chosen].tolist()
        return lattice_of(first.scheme, emissions, first.transitions, lengths, limits), self.allowed[rows]

    def probabilities(self, chosen: numpy.ndarray, temperature: float = 1.0) -> numpy.ndarray:
        """Return the probabilities of the predictions of some documents (bool, documents)."""
        found, first = [], 0
        for batch in self.batches:
            own = [
                number
                for number in numpy.flatnonzero(
                    (self.documents >= first) & (self.documents < first + len(batch.lengths))
                ).tolist()
                if chosen[self.documents[number]]
            ]
            if own:
                every = Distribution(
                    batch.scheme, batch.emissions, batch.transitions, batch.lengths, batch.limits, temperature
                )
                asked: list[tuple[int, int, int, str]] = []
                for number in own:
                    asked.append((int(self.documents[number]) - first, *self.places[number], self.labels[number]))
                found.append(every.entities(asked) if not self.by_token else every.tokens(asked))
            first += len(batch.lengths)
        return numpy.concatenate([numpy.zeros(0), *found])


def predict_texts(nlp: Language, tagger: CRFTagger, corpus: Path) -> Predicted:
    """Predict annotated texts. RAISES (ValueError): as ``read_gold``."""
    texts = read_gold(nlp, tagger, corpus)
    batches, allowed, documents, places, labels, right = [], [], [], [], [], []
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        predicted = tagger.predict(run_before(nlp, tagger, [text.example.predicted for text in part]))
        batches += [one.scored.batch for one in predicted[:1] if one.scored is not None]
        for number, (text, found) in enumerate(zip(part, predicted), start=start):
            gold = tagger.allowed_tags(text.example)
            known = numpy.logical_not(gold.all(axis=1))
            annotated = {
                (one.start, one.end, one.label)
                for one in tagger.scheme.annotation(gold.argmax(axis=1).tolist(), known.tolist())
            }
            for one in tagger.scheme.annotation(found.tags.tolist()):
                if known[one.start : one.end].all():
                    documents.append(number)
                    places.append((one.start, one.end))
                    labels.append(one.label)
                    right.append((one.start, one.end, one.label) in annotated)
            allowed.append(gold)
    return Predicted(
        batches,
        numpy.array([len(text.example.predicted) for text in texts]),
        numpy.concatenate(allowed),
        numpy.array(documents, dtype=numpy.int64),
        places,
        labels,
        numpy.array(right, dtype=bool),
    )

"""What a tagger predicts in annotated texts, with its scores: what its probabilities are fit to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.targets import ENTITIES, Target
from ..crf.calibration import form_of
from ..crf.decoding import limits_of
from ..crf.lattice import Lattice, Limits, lattice_of
from ..crf.probabilities import Distribution
from ..crf.schemes import Entity, TagScheme
from ..tagger.crf_tagger import CRFTagger
from ..tagger.head import head_of
from .corpus_texts import read_texts
from .judged_texts import judge, read_gold


@dataclass(frozen=True)
class Predicted:
    """Predictions of texts that are annotated.

    scheme (TagScheme). emissions (floats, tokens x tags), transitions (floats, tags x tags), lengths (ints, documents),
    limits (Limits): what tags were predicted by. allowed (bool, tokens x tags): what is annotated. documents (ints),
    places (tuples: start, end), labels, forms (str), right (bool): of each prediction.
    """

    scheme: TagScheme
    emissions: numpy.ndarray
    transitions: numpy.ndarray
    lengths: numpy.ndarray
    limits: Optional[Limits]
    allowed: numpy.ndarray
    documents: numpy.ndarray
    places: Sequence[tuple[int, int]]
    labels: Sequence[str]
    forms: Sequence[str]
    right: numpy.ndarray

    def lattice(self, chosen: numpy.ndarray) -> tuple[Lattice, numpy.ndarray]:
        """Return the valid sequences of some documents (bool, documents), and what is annotated there."""
        rows = numpy.repeat(chosen, self.lengths)
        lengths = self.lengths[chosen].tolist()
        return lattice_of(
            self.scheme, self.emissions[rows], self.transitions, lengths, self._demands(chosen)
        ), self.allowed[rows]

    def probabilities(self, chosen: numpy.ndarray, temperature: float = 1.0) -> numpy.ndarray:
        """Return the probabilities of the predictions of some documents (bool, documents)."""
        emissions = self.emissions[numpy.repeat(chosen, self.lengths)]
        lengths = self.lengths[chosen].tolist()
        every = Distribution(self.scheme, emissions, self.transitions, lengths, self._demands(chosen), temperature)
        numbers = numpy.cumsum(chosen) - 1
        return every.entities(
            [
                (int(numbers[document]), *place, label)
                for document, place, label in zip(self.documents.tolist(), self.places, self.labels)
                if chosen[document]
            ]
        )

    def _demands(self, chosen: numpy.ndarray) -> Optional[Limits]:
        rows = numpy.repeat(chosen, self.lengths)
        return self.limits and self.limits.of_documents(numpy.flatnonzero(chosen), numpy.flatnonzero(rows))


def predict_texts(nlp: Language, tagger: CRFTagger, corpus: Path) -> Predicted:
    """Predict annotated texts. RAISES (ValueError): as ``read_gold``."""
    texts = judge(nlp, tagger, read_gold(nlp, tagger, corpus))
    scheme, data = tagger.scheme, texts.data
    head = head_of(tagger.model)
    documents, places, labels, forms, right = [], [], [], [], []
    for number, (first, length) in enumerate(zip(data.starts.tolist(), data.lengths)):
        rows = slice(first, first + length)
        known = numpy.logical_not(data.allowed[rows].all(axis=1))
        annotated = set(scheme.annotation(data.allowed[rows].argmax(axis=1).tolist(), known.tolist()))
        for one in scheme.annotation(texts.predicted[rows].tolist()):
            if known[one.start : one.end].all():
                documents.append(number)
                places.append((one.start, one.end))
                labels.append(one.label)
                forms.append(_form(texts.docs[number], one))
                right.append(one in annotated)
    return Predicted(
        scheme,
        head.emissions(data.features),
        head.transitions,
        numpy.array(data.lengths),
        limits_of(scheme, texts.docs),
        data.allowed,
        numpy.array(documents, dtype=numpy.int64),
        places,
        labels,
        forms,
        numpy.array(right, dtype=bool),
    )


def annotated_forms(nlp: Language, corpus: Path, target: Target = ENTITIES) -> dict[str, frozenset[str]]:
    """List all that is annotated in a corpus, by label, as ``form_of`` writes it. RAISES (ValueError): as
    ``read_texts``."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for _, doc in read_texts(nlp, corpus, target):
        for one in target.spans(doc):
            found[one.label].add(_form(doc, one))
    return {label: frozenset(forms) for label, forms in sorted(found.items())}


def _form(doc: Doc, one: Entity) -> str:
    return form_of(token.text for token in doc[one.start : one.end])

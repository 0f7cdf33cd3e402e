"""Predictions of a pipeline for a test corpus, as questions to the head that labels alone make."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import numpy
from spacy.tokens import Doc

from spacy_seginf.api.index import build_index
from spacy_seginf.corpora.docs import read_documents
from spacy_seginf.crf.decoding import limits_of
from spacy_seginf.crf.schemes import Entity, TagScheme
from spacy_seginf.explanation.flip_candidates import label_units
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.question import Question
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.tagger.encoding import read_as

from ..common.prepare import checkpoint, corpus


@dataclass(frozen=True)
class Asked:
    """A predicted entity. right (bool): whether it is annotated so."""

    doc: Doc
    question: Question
    right: bool


class Pipeline:
    """A pipeline with an index. indexed (Path). texts (Path): its test corpus."""

    def __init__(self, indexed: Path, texts: Path) -> None:
        self.nlp, influence = load_indexed(str(indexed))
        self._influence: Any = influence
        self._texts = texts
        self.scheme: TagScheme = influence.find_tagger().scheme
        self.effects: HeadEffects = influence.explainer().label_effects
        index = influence.explainer().index
        positions = index.segments.positions()
        outside = self.effects.labels[self.effects.data.starts[positions[:, 0]] + positions[:, 1]] == 0
        self.units = label_units(self.effects, self.scheme, positions[outside])
        starts = self.effects.data.starts[self.units[:, 0]]
        self._tags = self.effects.labels[starts + self.units[:, 1]]
        self._vectors = numpy.stack(
            [
                self.effects.data.features[start + first : start + last].mean(axis=0, dtype="float64")
                for start, (_, first, last) in zip(starts.tolist(), self.units.tolist())
            ]
        )
        self._vectors /= numpy.maximum(numpy.linalg.norm(self._vectors, axis=1, keepdims=True), 1e-12)

    def asked(self, generator: numpy.random.Generator) -> Iterator[Asked]:
        """Yield predictions in which both heads agree, in random order; at most two of a document."""
        docs = list(read_documents(self.nlp, self._texts))
        with self._influence.paused():
            for number in generator.permutation(len(docs)).tolist():
                doc = self.nlp(read_as(self.nlp, docs[number]))
                right = {(ent.start, ent.end, ent.label_) for ent in docs[number].ents}
                for place in generator.permutation(len(doc.ents))[:2].tolist():
                    ent = doc.ents[place]
                    data, tags, _ = self._influence.query(doc, ent)
                    limits = limits_of(self.scheme, [doc], [()])
                    where = Entity(ent.start, ent.end, ent.label_)
                    question = Question(self.effects, self.scheme, data, tags, where, limits)
                    if question.holds(question.decoded(self.effects.nothing)):
                        yield Asked(doc, question, (ent.start, ent.end, ent.label_) in right)

    def neighbours(self, question: Question, label: str) -> numpy.ndarray:
        """Order the training labels of a type by the cosine of their mean features with those of a question (numbers of
        ``units``)."""
        place = question.place
        vector = question.data.features[place.start : place.end].mean(axis=0, dtype="float64")
        own = set(self.scheme.entity_tags(label, 1) + self.scheme.entity_tags(label, 2)[:1])
        same = numpy.flatnonzero(numpy.isin(self._tags, sorted(own)))
        return same[numpy.argsort(-(self._vectors[same] @ vector), kind="stable")]


def open_pipeline(arguments: Namespace, stack: ExitStack) -> Pipeline:
    """Open the pipeline that is given, or make one of the embedded corpus (seed 0)."""
    if arguments.indexed:
        return Pipeline(arguments.indexed, arguments.texts)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    model = checkpoint("embedded", 0, None, steps=100 if arguments.quick else None)
    settings: dict[str, Any] = {"curvature": "exact", "refit": True, "centre": "trained", "unit": "entity"}
    build_index(str(model), corpus(None, "train"), folder / "indexed", dev=corpus(None, "dev"), **settings)
    return Pipeline(folder / "indexed", corpus(None, "test"))

"""Indexes of the small news corpus, and what pipelines say with them."""

from __future__ import annotations

from typing import NamedTuple

import numpy

from spacy_seginf.index.index import Index
from spacy_seginf.indexing.build import BuildReport, compute_index
from spacy_seginf.settings import IndexSettings
from spacy_seginf.tagger.corpus import TrainingText

from ..conftest import copy_pipeline

QUESTIONS = [
    "Mira Solano left Harrow Bank in Osted .",
    "Nobody met Ada Lind in Tarnby .",
    "It rained .",
    "Veltra hired Jonas Brekke on Monday .",
]


class Built(NamedTuple):
    """A pipeline with a new index."""

    nlp: object
    index: Index
    report: BuildReport


def wrapped(examples):
    return [TrainingText(example, str(example.reference.user_data["id"])) for example in examples]


def build(nlp, texts, folder, *, unit="entity", top_k=5, **settings):
    """Build an index for a copy of a pipeline: in float32 and with l2 = 1, if nothing else is asked for."""
    copy = copy_pipeline(nlp)
    chosen = IndexSettings(**{"dtype": "float32", "l2": 1.0, "centre": "zero", **settings})
    copy.add_pipe("influence", config={"unit": unit, "top_k": top_k})
    report = compute_index(copy, "crf_tagger", texts, folder, settings=chosen)
    influence = copy.get_pipe("influence")
    influence.load_index(folder)
    return Built(copy, influence.index, report)


def answers(nlp, texts=QUESTIONS):
    """List what is said of texts: for each token and entity its supporting and its opposing references."""
    found = []
    for doc in nlp.pipe(texts):
        for entry in [*doc._.influencers, *(ent._.influencers for ent in doc.ents)]:
            for side in (entry.supporting, entry.opposing):
                places = [(r.doc_id, r.start, r.end, r.label, r.missing, r.context) for r in side]
                found.append((entry.text, entry.label, places, [r.score for r in side], [r.effect for r in side]))
    return found


def assert_same_answers(found, expected, tolerance=1e-6):
    """The same references in the same order, with the same scores and effects up to a share of the largest one.

    References whose effects differ by less, such as those of a document that is there twice, may come in any order; the
    last of them may be others.
    """
    assert len(found) == len(expected) and sum(len(entry[2]) for entry in found) > 20
    for column in (3, 4):
        largest = max(abs(value) for entry in expected for value in entry[column])
        for entry, other in zip(found, expected):
            assert entry[:2] == other[:2]
            numpy.testing.assert_allclose(entry[column], other[column], rtol=tolerance, atol=tolerance * largest)
    for entry, other in zip(found, expected):
        effects = numpy.array(other[4])
        falls = numpy.abs(numpy.diff(effects)) > tolerance * (numpy.abs(effects[:-1]) + largest)
        groups = numpy.flatnonzero(falls) + 1
        bounds = [0, *groups.tolist(), len(effects)]
        for start, end in zip(bounds, bounds[1:]):
            if end < len(effects) or end - start == 1:
                assert sorted(entry[2][start:end]) == sorted(other[2][start:end])

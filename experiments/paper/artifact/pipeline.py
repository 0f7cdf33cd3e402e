"""What one pipeline that was trained with an artifact says about the predictions that the artifact makes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.attribution.method import Texts
from spacy_seginf.corpora.docs import identifier_of, read_documents
from spacy_seginf.crf.schemes import type_of
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.problem import predictions, problem_key
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.method_explainer import index_context
from spacy_seginf.files import write_text
from spacy_seginf.index.index import Index
from spacy_seginf.influence.head import Head
from spacy_seginf.tagger.crf_tagger import CRFTagger

from ...errors import LabErrors
from .answers import find_answers
from .planting import artifact_of

VERSION = 1  # of what is kept of a pipeline; another one repeats everything


@dataclass(frozen=True)
class Questions:
    """Predictions that the artifact makes, and how it does elsewhere.

    queries (Texts): single tokens after an artifact that are predicted as the artifact says.
    planted (int): tokens after an artifact. others (int): the other tokens outside of entities in the same documents.
    others_predicted (int): those that are predicted as the artifact says nevertheless.
    """

    queries: Texts
    planted: int
    others: int
    others_predicted: int


def ask_pipeline(path: str, training: Path, dev: Path, folder: Path, progress: Progress) -> dict[str, Any]:
    """Ask a pipeline, unless its answers are in the folder already.

    path (str): a pipeline with an index over the planted training corpus. dev (Path): planted development corpus.
    RETURNS: plain values. queries, planted, others, others_predicted: as ``Questions``, numbers. artifacts: how many
        training tokens after an artifact the index has. What ``find_answers`` returns. seconds.
    RAISES (ValueError): S020 to S025, S030 or S035 for an unusable index, S040 or S042 for a missing corpus, S101 if no
        entity is predicted, S144 for a pipeline that can't be asked.
    """
    nlp, influence = load_indexed(path)
    explainer = influence.explainer()
    docs = [doc for doc in read_documents(nlp, dev) if artifact_of(doc) is not None]
    places = planted_places(explainer.index, nlp, training)
    problems = {
        "its curvature is identity": not explainer.exact,
        f"its index has no token after an artifact of {training}": not len(places),
        f"there is no artifact in {dev}": not docs,
    }
    for problem, found in problems.items():
        if found:
            raise SeginfError(LabErrors.S144.format(path=path, problem=problem))
    key = problem_key(explainer.index, docs, (VERSION, places.tolist(), [artifact_of(doc) for doc in docs]))
    finished = folder / f"artifact-{key}.json"
    if finished.exists():
        done: dict[str, Any] = json.loads(finished.read_text(encoding="utf8"))
        return done
    began = time.perf_counter()
    asked = find_questions(nlp, influence.find_tagger(), docs, explainer.index.head)
    context = index_context(nlp, influence.tagger_name, explainer.index, "token")
    facts = {
        "queries": len(asked.queries),
        "planted": asked.planted,
        "others": asked.others,
        "others_predicted": asked.others_predicted,
        "artifacts": len(places),
        **find_answers(explainer, context, asked.queries, places, progress),
        "seconds": time.perf_counter() - began,
    }
    write_text(finished, json.dumps(facts))
    return facts


def planted_places(index: Index, nlp: Language, corpus: Path) -> numpy.ndarray:
    """Find the tokens after the artifacts of a corpus in an index over it (int64, n x 2): document and token. Artifacts
    that the index does not have, word for word, are left out."""
    planted = {}
    for number, doc in enumerate(read_documents(nlp, corpus), start=1):
        place = artifact_of(doc)
        if place is not None:
            planted[identifier_of(doc, corpus, number)] = place, [doc[place].text, doc[place + 1].text]
    found = []
    for document in range(int(index.first_documents[-1])):
        identifier, first = index.place(document, 0)
        place, words = planted.get(identifier, (-1, []))
        inside = place - first
        if words and inside >= 0 and index.words(document)[0][inside : inside + 2] == words:
            found.append((document, inside + 1))
    return numpy.array(found, dtype=numpy.int64).reshape(-1, 2)


def find_questions(nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], head: Head) -> Questions:
    """Let a head tag documents that have an artifact, and see what it makes of it.

    docs (sequence of Doc): annotated. head (Head). RAISES (ValueError): S101 if no entity is predicted.
    """
    predicted = predictions(nlp, tagger, docs, head)
    documents, starts, _ = predicted.segments.T
    labels = predicted.labels[predicted.data.starts[documents] + starts].tolist()
    begins = {(d, s): type_of(tagger.tags[tag]) for d, s, tag in zip(documents.tolist(), starts.tolist(), labels)}
    queries, others, others_predicted = [], 0, 0
    for number, doc in enumerate(docs):
        planted = doc[int(artifact_of(doc) or 0) + 1]
        if begins.get((number, planted.i)) == planted.ent_type_:
            queries.append((number, planted.i, planted.i + 1))
        outside = [token.i for token in doc if token.ent_iob_ == "O"]
        others += len(outside)
        others_predicted += sum(begins.get((number, token)) == planted.ent_type_ for token in outside)
    segments = numpy.array(queries, dtype=numpy.int64).reshape(-1, 3)
    return Questions(replace(predicted, segments=segments), len(docs), others, others_predicted)

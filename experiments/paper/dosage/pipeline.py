"""What one pipeline says about the test dosages that it takes for interventions."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Sequence

import numpy
from spacy.tokens import Doc

from spacy_seginf.attribution.emission_influence import EmissionInfluence
from spacy_seginf.attribution.instance_influence import InstanceInfluence
from spacy_seginf.attribution.method import Context, Method, Texts
from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.attribution.segment_influence import SegmentInfluence
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.problem import decoded, join, problem_key
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.explanation.explainer import Explainer
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.method_explainer import index_context
from spacy_seginf.files import write_text
from spacy_seginf.index.index import Index

from ...errors import LabErrors
from ..top_references import searched_references, top_references
from .judgement import base_rates, right_references
from .questions import GOLD, OUTSIDE, find_questions
from .texts import Dosages

SEGMENT, IDENTITY, COSINE = "segment", "segment_identity_dot", "segment_identity_cosine"
EMISSIONS = "segment_emissions_cosine"
INSTANCE, NEIGHBOURS = "instance", "nearest_neighbours"
# By method: what finds supporting, and what finds opposing training tokens.
SCANS: dict[str, tuple[Method, Method]] = {
    IDENTITY: (SegmentInfluence("identity"),) * 2,
    COSINE: (SegmentInfluence("identity", similarity="cosine"),) * 2,
    EMISSIONS: (EmissionInfluence(),) * 2,
    NEIGHBOURS: (SegmentNN(labels="same"), SegmentNN(labels="other")),
}
VERSION = 1  # of what is kept of a pipeline; another one repeats everything
SIDES = ("supporting", "opposing")


def ask_pipeline(
    path: str, records: Sequence[dict[str, Any]], intervention: str, window: int, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Ask a pipeline, unless its answers are in the folder already.

    path (str): an indexed pipeline. records: as ``read_records`` gives them. intervention (str): its entity type.
    RETURNS: plain values. By group, which is a key of gold labels and what is explained, such as "labels/gold":
        queries (their number); right, by method, side and level (0 or 1 for each query); base_rates, by side, as
        ``base_rates``. By key of gold labels: counts (documents x classes x 3, as ``class_counts``). dosages: their
        number, all and those labelled as an intervention. seconds.
    RAISES (ValueError): as ``Dosage.run``.
    """
    nlp, influence = load_indexed(path)
    tagger, explainer = influence.find_tagger(), influence.explainer()
    if tagger.scheme.name != "IO" or intervention not in tagger.scheme.labels or not explainer.exact:
        kind = f"its scheme is {tagger.scheme.name}, its labels are {', '.join(tagger.scheme.labels)}"
        problem = f"{kind}, its curvature is {explainer.index.manifest.curvature}"
        raise SeginfError(LabErrors.S161.format(path=path, problem=problem))
    positive = tagger.scheme.index[f"I-{intervention}"]
    docs = [Doc(nlp.vocab, words=record["tokens"]) for record in records]
    settings = VERSION, json.dumps(records), intervention, window
    finished = folder / f"dosage-{problem_key(explainer.index, docs, settings)}.json"
    if finished.exists():
        done: dict[str, Any] = json.loads(finished.read_text(encoding="utf8"))
        return done
    began = time.perf_counter()
    predicted = decoded(nlp, tagger, docs, explainer.index.head)
    try:
        questions = find_questions(records, predicted, tagger.scheme, positive, window)
    except KeyError as error:
        problem = f"the test file has the label {error}, which its tagger does not know"
        raise SeginfError(LabErrors.S161.format(path=path, problem=problem)) from None
    training = _training_dosages(explainer.index, positive, window)
    asked = {f"{key}/{side}": texts for key, own in questions.items() for side, texts in own.explained.items()}
    context = index_context(nlp, influence.tagger_name, explainer.index, "token")
    answers = _answers(explainer, context, list(asked.values()), progress)
    right: dict[str, Any] = {}
    rates: dict[str, Any] = {}
    for number, group in enumerate(asked):
        # What should support, and what should oppose.
        labels = (OUTSIDE, positive) if group.endswith(f"/{GOLD}") else (positive, OUTSIDE)
        rates[group] = {side: base_rates(training, label) for side, label in zip(SIDES, labels)}
        right[group] = {
            name: {
                side: _judged(training, label, name, references)
                for side, label, references in zip(SIDES, labels, rows[number].T)
            }
            for name, rows in answers.items()
        }
    dosages = {"train": training, **{key: own.dosages for key, own in questions.items()}}
    facts = {
        "queries": {group: len(texts) for group, texts in asked.items()},
        "right": right,
        "base_rates": rates,
        "counts": {key: own.counts.tolist() for key, own in questions.items()},
        "dosages": {name: _numbers(own, positive) for name, own in dosages.items()},
        "seconds": time.perf_counter() - began,
    }
    write_text(finished, json.dumps(facts))
    return facts


def _training_dosages(index: Index, intervention: int, window: int) -> Dosages:
    lengths = index.data.lengths
    words = (index.words(number)[0] for number in range(len(lengths)))
    return Dosages.find(words, index.labels, lengths, intervention, window)


def _answers(
    explainer: Explainer, context: Context, asked: Sequence[Texts], progress: Progress
) -> dict[str, list[numpy.ndarray]]:
    """Find the top references of some sets of queries (int64, queries x 2 each), by method: numbers of training tokens
    in document order, and of documents for instance influence."""
    names = [SEGMENT, *SCANS, INSTANCE]
    if not sum(map(len, asked)):
        return {name: [numpy.zeros((0, 2), dtype=numpy.int64) for _ in asked] for name in names}
    queries, data = join(asked), context.training.data
    sizes = numpy.asarray(data.lengths, dtype=numpy.int64)
    documents = numpy.repeat(numpy.arange(len(sizes)), sizes)
    offsets = numpy.arange(len(documents)) - data.starts[documents]
    by_token = _scanning(context, numpy.stack([documents, offsets, offsets + 1], axis=1))
    filled = numpy.flatnonzero(sizes)
    by_document = _scanning(context, numpy.stack([filled, numpy.zeros_like(filled), sizes[filled]], axis=1))
    found = {SEGMENT: searched_references(explainer, queries)}
    for name, (supporting, opposing) in SCANS.items():
        found[name] = top_references(supporting, by_token, queries, progress)
        if opposing != supporting:
            found[name][:, 1] = top_references(opposing, by_token, queries, progress)[:, 1]
    rows = top_references(InstanceInfluence(), by_document, queries, progress)
    found[INSTANCE] = numpy.where(rows < 0, -1, filled[rows])
    splits = numpy.cumsum([len(part) for part in asked])[:-1]
    return {name: numpy.split(found[name], splits) for name in names}


def _scanning(context: Context, segments: numpy.ndarray) -> Context:
    return replace(context, training=replace(context.training, segments=segments))


def _judged(training: Dosages, label: int, method: str, references: numpy.ndarray) -> dict[str, list[int]]:
    right = right_references(training, label, references, by_document=method == INSTANCE)
    return {level: hits.astype(int).tolist() for level, hits in right.items()}


def _numbers(dosages: Dosages, intervention: int) -> dict[str, int]:
    labels = dosages.labels[dosages.last]
    inside, outside = (int((labels == label).sum()) for label in (intervention, OUTSIDE))
    return {"all": len(labels), "intervention": inside, "outside": outside}

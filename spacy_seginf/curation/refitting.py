"""A better tagger at once: its head is refit with the labels that were decided; the encoder stays as it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, field
from typing import Mapping, NamedTuple, Sequence

import numpy
from spacy.language import Language

from ..crf.calibration import Calibration
from ..crf.decoding import limits_of
from ..crf.schemes import TagScheme
from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..indexing.fidelity import decode
from ..influence.fit import HeadData
from ..influence.head import Head
from ..tagger.crf_head import set_head_parameters
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import run_before
from ..tagger.head import on_cpu
from .asked_texts import AskedText
from .decided_head import refit_decided
from .f1_difference import F1Difference, f1_difference
from .records import Decision

ALL = ""  # in the place of a type: all of them


class RefitF1(NamedTuple):
    """Entity F1 on a corpus: of the pipeline as it was, of a head refit with the labels as they were, and of the head
    refit with those that were decided. annotated (int): entities that there are."""

    pipeline: float
    unchanged: float
    corrected: float
    annotated: int


@dataclass(frozen=True)
class HeadRefit:
    """A head that was refit.

    relabelled (int): regions that got other labels. left_out (int): decisions on documents that the index did not learn
    from. conflicts (int): regions that reviewers disagree about, which stay as they are. converged (bool): whether the
    refit did. scores (dict): for each corpus, by its name, the F1 by type; "" stands for all types. differences (dict):
    for each that is annotated, of all types, the F1 with the decided labels less that with the labels as they were.
    """

    relabelled: int
    left_out: int
    conflicts: int
    converged: bool
    scores: Mapping[str, Mapping[str, RefitF1]]
    differences: Mapping[str, F1Difference] = field(default_factory=dict)


def check_refittable(influence: Influence) -> None:
    """RAISES (ValueError): S322 if the head stands for another component, S035 or S270 if the index can't refit."""
    tagger, explainer = influence.find_tagger(), influence.explainer()
    if tagger.explains is not None:
        path = explainer.index.folder
        raise SeginfError(Errors.S322.format(name=tagger.name, path=path, component=tagger.explains))
    explainer.label_effects  # noqa: B018 - what raises


def refit_tagger(
    nlp: Language, influence: Influence, decisions: Sequence[Decision], texts: Mapping[str, Sequence[AskedText]]
) -> HeadRefit:
    """Give the tagger of a pipeline the head that the decided labels make of its features, in memory, and take away the
    index, which is of the labels as they were.

    texts: annotated corpora, by their names, to score on. Scores are of documents with an annotation.
    RAISES (ValueError): S322 if the head stands for another component, S275 if a decision does not fit the index,
        S035 or S270 if the index can't refit.
    """
    check_refittable(influence)
    tagger, explainer = influence.find_tagger(), influence.explainer()
    decided = refit_decided(explainer, tagger, decisions)
    _, head = decided.heads
    scores: dict[str, dict[str, RefitF1]] = {}
    differences: dict[str, F1Difference] = {}
    for name, own in texts.items():
        known = [text for text in own if text.entities is not None]
        scores[name] = {}
        if known:
            gold, sides = _found(nlp, tagger, known, decided.heads)
            scores[name] = _scores(gold, sides)
            differences[name] = f1_difference(_counts(len(known), gold, *sides[1:]))
    tagger.calibrate(Calibration())  # that of the head as it was
    set_head_parameters(tagger.model.get_ref("output_layer"), head.weights, head.bias, head.transitions)
    for name, part in nlp.pipeline:
        if isinstance(part, Influence) and part.find_tagger() is tagger:
            nlp.remove_pipe(name)
    return HeadRefit(decided.relabelled, decided.left_out, decided.conflicts, decided.converged, scores, differences)


Found = set[tuple[int, int, int, str]]  # document, start, end, type


def _found(
    nlp: Language, tagger: CRFTagger, known: Sequence[AskedText], heads: Sequence[Head]
) -> tuple[Found, list[Found]]:
    """Return the entities of texts with annotation, and those that the tagger and some heads predict."""
    docs = run_before(nlp, tagger, [text.doc for text in known])
    predicted = tagger.predict(docs)
    features = numpy.concatenate([on_cpu(one.features) for one in predicted])
    lengths = [len(doc) for doc in docs]
    data = HeadData(features, numpy.ones((len(features), len(tagger.tags)), dtype=bool), lengths)
    limits = limits_of(tagger.scheme, docs, [one.kept for one in predicted])
    tags = [numpy.concatenate([one.tags for one in predicted])]
    tags += [decode(tagger.scheme, data, head, limits) for head in heads]
    unknown = {(number, token) for number, text in enumerate(known) for token in text.missing}
    gold = {(number, *astuple(one)) for number, text in enumerate(known) for one in text.entities or ()}
    sides = [
        {
            one
            for one in _entities(tagger.scheme, data, own)
            if unknown.isdisjoint((one[0], token) for token in range(one[1], one[2]))
        }
        for own in tags
    ]
    return gold, sides


def _counts(documents: int, gold: Found, before: Found, after: Found) -> numpy.ndarray:
    """Count entities in each document, as ``f1_difference`` takes them."""
    columns = (Counter(one[0] for one in side) for side in (gold & before, gold & after, gold, before, after))
    return numpy.array([[column[number] for number in range(documents)] for column in columns], dtype=numpy.int64).T


def _scores(gold: Found, sides: Sequence[Found]) -> dict[str, RefitF1]:
    """Score predictions by type."""
    found = {}
    for label in [ALL, *sorted({one[3] for one in gold})]:
        pipeline, unchanged, corrected = (_f1(gold, side, label) for side in sides)
        found[label] = RefitF1(pipeline, unchanged, corrected, len(_of(gold, label)))
    return found


def _entities(scheme: TagScheme, data: HeadData, tags: numpy.ndarray) -> Found:
    places = zip(data.starts.tolist(), data.lengths)
    return {
        (number, *one)
        for number, (start, length) in enumerate(places)
        for one in map(astuple, scheme.annotation(tags[start : start + length].tolist()))
    }


def _of(entities: Found, label: str) -> Found:
    return {one for one in entities if label in (ALL, one[3])}


def _f1(gold: Found, found: Found, label: str) -> float:
    gold, found = _of(gold, label), _of(found, label)
    return 2.0 * len(gold & found) / max(len(gold) + len(found), 1)

"""Who predicts training labels: heads that have not seen them (out of fold), and whoever is trusted.

A tagger that was trained on labels that are wrong everywhere in the same way predicts them as they are. So its own
predictions find single errors; families of errors are found by trusted labels: those of a development corpus, and those
that a reviewer has decided on. Two predict by them: a head that is fitted to them alone, and the nearest of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Sequence

import numpy

from ..influence.curvature import IdentityCurvature, solver_of
from ..influence.data import HeadData, subset
from ..influence.fit import newton
from ..influence.head import Head
from ..influence.held_out import chains_of_heads, missing_entities
from ..progress import FOLD, advance, step
from .candidates import Predictions
from .neighbours import nearest_neighbours
from .source import LabelSource

FOLDS = 5
GRADIENT = 1e-2  # of heads without a fold: what is left moves probabilities by less than anyone is shown
ITERATIONS = 30
NEAREST = 10
DOUBTFUL = 1e-3  # probability of an entity from which a token outside tells something
DOUBT = 0.05  # share of a token's predictions that goes to labels that none of its neighbours has


@dataclass(frozen=True)
class Trusted:
    """Labels that are right, as far as anyone knows.

    data (HeadData): documents. labels (int64, tokens). certain (bool, tokens): those that are trusted.
    names (sequence of str): ids of the documents that they are from; firsts (sequence of int): numbers of their first
        tokens there. words (sequences of str): their tokens. Empty where nobody reads them.
    """

    data: HeadData
    labels: numpy.ndarray
    certain: numpy.ndarray
    names: Sequence[str] = ()
    firsts: Sequence[int] = ()
    words: Sequence[Sequence[str]] = ()

    def __len__(self) -> int:
        return int(self.certain.sum())


def out_of_fold_predictions(source: LabelSource) -> Predictions:
    """Predict by heads that have not seen the document: documents are dealt out to folds, and each fold is predicted
    by a head without it, by Newton steps in the metric of the index. The encoder has seen them all.

    Under identity curvature, which knows of no steps, or with one document, all are judged by the head as it is.
    """
    count = len(source.data.lengths)
    if isinstance(source.metric, IdentityCurvature) or count < 2:
        return head_predictions(source, source.head)
    folds = folds_of(source)
    emissions = numpy.empty((len(source.labels), source.data.labels))
    transitions = []
    solve = solver_of(source.metric)
    with step("Heads", min(FOLDS, count), FOLD):
        for fold in range(min(FOLDS, count)):
            rest = subset(source.data, numpy.flatnonzero(folds != fold))
            share = len(rest.allowed) / max(len(source.labels), 1)
            fit = newton(
                rest,
                source.head,
                source.penalty.scaled(share),
                GRADIENT,
                solve=solve,
                fixed=True,
                iterations=ITERATIONS,
            )
            rows = source.data.rows(numpy.flatnonzero(folds == fold))
            emissions[rows] = fit.head.emissions(source.data.features[rows])
            transitions.append(fit.head.transitions)
            advance(1, FOLD)
    return Predictions(emissions, numpy.array(transitions), folds)


def folds_of(source: LabelSource) -> numpy.ndarray:
    """Deal documents out to folds by what is in them, whatever their order (int64, documents)."""
    words = list(source.words) or [()] * len(source.data.lengths)
    ends = numpy.cumsum(source.data.lengths)
    keys = []
    for number, (own, end) in enumerate(zip(words, ends.tolist())):
        labels = source.labels[end - source.data.lengths[number] : end].tolist()
        content = repr((list(own), labels)).encode("utf8", "backslashreplace")
        keys.append((hashlib.sha256(content).digest(), number))
    folds = numpy.zeros(len(keys), dtype=numpy.int64)
    folds[[number for _, number in sorted(keys)]] = numpy.arange(len(keys)) % FOLDS
    return folds


def head_predictions(source: LabelSource, head: Head) -> Predictions:
    """Predict all documents by one head."""
    which = numpy.zeros(len(source.data.lengths), dtype=numpy.int64)
    return Predictions(head.emissions(source.data.features), head.transitions[None], which)


def informative(source: LabelSource, trusted: Trusted) -> numpy.ndarray:
    """Tell which trusted tokens say something about entities (bool, tokens): those of entities, their neighbours, and
    those outside of which the tagger's head is not certain. They are a third of all, or less. All tags do."""
    if source.scheme.by_token:
        return trusted.certain
    inside = trusted.labels != 0
    marginals = source.head.marginals(trusted.data)
    found = inside | (marginals[:, 0] < 1.0 - DOUBTFUL)
    found[1:] |= inside[:-1]
    found[:-1] |= inside[1:]
    return found & trusted.certain


def neighbour_predictions(source: LabelSource, trusted: Trusted, rows: numpy.ndarray) -> Predictions:
    """Predict by the nearest of the trusted tokens that are ``informative``, by the cosine of features; each weighs as
    much as it is near.

    rows (int64): tokens of the source that are predicted; others get equal shares.
    """
    places = numpy.flatnonzero(informative(source, trusted))
    labels, others = trusted.labels[places], trusted.data.features[places]
    shares = numpy.full((len(source.labels), source.data.labels), 1.0 / source.data.labels)
    for part, found, weights in nearest_neighbours(source.data.features[rows], others, NEAREST):
        shares[rows[part]] = DOUBT / source.data.labels
        for column in range(weights.shape[1]):
            shares[rows[part], labels[found[:, column]]] += (1.0 - DOUBT) * weights[:, column]
    size = source.data.labels
    which = numpy.zeros(len(source.data.lengths), dtype=numpy.int64)
    return Predictions(numpy.log(shares), numpy.zeros((1, size, size)), which)


def unannotated(source: LabelSource, head: Head) -> list[tuple[int, int, int, str]]:
    """List entities that a head sees where the annotation has none: (document, start, end, type)."""
    emissions, transitions = head.emissions(source.data.features), head.transitions
    outside = source.data.allowed[:, 0] & (source.data.allowed.sum(axis=1) == 1)
    found = []
    lengths = numpy.asarray(source.data.lengths)
    for documents in source.data.alike():
        documents = documents[lengths[documents] > 0]
        rows, sizes = source.data.rows(documents), lengths[documents]
        chain = chains_of_heads(emissions[rows], transitions[None].repeat(len(documents), axis=0), sizes.tolist())
        ends = numpy.cumsum(sizes)
        for document, start, end in zip(documents.tolist(), (ends - sizes).tolist(), ends.tolist()):
            places = slice(start, end)
            for entity in missing_entities(chain[places], outside[rows[places]], source.scheme):
                found.append((document, *entity))
    return sorted(found)

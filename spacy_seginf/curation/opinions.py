"""Whom to ask about training labels: heads that have not seen them, and whoever is trusted.

A tagger that was trained on labels that are wrong everywhere in the same way predicts them as they are. So its own
opinion finds single errors; families of errors are found by trusted labels: those of a development corpus, and those
that a reviewer has decided on. Two ask them: a head that is fitted to them alone, and the nearest of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy

from ..influence.choose import FALLBACK, approach, choose_l2, hold_out
from ..influence.curvature import IdentityCurvature, solver_of
from ..influence.data import HeadData, subset
from ..influence.fit import newton
from ..influence.head import Head
from ..influence.held_out import chains_of_heads, missing_entities
from .clean import nearest
from .readings import Opinion
from .source import LabelSource

FOLDS = 5
GRADIENT = 1e-2  # of heads without a fold: what is left moves probabilities by less than anyone is shown
ITERATIONS = 30
GAP = 1e-6  # nats per token that a head for trusted labels may miss its optimum by
NEAREST = 10
DOUBTFUL = 1e-3  # probability of an entity from which a token outside tells something
DOUBT = 0.05  # share of a token's opinion that goes to labels that none of its neighbours has


@dataclass(frozen=True)
class Trusted:
    """Labels that are right, as far as anyone knows.

    data (HeadData): documents. labels (int64, tokens). certain (bool, tokens): those that are trusted.
    """

    data: HeadData
    labels: numpy.ndarray
    certain: numpy.ndarray

    def __len__(self) -> int:
        return int(self.certain.sum())


def held_out_opinion(source: LabelSource) -> Opinion:
    """Ask heads that have not seen the document: the documents are dealt out to folds, and each fold is judged by a
    head without it, by Newton steps in the metric of the index. The encoder has seen them all.

    Under identity curvature, which knows of no steps, or with one document, all are judged by the head as it is.
    """
    count = len(source.data.lengths)
    if isinstance(source.metric, IdentityCurvature) or count < 2:
        return head_opinion(source, source.head)
    folds = folds_of(source)
    emissions = numpy.empty((len(source.labels), source.data.labels))
    transitions = []
    solve = solver_of(source.metric)
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
    return Opinion(emissions, numpy.array(transitions), folds)


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


def head_opinion(source: LabelSource, head: Head) -> Opinion:
    """Ask one head about all documents."""
    which = numpy.zeros(len(source.data.lengths), dtype=numpy.int64)
    return Opinion(head.emissions(source.data.features), head.transitions[None], which)


def trusted_head(trusted: Trusted) -> Head:
    """Fit a head to trusted labels alone, with the penalty that suits a tenth of them best, to within GAP nats per
    token. RAISES (ValueError): S051 if they are too few."""
    data = trusted.data
    start = Head.zeros(data)
    rest, held_out = hold_out(data)
    if not len(rest.allowed) or not len(held_out.allowed):
        return approach(data, start, FALLBACK, GAP).head
    choice = choose_l2(rest, held_out, start)
    return approach(data, choice.fits[choice.l2].head, choice.l2, GAP).head


def telling(source: LabelSource, trusted: Trusted) -> numpy.ndarray:
    """Tell which trusted tokens say something about entities (bool, tokens): those of entities, their neighbours, and
    those outside of which the tagger's head is not certain. They are a third of all, or less."""
    inside = trusted.labels != 0
    marginals = source.head.marginals(trusted.data)
    told = inside | (marginals[:, 0] < 1.0 - DOUBTFUL)
    told[1:] |= inside[:-1]
    told[:-1] |= inside[1:]
    return told & trusted.certain


def neighbours_opinion(source: LabelSource, trusted: Trusted, rows: numpy.ndarray) -> Opinion:
    """Ask the nearest trusted tokens of those that are ``telling``, by the cosine of features, each as loudly as it is
    near.

    rows (int64): tokens of the source that are asked about; others get no opinion.
    """
    places = numpy.flatnonzero(telling(source, trusted))
    labels, others = trusted.labels[places], trusted.data.features[places]
    shares = numpy.full((len(source.labels), source.data.labels), 1.0 / source.data.labels)
    for part, weights, found in nearest(source.data.features, rows, others, NEAREST):
        weights /= weights.sum(axis=1, keepdims=True)
        shares[part] = DOUBT / source.data.labels
        for column in range(found.shape[1]):
            shares[part, labels[found[:, column]]] += (1.0 - DOUBT) * weights[:, column]
    size = source.data.labels
    which = numpy.zeros(len(source.data.lengths), dtype=numpy.int64)
    return Opinion(numpy.log(shares), numpy.zeros((1, size, size)), which)


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

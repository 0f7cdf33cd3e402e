"""Where do methods rank planted errors for the predictions that they made wrong?

A query is a predicted entity with a victim in it (see ``planted``): a token that is wrong with the planted confusion,
and right when the pipeline was trained on the truth. Relevant are the training segments that hold a culprit of its
kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..attribution.method import Texts
from ..index.index import Index
from .deletion import ranking
from .planted import CONFUSIONS, find_victims, predict_tags
from .problem import select


@dataclass(frozen=True)
class PlantedQueries:
    """Victims, and which training segments hold their culprits.

    queries (Texts). kinds (list of str, queries). relevant (bool, queries x training segments). numbers (list of int):
    which of the predictions they are.
    without_culprits (int): victims that are left out, as no training segment holds a culprit of their kind.
    """

    queries: Texts
    kinds: list[str]
    relevant: numpy.ndarray
    numbers: list[int]
    without_culprits: int = 0


def planted_queries(
    truth: Language,
    docs: Sequence[Doc],
    predicted: Texts,
    training: Texts,
    places: tuple[Index, numpy.ndarray],
    culprits: dict[tuple[str, int], str],
) -> PlantedQueries:
    """Find the victims among predicted entities.

    truth (Language): trained in the same way on the true labels.
    docs (sequence of Doc): gold documents. predicted (Texts): what is predicted in those that have tokens.
    training (Texts): the segments that are scored. places: the index and the numbers of their documents in it.
    culprits: as ``planted.read_culprits`` gives them.
    """
    docs = [doc for doc in docs if len(doc)]
    names = places[0].manifest.tags
    wrong = [[names[tag] for tag in predicted.labels[predicted.data.rows(numpy.array([n]))]] for n in range(len(docs))]
    chosen: list[tuple[int, str]] = []
    for victim in find_victims(docs, wrong, predict_tags(truth, docs)):
        documents, starts, ends = predicted.segments.T
        inside = (documents == victim.document) & (starts <= victim.token) & (victim.token < ends)
        chosen += [(int(number), victim.kind) for number in numpy.flatnonzero(inside)]
    chosen = sorted(set(chosen))
    index, numbers = places
    holding = {kind: _holding(training, index, numbers, culprits, kind) for kind in CONFUSIONS}
    named = [pair for pair in chosen if any(holding[pair[1]])]
    missed, chosen = len(chosen) - len(named), named
    own = [number for number, _ in chosen]
    queries = select(predicted, numpy.array(own, dtype=numpy.int64))
    kinds = [kind for _, kind in chosen]
    relevant = numpy.array([holding[kind] for kind in kinds], dtype=bool).reshape(len(kinds), len(training))
    return PlantedQueries(queries, kinds, relevant, own, missed)


def planted_ranks(scores: numpy.ndarray, relevant: numpy.ndarray) -> dict[str, numpy.ndarray]:
    """Say how well a ranking finds culprits.

    scores (float64, queries x segments); relevant (bool, the same shape).
    RETURNS: by name, a value between 0 and 1 for each query (float64); 0 where nothing is relevant.
        planted_top1: whether the top supporting segment holds a culprit. planted_mrr: one over the rank of the first
        that does. planted_ap: average precision of the whole ranking.
    """
    names = ("planted_top1", "planted_mrr", "planted_ap")
    values = numpy.zeros((len(scores), len(names)))
    for number, (own, row, wanted) in enumerate(zip(values, scores, relevant)):
        ranks = numpy.flatnonzero(wanted[ranking(row, "supporting", number)]) + 1.0
        if len(ranks):
            own[:] = ranks[0] == 1, 1 / ranks[0], (numpy.arange(1, len(ranks) + 1) / ranks).mean()
    return dict(zip(names, values.T))


def _holding(
    training: Texts, index: Index, numbers: numpy.ndarray, culprits: dict[tuple[str, int], str], kind: str
) -> numpy.ndarray:
    held = []
    for document, start, end in training.segments.tolist():
        identifier, first = index.place(int(numbers[document]), start)
        held.append(any(culprits.get((identifier, first + token)) == kind for token in range(end - start)))
    return numpy.array(held, dtype=bool)

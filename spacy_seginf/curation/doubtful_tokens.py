"""Regions where every token has a tag of its own: the tokens whose tag somebody doubts.

A corpus has many more tokens than entities, and a tagger many tags. Most tags nobody doubts, so only some tokens become
regions, and only the most probable tags are their candidates.
"""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy
from scipy.special import log_softmax

from ..crf.schemes import Entity
from .candidates import Predictions, Region
from .source import LabelSource

CERTAIN = 0.999  # probability of its tag from which nobody doubts a token
MOST = 20_000  # tokens: the most doubtful ones
OTHERS = 8  # tags that a token might have instead: the most probable ones
BLOCK = 8192  # tokens at once


def find_doubtful_tokens(
    source: LabelSource, predictors: Sequence[Predictions], most: int = MOST, others: int = OTHERS
) -> list[Region]:
    """Make a region of each annotated token whose tag some predictor does not expect, given the tags beside it.

    predictors (sequence of Predictions): of all tokens. What all of them find as it is with a probability of CERTAIN or
        more is left out, and if there are more than ``most``, all but the most doubtful ones are.
    others (int): so many candidates beside the annotation: the tags with the highest probability by any predictor.
    """
    rows = numpy.flatnonzero(source.known)
    sure = numpy.concatenate([numpy.zeros(0), *(own for _, _, own in _blocks(source, predictors, rows))])
    chosen = numpy.flatnonzero(sure < CERTAIN)
    chosen = numpy.sort(chosen[numpy.argsort(sure[chosen], kind="stable")[:most]])
    tags, found = source.scheme.tags, []
    for block, likely, _ in _blocks(source, predictors, rows[chosen]):
        likely[numpy.arange(len(block)), source.labels[block]] = numpy.inf  # comes first
        order = numpy.argsort(-likely, axis=1, kind="stable")[:, : others + 1]
        for (document, start, end), labels in zip(source.data.tokens(block).tolist(), order.tolist()):
            candidates = tuple((Entity(start, end, tags[label]),) for label in labels)
            found.append(Region(document, start, end, candidates))
    return found


Block = tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]


def _blocks(source: LabelSource, predictors: Sequence[Predictions], rows: numpy.ndarray) -> Iterator[Block]:
    """Yield some of the rows; the logarithm of the highest probability of each of their labels by any predictor (n x
    labels); and the lowest probability of the label that they have (n)."""
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        each = numpy.array([conditionals(source, one, block) for one in predictors])
        own = each[:, numpy.arange(len(block)), source.labels[block]]
        yield block, each.max(axis=0), numpy.exp(own.min(axis=0))


def conditionals(source: LabelSource, predictions: Predictions, rows: numpy.ndarray) -> numpy.ndarray:
    """Return log p(label | training labels of the neighbours) of tokens (ints), by one predictor (float64, n x
    labels)."""
    documents, places, _ = source.data.tokens(rows).T
    lengths = numpy.asarray(source.data.lengths, dtype=numpy.int64)
    scores = predictions.emissions[rows].astype(numpy.float64)
    which, labels = predictions.which[documents], source.labels
    follows, goes_on = places > 0, places + 1 < lengths[documents]
    scores[follows] += predictions.transitions[which[follows], labels[rows[follows] - 1]]
    scores[goes_on] += predictions.transitions[which[goes_on], :, labels[rows[goes_on] + 1]]
    return log_softmax(scores, axis=1)

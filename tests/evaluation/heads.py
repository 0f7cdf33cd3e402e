"""A tiny head at its optimum as a context that methods get, without a pipeline."""

from __future__ import annotations

from typing import Any

import numpy

from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.influence.penalty import Penalty

from ..influence.heads import fitted, random_data

L2 = 1.5


def tiny_problem(seed=0):
    """RETURNS: a context with 12 documents and two-token segments, and five queries in other texts."""
    generator = numpy.random.default_rng(seed)
    data, gold = random_data(generator, [6] * 12, 3, 4)
    head, _, metric = fitted(data, L2)
    segments = numpy.array([(document, start, start + 2) for document in range(12) for start in (0, 3)])
    other, labels = random_data(generator, [5] * 5, 3, 4)
    queries = Texts([], other, labels, numpy.array([(document, 1, 3) for document in range(5)]))
    nothing: Any = None
    return Context(nothing, "", Texts([], data, gold, segments), head, Penalty(L2), metric), queries

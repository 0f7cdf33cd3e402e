"""The best rows by scores that are known of all, as those of methods that have no bound."""

from __future__ import annotations

import numpy

from ..influence.order import EQUAL, falling
from .search import Hits, SearchedTable, SearchResult


def best_rows(table: SearchedTable, rows: numpy.ndarray, scores: numpy.ndarray, k: int) -> SearchResult:
    """Rank rows by their scores (rows: ints, n; scores: float64, queries x n): the k highest positive and the k lowest
    negative ones of every query. Equal scores are ordered by document and token."""
    sides = []
    count = len(scores)
    for sign in (1.0, -1.0):
        hits = Hits(numpy.full((count, k), -1, dtype=numpy.int64), numpy.zeros((count, k)))
        for query in range(count):
            signed = sign * scores[query]
            least = numpy.partition(signed, -k)[-k] * (1.0 - EQUAL) if len(signed) > k else 0.0
            found = numpy.flatnonzero((signed >= least) & (signed > 0))
            order = falling(signed[found], EQUAL * signed[found], table.places(rows[found]))[:k]
            hits.rows[query, : len(order)] = rows[found[order]]
            hits.scores[query, : len(order)] = scores[query, found[order]]
        sides.append(hits)
    return SearchResult(sides[0], sides[1], numpy.full(count, len(rows), dtype=numpy.int64))

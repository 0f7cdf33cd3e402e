"""The scan of all rows: the reference for the search, and the way for scores that have no bound, such as cosine."""

from __future__ import annotations

from typing import Callable, Optional

import numpy

from ..influence.linear_algebra import unit_vectors
from ..influence.order import EQUAL, falling
from .queries import Factors
from .search import Hits, SearchedTable, SearchResult
from .tables import Filter

CHUNK = 4096  # rows scored at once
BlockScores = Callable[[Factors], numpy.ndarray]


def dense_scan(
    table: SearchedTable, scores: BlockScores, count: int, k: int, where: Optional[Filter] = None
) -> SearchResult:
    """Find the k rows with the highest positive and the k with the lowest negative scores of every query.

    scores (Callable): scores some rows for all queries (floats, queries x rows). count (int): how many queries.
    Equal scores are ordered by document and token. where (Filter): which rows may be found; all if None.
    """
    rows = []
    selected = None if where is None else table.select(where)
    blocks = [numpy.zeros((count, 0))]
    for number, part in enumerate(table.parts):
        chosen = numpy.arange(len(part)) if selected is None else selected[number]
        for start in range(0, len(chosen), CHUNK):
            block = chosen[start : start + CHUNK]
            factors = part.factors(slice(start, start + len(block)) if selected is None else block)
            blocks.append(numpy.asarray(scores(factors), dtype=numpy.float64))
        rows.append(chosen + table.first_rows[number])
    everything = numpy.concatenate(rows) if rows else numpy.zeros(0, dtype=numpy.int64)
    return best_rows(table, everything, numpy.concatenate(blocks, axis=1), k)


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


def cosine(features: numpy.ndarray) -> BlockScores:
    """Return a score for ``dense_scan``: the cosine of token vectors (float32, queries x d) with those of rows that are
    single tokens."""
    mine = unit_vectors(features)
    return lambda rows: mine @ unit_vectors(rows.features).T

"""Exact top k of both signs by reading an index in the order of falling norms.

By Cauchy-Schwarz no later row can score above norm(query) * norm(row), so a search stops as soon as that bound
falls below the worst of the k scores that it holds: the answer is the one that a scan of all rows would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy

from .queries import Factors, SearchQueries

FIRST_BLOCK, LARGEST_BLOCK = 1024, 16384
LARGEST_BATCH = 512  # queries searched at once: bounds memory for documents of any length
ROUNDING = 1.0 + 1e-4  # float32 scores may exceed the exact bound by rounding


class SortedRows(Protocol):
    """What a search needs of an index: ``norms`` (falling), ``positions`` and ``factors`` of a range of rows."""

    norms: numpy.ndarray
    positions: numpy.ndarray

    def __len__(self) -> int: ...

    def factors(self, rows: slice) -> Factors: ...


@dataclass(frozen=True)
class Hits:
    """Best rows of each query, best first; missing ones have row -1 and score 0.

    rows (int64, queries x k), scores (float64, queries x k).
    """

    rows: numpy.ndarray
    scores: numpy.ndarray


@dataclass(frozen=True)
class SearchResult:
    """Supporting rows (highest positive scores), opposing rows (lowest negative ones), and the work done.

    rows_seen (int64, queries): rows that had to be scored before the bound ended the search.
    """

    supporting: Hits
    opposing: Hits
    rows_seen: numpy.ndarray


def search(index: SortedRows, queries: SearchQueries, k: int) -> SearchResult:
    """Find the k most supporting and the k most opposing rows of every query.

    The score is <gradient of query, gradient of row> in the metric of the index: positive supports, negative opposes.
    Equal scores are ordered by document and token.
    """
    norms = queries.norms()
    best = _Best(len(queries), k, index.positions), _Best(len(queries), k, index.positions)
    rows_seen = numpy.zeros(len(queries), dtype=numpy.int64)
    for first in range(0, len(queries), LARGEST_BATCH):
        active = first + numpy.flatnonzero(norms[first : first + LARGEST_BATCH] > 0)
        start, size = 0, FIRST_BLOCK
        while start < len(index) and len(active):
            stop = min(start + size, len(index))
            scores = queries.scores(active, index.factors(slice(start, stop)))
            best[0].merge(active, scores, start)
            best[1].merge(active, -scores, start)
            rows_seen[active] = stop
            if stop < len(index):
                bound = norms[active] * float(index.norms[stop]) * ROUNDING
                worst = numpy.minimum(best[0].worst(active), best[1].worst(active))
                active = active[worst < bound]
            start, size = stop, min(2 * size, LARGEST_BLOCK)
    supporting, opposing = (found.hits() for found in best)
    return SearchResult(supporting, Hits(opposing.rows, -opposing.scores), rows_seen)


class _Best:
    """The k highest positive scores so far, per query."""

    def __init__(self, count: int, k: int, positions: numpy.ndarray) -> None:
        self.k = k
        self.positions = positions
        self.rows = numpy.full((count, k), -1, dtype=numpy.int64)
        self.scores = numpy.zeros((count, k))

    def merge(self, active: numpy.ndarray, scores: numpy.ndarray, offset: int) -> None:
        """Take the new scores (active x rows) of rows from ``offset`` on into the best."""
        # Only scores that can be among the best: equal to the worst kept one too, since ties go by position.
        threshold = self.scores[active, -1]
        if scores.shape[1] > self.k:
            threshold = numpy.maximum(threshold, numpy.partition(scores, -self.k, axis=1)[:, -self.k])
        found, chosen = numpy.nonzero((scores >= threshold[:, None]) & (scores > 0))
        ends = numpy.cumsum(numpy.bincount(found, minlength=len(active)))
        for number in numpy.unique(found):
            query = active[number]
            columns = chosen[ends[number - 1] if number else 0 : ends[number]]
            new_scores, new_rows = scores[number, columns], columns + offset
            merged_scores = numpy.concatenate([self.scores[query], new_scores])
            merged_rows = numpy.concatenate([self.rows[query], new_rows])
            positive = merged_scores > 0  # not the places that are still empty
            merged_scores, merged_rows = merged_scores[positive], merged_rows[positive]
            places = self.positions[merged_rows]
            order = numpy.lexsort((places[:, 1], places[:, 0], -merged_scores))[: self.k]
            self.scores[query, : len(order)] = merged_scores[order]
            self.rows[query, : len(order)] = merged_rows[order]

    def worst(self, active: numpy.ndarray) -> numpy.ndarray:
        """The k-th best score of each query, 0 while there are fewer than k."""
        return self.scores[active, -1]

    def hits(self) -> Hits:
        return Hits(self.rows, self.scores)

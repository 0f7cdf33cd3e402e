"""Exact top k of both signs by reading an index in the order of falling norms.

By Cauchy-Schwarz no later row can score above norm(query) * norm(row), so a search stops as soon as that bound falls
below the k-th best score of either sign that it holds. Blocks are scored in float32, with an allowance for rounding;
what may belong to the best is scored again in float64. The answer is the one that a scan of all rows would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Protocol, Sequence, Union

import numpy

from ..index.tables import Filter
from .queries import Factors, SearchQueries

FIRST_ROWS = 512  # looked at before the bound is asked for the first time, from all shards together
BLOCK_NUMBERS = 1 << 20  # scores of a block, by label: bounds memory, and fits a cache
LEAST_BLOCK, LARGEST_BLOCK = 128, 8192
LARGEST_BATCH = 512  # queries searched at once
ROUNDING = 1e-4  # of norm(query) * norm(row), by which a float32 score may differ from the exact one
TIE = 1e-12  # of the same: float64 scores that are closer are equal


class RowsOfShard(Protocol):
    """What a search needs of a shard: ``norms`` (falling), and ``factors`` of a range of rows or of numbered ones."""

    @property
    def norms(self) -> numpy.ndarray: ...

    def __len__(self) -> int: ...

    def factors(self, rows: Union[slice, numpy.ndarray]) -> Factors: ...


class SearchedTable(Protocol):
    """What a search needs of an index: its shards, the number of the first row of each, factors of any rows, their
    order among equals, and the rows of each shard that a filter permits."""

    @property
    def parts(self) -> Sequence[RowsOfShard]: ...

    @property
    def first_rows(self) -> numpy.ndarray: ...

    def factors(self, rows: numpy.ndarray) -> Any: ...

    def places(self, rows: numpy.ndarray) -> numpy.ndarray: ...

    def select(self, where: Filter) -> list[numpy.ndarray]: ...


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


def search(table: SearchedTable, queries: SearchQueries, k: int, where: Optional[Filter] = None) -> SearchResult:
    """Find the k most supporting and the k most opposing rows of every query.

    The score is <gradient of query, gradient of row> in the metric of the index: positive supports, negative opposes.
    Equal scores are ordered by document and token. where (Filter): which rows may be found; all if None.
    """
    streams = _streams(table, where)
    norms = queries.norms()
    parts = []
    for first in range(0, len(queries), LARGEST_BATCH):
        numbers = numpy.arange(first, min(first + LARGEST_BATCH, len(queries)))
        best = _Best(numbers, norms[numbers], k)
        head = max(LEAST_BLOCK, FIRST_ROWS // max(len(streams), 1))
        for stream in streams:
            _scan(stream, queries, best, 0, min(head, len(stream)))
        for stream in streams:
            _scan(stream, queries, best, min(head, len(stream)), len(stream))
        parts.append(best.result(table, queries))
    if not parts:
        nothing = Hits(numpy.zeros((0, k), dtype=numpy.int64), numpy.zeros((0, k)))
        return SearchResult(nothing, nothing, numpy.zeros(0, dtype=numpy.int64))
    sides = [
        Hits(numpy.concatenate([side.rows for side in found]), numpy.concatenate([side.scores for side in found]))
        for found in zip(*((part.supporting, part.opposing) for part in parts))
    ]
    return SearchResult(sides[0], sides[1], numpy.concatenate([part.rows_seen for part in parts]))


class _Stream:
    """The rows of a shard that may be found, by falling norm."""

    def __init__(self, part: RowsOfShard, first_row: int, selected: Optional[numpy.ndarray]) -> None:
        self._part, self._first, self._selected = part, first_row, selected
        self.norms = part.norms if selected is None else part.norms[selected]
        self._rising = -self.norms

    def __len__(self) -> int:
        return len(self.norms)

    def block(self, start: int, stop: int) -> tuple[Factors, numpy.ndarray]:
        """Return the factors and the numbers of some rows."""
        if self._selected is None:
            return self._part.factors(slice(start, stop)), numpy.arange(self._first + start, self._first + stop)
        chosen = self._selected[start:stop]
        return self._part.factors(chosen), chosen + self._first

    def reach(self, norms: numpy.ndarray) -> numpy.ndarray:
        """Return how many rows have at least these norms (ints)."""
        return numpy.searchsorted(self._rising, -norms, side="right")


def _streams(table: SearchedTable, where: Optional[Filter]) -> list[_Stream]:
    selected = [None] * len(table.parts) if where is None else table.select(where)
    streams = [_Stream(*parts) for parts in zip(table.parts, table.first_rows.tolist(), selected)]
    return [stream for stream in streams if len(stream)]


def _scan(stream: _Stream, queries: SearchQueries, best: _Best, start: int, stop: int) -> None:
    """Score rows from ``start`` on for all queries that the bound does not end before ``stop``."""
    size = max(start, LEAST_BLOCK)
    while start < stop:
        reach = stream.reach(best.least_norms())
        active = numpy.flatnonzero(reach > start)
        if not len(active):
            return
        limit = max(LEAST_BLOCK, min(BLOCK_NUMBERS // (len(active) * queries.labels), LARGEST_BLOCK))
        end = min(stop, int(reach.max()), start + min(limit, size))
        factors, rows = stream.block(start, end)
        best.merge(active, queries.scores(best.numbers[active], factors), rows, stream.norms[start:end])
        best.rows_seen[active] += end - start
        start, size = end, 2 * size


class _Best:
    """The best rows so far of some queries, and which rows may be among them.

    numbers (ints, queries): of the queries. norms (float64, queries): theirs.
    """

    def __init__(self, numbers: numpy.ndarray, norms: numpy.ndarray, k: int) -> None:
        self.numbers, self.k = numbers, k
        self._norms = norms
        self.rows_seen = numpy.zeros(len(numbers), dtype=numpy.int64)
        # By sign: scores that the k best have at least.
        self._least = numpy.zeros((2, len(numbers), k), dtype=numpy.float32)
        self._found: list[tuple[numpy.ndarray, ...]] = []  # query, row, side, most that the score can be, norm of row

    def least_norms(self) -> numpy.ndarray:
        """Return the norms that a row needs at least to be among the best of each query (float64, queries)."""
        worst = self._least[:, :, 0].min(axis=0)
        norms = numpy.maximum(self._norms * (1.0 + ROUNDING), 1e-300)
        return numpy.where(self._norms > 0, worst / norms, numpy.inf)

    def merge(self, active: numpy.ndarray, scores: numpy.ndarray, rows: numpy.ndarray, norms: numpy.ndarray) -> None:
        """Take the scores (active x rows) of some rows with their norms into the best."""
        allowance = numpy.multiply.outer((self._norms[active] * ROUNDING).astype(numpy.float32), norms)
        for side, sign in enumerate((1.0, -1.0)):
            signed = scores if sign > 0 else -scores
            least = signed - allowance
            kept = self._least[side]
            better = numpy.flatnonzero(least.max(axis=1) > kept[active, 0])
            if len(better):
                merged = numpy.concatenate([kept[active[better]], least[better]], axis=1)
                # k best in no order but that the worst of them comes first
                merged = numpy.partition(merged, -self.k, axis=1)[:, -self.k :]
                kept[active[better]] = merged
            most = numpy.add(signed, allowance, out=least)
            queries, columns = numpy.nonzero(most >= kept[active, 0][:, None])
            if len(queries):
                values = most[queries, columns]
                positive = values > 0
                queries, columns = queries[positive], columns[positive]
                sides = numpy.full(len(queries), side)
                self._found.append((active[queries], rows[columns], sides, values[positive], norms[columns]))

    def result(self, table: SearchedTable, queries: SearchQueries) -> SearchResult:
        """Score what may be among the best in float64, and order it."""
        count, k = len(self.numbers), self.k
        hits = [Hits(numpy.full((count, k), -1, dtype=numpy.int64), numpy.zeros((count, k))) for _ in range(2)]
        if self._found:
            query, row, side, most, norms = (numpy.concatenate(parts) for parts in zip(*self._found))
            possible = most >= self._least[side, query, 0]
            query, row, side, norms = query[possible], row[possible], side[possible], norms[possible]
            unique, places = numpy.unique(row, return_inverse=True)
            scores = queries.exact(self.numbers[query], table.factors(unique), places)
            scores = numpy.where(side == 0, scores, -scores)
            positive = scores > 0
            query, row, side, norms, scores = (a[positive] for a in (query, row, side, norms, scores))
            owner = query * 2 + side
            order = numpy.lexsort((-scores, owner))
            # Equal up to rounding: one group, in the order of the documents.
            gap = TIE * self._norms[query[order]] * norms[order]
            falls = numpy.diff(scores[order], prepend=numpy.inf) < -gap
            group = numpy.cumsum(falls | (numpy.diff(owner[order], prepend=-1) != 0))
            order = order[numpy.lexsort((table.places(row[order]), group))]
            rank = numpy.arange(len(order)) - numpy.searchsorted(owner[order], owner[order])
            order, rank = order[rank < k], rank[rank < k]
            for number, found in enumerate(hits):
                mine = side[order] == number
                chosen = order[mine]
                found.rows[query[chosen], rank[mine]] = row[chosen]
                found.scores[query[chosen], rank[mine]] = scores[chosen] if number == 0 else -scores[chosen]
        return SearchResult(hits[0], hits[1], self.rows_seen)

"""Exact top k of both signs by reading an index in the order of falling norms.

By Cauchy-Schwarz no later row can score above norm(query) * norm(row), so a search stops as soon as that bound falls
below the k-th best score of either sign that it holds. Blocks are scored in float32, with an allowance for rounding;
what may belong to the best is scored again in float64. The answer is the one that a scan of all rows would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional, Protocol, Sequence, Union

import numpy

from ..influence.order import falling
from .queries import Factors, SearchQueries
from .tables import Filter, Leading

FIRST_ROWS = 768  # looked at before the bound is asked for the first time, from all shards together
BLOCK_NUMBERS = 1 << 18  # scores of a block, by label: bounds memory, and fits a cache
LEAST_BLOCK, LARGEST_BLOCK = 128, 8192
GROUP, GROUPS = 16, 64  # rows in a group whose best one counts towards the threshold; groups at least
LARGEST_BATCH = 512  # queries searched at once
# Of norm(query) * norm(row), by which a float32 score may differ from the exact one. The difference grows with the
# condition of H: below 1e-6 for trained heads, 3e-4 where the condition was 1e11.
ROUNDING = 1e-4
TIE = 1e-12  # of the same: float64 scores that are closer are equal


class RowsOfShard(Protocol):
    """What a search needs of a shard: ``norms`` (falling), and ``factors`` of a range of rows or of numbered ones."""

    @property
    def norms(self) -> numpy.ndarray: ...

    def __len__(self) -> int: ...

    def factors(self, rows: Union[slice, numpy.ndarray]) -> Factors: ...


class SearchedTable(Protocol):
    """What a search needs of an index: its shards, the number of the first row of each, rows of the largest norms that
    are in memory already (None if there are none), factors of any rows, their order among equals, and the rows of each
    shard that a filter permits."""

    @property
    def parts(self) -> Sequence[RowsOfShard]: ...

    @property
    def first_rows(self) -> numpy.ndarray: ...

    @property
    def leading(self) -> Optional[Leading]: ...

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
    memory, disk = _streams(table, where)
    norms = queries.norms()
    parts = []
    for first in range(0, len(queries), LARGEST_BATCH):
        numbers = numpy.arange(first, min(first + LARGEST_BATCH, len(queries)))
        best = _Best(numbers, norms[numbers], k)
        if memory is not None:
            _scan(memory, queries, best, 0, len(memory))
        head = max(LEAST_BLOCK, FIRST_ROWS // max(len(disk), 1))
        for stream in disk:  # a first look at each, so that none is read further than it must be
            _scan(stream, queries, best, 0, head)
        for stream in disk:
            _scan(stream, queries, best, head, len(stream))
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
    """Rows that may be found, by falling norm."""

    def __init__(self, norms: numpy.ndarray) -> None:
        self.norms = norms

    @cached_property
    def _rising(self) -> numpy.ndarray:
        return -self.norms

    def __len__(self) -> int:
        return len(self.norms)

    def block(self, start: int, stop: int) -> tuple[Factors, numpy.ndarray]:
        raise NotImplementedError

    def reach(self, norms: numpy.ndarray) -> numpy.ndarray:
        return numpy.searchsorted(self._rising, -norms, side="right")


class _InMemory(_Stream):
    """The rows of all shards with the largest norms."""

    def __init__(self, leading: Leading) -> None:
        super().__init__(leading.norms)
        self._leading = leading

    def block(self, start: int, stop: int) -> tuple[Factors, numpy.ndarray]:
        return self._leading.factors.between(start, stop), self._leading.rows[start:stop]


class _OnDisk(_Stream):
    """The rows of a shard from one on, or those that a filter permits."""

    def __init__(self, part: RowsOfShard, first_row: int, start: int, selected: Optional[numpy.ndarray]) -> None:
        super().__init__(part.norms[start:] if selected is None else part.norms[selected])
        self._part, self._first, self._start, self._selected = part, first_row, start, selected

    def block(self, start: int, stop: int) -> tuple[Factors, numpy.ndarray]:
        if self._selected is None:
            start, stop = start + self._start, stop + self._start
            return self._part.factors(slice(start, stop)), numpy.arange(self._first + start, self._first + stop)
        chosen = self._selected[start:stop]
        return self._part.factors(chosen), chosen + self._first


def _streams(table: SearchedTable, where: Optional[Filter]) -> tuple[Optional[_InMemory], list[_OnDisk]]:
    selected = [None] * len(table.parts) if where is None else table.select(where)
    leading = table.leading if where is None else None
    taken = [0] * len(table.parts) if leading is None else leading.taken
    streams = [_OnDisk(*parts) for parts in zip(table.parts, table.first_rows.tolist(), taken, selected)]
    return None if leading is None else _InMemory(leading), [stream for stream in streams if len(stream)]


def _scan(stream: _Stream, queries: SearchQueries, best: _Best, start: int, stop: int) -> None:
    """Score rows from ``start`` on for all queries that the bound does not end before ``stop``."""
    size = max(start, FIRST_ROWS)
    stop = min(stop, len(stream))
    while start < stop:
        if stream.norms[start] < best.least_norms.min():
            return
        reach = stream.reach(best.least_norms)
        active = numpy.flatnonzero(reach > start)
        if not len(active):
            return
        limit = max(LEAST_BLOCK, min(BLOCK_NUMBERS // (len(active) * queries.labels), LARGEST_BLOCK))
        end = min(stop, int(reach.max()), start + min(limit, size))
        factors, rows = stream.block(start, end)
        best.merge(active, queries.unit_scores(best.numbers[active], factors), rows, stream.norms[start:end])
        best.rows_seen[active] += end - start
        start, size = end, 2 * size


class _Best:
    """The best rows so far of some queries, and which rows may be among them. Scores are in units of the queries' norms
    until they are exact: those of very certain predictions are too small for float32.

    numbers (ints, queries): of the queries. norms (float64, queries): theirs.
    least_norms (float64, queries): norms that a row needs at least to be among the best.
    """

    def __init__(self, numbers: numpy.ndarray, norms: numpy.ndarray, k: int) -> None:
        self.numbers, self.k = numbers, k
        self._norms = norms
        self.least_norms = numpy.where(norms > 0, 0.0, numpy.inf)
        self.rows_seen = numpy.zeros(len(numbers), dtype=numpy.int64)
        # By sign: scores that the k best have at least.
        self._least = numpy.zeros((2, len(numbers), k), dtype=numpy.float32)
        self._found: list[tuple[numpy.ndarray, ...]] = []  # query, row, its norm, score, its allowance

    def merge(self, active: numpy.ndarray, scores: numpy.ndarray, rows: numpy.ndarray, norms: numpy.ndarray) -> None:
        """Take the scores (active x rows) of some rows with falling norms into the best."""
        allowance = numpy.float32(ROUNDING * float(norms[0]))
        # Of each group of rows only the best counts below: the k best of those are no better than the k best of all.
        groups = max(min(GROUPS, scores.shape[1]), scores.shape[1] // GROUP)
        grouped = scores[:, : scores.shape[1] // groups * groups].reshape(len(active), -1, groups)
        best = numpy.stack([grouped.max(axis=1), -grouped.min(axis=1)]) - allowance
        merged = numpy.concatenate([self._least[:, active], best], axis=2)
        # k best in no order but that the worst of them comes first
        kept = self._least[:, active] = numpy.partition(merged, -self.k, axis=2)[:, :, -self.k :]
        self.least_norms[active] = kept[:, :, 0].min(axis=0) / (1.0 + ROUNDING)
        least = numpy.maximum(kept[:, :, :1] - allowance, 0.0)
        # Numbers in the flat array: nonzero is several times slower with two axes.
        places = numpy.flatnonzero((scores >= least[0]) | (scores <= -least[1]))
        if len(places):
            queries, columns = numpy.divmod(places, scores.shape[1])
            near = scores[queries, columns]
            self._found.append((active[queries], rows[columns], norms[columns], near, numpy.full_like(near, allowance)))

    def result(self, table: SearchedTable, queries: SearchQueries) -> SearchResult:
        """Score what may be among the best in float64, and order it."""
        count, k = len(self.numbers), self.k
        rows, best = numpy.full((2, count, k), -1, dtype=numpy.int64), numpy.zeros((2, count, k))
        if self._found:
            query, row, norm, near, allowance = (numpy.concatenate(parts) for parts in zip(*self._found))
            possible = numpy.abs(near) + allowance >= self._least[(near < 0).astype(int), query, 0]
            query, row, norm = query[possible], row[possible], norm[possible]
            unique, chosen = numpy.unique(row, return_inverse=True)
            scores = queries.exact(self.numbers[query], table.factors(unique), chosen)
            place = table.places(unique)[chosen]
            query, row, norm, place, scores = (a[scores != 0] for a in (query, row, norm, place, scores))
            side, scores = (scores < 0).astype(int), numpy.abs(scores)
            owner = query * 2 + side
            order = falling(scores, TIE * self._norms[query] * norm, place, owner)  # ties in the order of documents
            rank = numpy.arange(len(order)) - numpy.searchsorted(owner[order], owner[order])
            order, rank = order[rank < k], rank[rank < k]
            rows[side[order], query[order], rank] = row[order]
            best[side[order], query[order], rank] = numpy.where(side[order] == 0, scores[order], -scores[order])
        return SearchResult(Hits(rows[0], best[0]), Hits(rows[1], best[1]), self.rows_seen)

"""Searching the shards of an index where they are, and merging what was found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Optional

import numpy

from ..index.index import Index
from ..index.tables import Filter, Table
from ..parallel import Workers
from .bounded import Hits, SearchResult, search
from .queries import CurvedQueries


@dataclass(frozen=True)
class SearchTask:
    """A search of one shard. index (Path): its folder, on shared storage. gradients (float64, queries x P): minus the
    gradients of the conditional losses. unit (str): "entity" or "token"."""

    index: Path
    shard: int
    gradients: numpy.ndarray
    k: int
    unit: str
    where: Optional[Filter]


def search_shards(
    workers: Workers,
    index: Path,
    gradients: numpy.ndarray,
    k: int,
    unit: str = "entity",
    where: Optional[Filter] = None,
) -> SearchResult:
    """Find what ``search`` finds in all shards, each searched by one of the workers.

    index (Path): folder of an index that the workers see too. gradients (float64, queries x P). unit (str): "entity" or
    "token". k, where: as for ``search``.
    RETURNS: as ``search``; rows_seen is the sum over the shards, none of which knows what the others have found.
    """
    opened = _open(Path(index))
    tasks = [SearchTask(Path(index), number, gradients, k, unit, where) for number in range(len(opened.shards))]
    return merge(_table(opened, unit), list(workers.map(search_shard, tasks)), k)


def search_shard(task: SearchTask) -> SearchResult:
    """Search one shard."""
    index = _open(task.index)
    return search(
        _table(index, task.unit).only(task.shard), CurvedQueries(index.metric, task.gradients), task.k, task.where
    )


def merge(table: Table, results: list[SearchResult], k: int) -> SearchResult:
    """Keep the k best of several results for the same queries; equal scores are ordered by document and token."""
    sides = []
    for name, sign in (("supporting", 1.0), ("opposing", -1.0)):
        rows = numpy.concatenate([getattr(result, name).rows for result in results], axis=1)
        scores = numpy.concatenate([getattr(result, name).scores for result in results], axis=1)
        places = numpy.where(rows >= 0, table.places(numpy.maximum(rows, 0).ravel()).reshape(rows.shape), 0)
        order = numpy.lexsort((places, -sign * scores), axis=1)[:, :k]
        sides.append(Hits(numpy.take_along_axis(rows, order, 1), numpy.take_along_axis(scores, order, 1)))
    return SearchResult(sides[0], sides[1], numpy.sum([result.rows_seen for result in results], axis=0))


def _table(index: Index, unit: str) -> Table:
    return index.segments if unit == "entity" else index.tokens


@lru_cache(maxsize=2)
def _open(folder: Path) -> Index:
    return Index(folder)

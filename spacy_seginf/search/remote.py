"""Searching the shards of an index where they are, and merging what was found."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Optional

import numpy

from ..errors import Errors
from ..index.index import Index
from ..index.manifest import MANIFEST
from ..index.tables import Filter, Table
from ..parallel import Workers
from .bounded import TIE, Hits, SearchResult, search
from .explainer import rows_of
from .queries import CurvedQueries


@dataclass(frozen=True)
class SearchTask:
    """A search of one shard. index (Path): its folder, on shared storage. checksum (int): of its manifest. gradients
    (float64, queries x P): minus the gradients of the conditional losses. unit (str): "entity" or "token"."""

    index: Path
    checksum: int
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
    RAISES (ValueError): S039 if the index was replaced meanwhile.
    """
    folder = Path(index)
    checksum = _checksum(folder)
    opened = _open(folder, checksum)
    tasks = [SearchTask(folder, checksum, number, gradients, k, unit, where) for number in range(len(opened.shards))]
    results = list(workers.map(search_shard, tasks))
    return merge(rows_of(opened, unit), results, CurvedQueries(opened.metric, gradients).norms(), k)


def search_shard(task: SearchTask) -> SearchResult:
    """Search one shard."""
    index = _open(task.index, task.checksum)
    table = rows_of(index, task.unit).only(task.shard)
    return search(table, CurvedQueries(index.metric, task.gradients), task.k, task.where)


def merge(table: Table, results: list[SearchResult], norms: numpy.ndarray, k: int) -> SearchResult:
    """Keep the k best of several results for the same queries; equal scores are ordered by document and token.

    norms (float64, queries): of the queries. Scores of equals that come from several shards may differ by rounding.
    """
    largest = max((float(part.norms[0]) for part in table.parts if len(part)), default=0.0)
    gaps = TIE * norms[:, None] * largest
    sides = []
    for name, sign in (("supporting", 1.0), ("opposing", -1.0)):
        rows = numpy.concatenate([getattr(result, name).rows for result in results], axis=1)
        scores = numpy.concatenate([getattr(result, name).scores for result in results], axis=1)
        places = numpy.where(rows >= 0, table.places(numpy.maximum(rows, 0).ravel()).reshape(rows.shape), 0)
        falling = numpy.argsort(-sign * scores, axis=1, kind="stable")
        falls = numpy.diff(sign * numpy.take_along_axis(scores, falling, 1), axis=1, prepend=numpy.inf) < -gaps
        groups = numpy.cumsum(falls | (numpy.take_along_axis(rows, falling, 1) < 0), axis=1)
        order = numpy.lexsort((numpy.take_along_axis(places, falling, 1), groups), axis=1)[:, :k]
        order = numpy.take_along_axis(falling, order, 1)
        sides.append(Hits(numpy.take_along_axis(rows, order, 1), numpy.take_along_axis(scores, order, 1)))
    return SearchResult(sides[0], sides[1], numpy.sum([result.rows_seen for result in results], axis=0))


def _checksum(folder: Path) -> int:
    """Return the CRC-32 of a manifest; 0 if there is none."""
    path = folder / MANIFEST
    return zlib.crc32(path.read_bytes()) if path.exists() else 0


@lru_cache(maxsize=2)
def _open(folder: Path, checksum: int) -> Index:
    """Open an index; a worker keeps it for further searches, until another one is in its place."""
    index = Index(folder)
    if _checksum(folder) != checksum:
        raise ValueError(Errors.S039.format(path=folder))
    return index

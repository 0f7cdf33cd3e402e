"""The scan of all rows of an index: what its search is measured against."""

from __future__ import annotations

from typing import Callable

import numpy

from spacy_seginf.index.dense import best_rows
from spacy_seginf.index.queries import Factors
from spacy_seginf.index.search import SearchedTable, SearchResult

CHUNK = 4096  # rows scored at once


def dense_scan(table: SearchedTable, scores: Callable[[Factors], numpy.ndarray], count: int, k: int) -> SearchResult:
    """Find the k rows with the highest positive and the k with the lowest negative scores of every query, by a scan.

    scores (Callable): scores some rows for all queries (floats, queries x rows). count (int): how many queries.
    """
    rows = []
    blocks = [numpy.zeros((count, 0))]
    for number, part in enumerate(table.parts):
        chosen = numpy.arange(len(part))
        for start in range(0, len(chosen), CHUNK):
            block = chosen[start : start + CHUNK]
            factors = part.factors(slice(start, start + len(block)))
            blocks.append(numpy.asarray(scores(factors), dtype=numpy.float64))
        rows.append(chosen + table.first_rows[number])
    everything = numpy.concatenate(rows) if rows else numpy.zeros(0, dtype=numpy.int64)
    return best_rows(table, everything, numpy.concatenate(blocks, axis=1), k)

"""Open an index and search it once, in a fresh process: milliseconds, and resident memory before and after.

python -m experiments.speed.opening INDEX QUERIES.npy
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy

from spacy_seginf.index.index import Index
from spacy_seginf.index.queries import CurvedQueries
from spacy_seginf.index.search import search


def resident() -> float:
    """Return the resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    folder, gradients = Path(sys.argv[1]), numpy.load(sys.argv[2])
    before = resident()
    start = time.perf_counter()
    index = Index(folder)
    opened = 1000 * (time.perf_counter() - start)
    after_opening = resident()
    queries = CurvedQueries(index.metric, gradients.astype(numpy.float64))
    with_metric = resident()
    start = time.perf_counter()
    search(index.tokens, queries, 10)
    first = 1000 * (time.perf_counter() - start)
    figures = {
        "open_ms": opened,
        "open_mb": after_opening - before,
        "metric_mb": with_metric - after_opening,
        "search_mb": resident() - with_metric,
        "first_search_ms": first,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

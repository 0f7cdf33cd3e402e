"""Let methods score queries, and take the time and the space that they need."""

from __future__ import annotations

import time
from typing import Callable, Optional, Sequence

import numpy

from ..errors import Errors
from ..methods.interface import Attribution, Context, Texts
from .method_blocks import MethodBlock
from .store import Store

Scored = tuple[numpy.ndarray, dict[str, float]]
Finished = Callable[[str], None]


def attribute(
    context: Context, blocks: Sequence[MethodBlock], queries: dict[str, Texts], store: Store, finished: Finished
) -> dict[str, dict[str, Scored]]:
    """Score all training segments for several sets of queries by several methods; what the store has is not repeated.

    finished (Callable): told the name of each method that is done.
    RETURNS: by method and set, scores (float64, queries x segments) and costs: prepare_seconds, ms_per_query and
        bytes_per_segment.
    RAISES (ValueError): S104 for scores that are of another shape, or not finite.
    """
    found: dict[str, dict[str, Scored]] = {}
    for block in blocks:
        ready: Optional[Attribution] = None
        prepared = 0.0
        found[block.name] = {}
        for name, texts in queries.items():
            kept = store.scores(block.key, name)
            if kept is None:
                if ready is None:
                    start = time.perf_counter()
                    ready = block.method.prepare(context)
                    prepared = time.perf_counter() - start
                kept = _score(block.name, ready, texts, len(context.training))
                kept[1]["prepare_seconds"] = prepared
                store.keep_scores(block.key, name, *kept)
            found[block.name][name] = kept
        finished(block.name)
    return found


def _score(name: str, ready: Attribution, queries: Texts, segments: int) -> Scored:
    start = time.perf_counter()
    scores = numpy.asarray(ready.scores(queries), dtype=numpy.float64)
    seconds = time.perf_counter() - start
    if scores.shape != (len(queries), segments):
        what = f"their shape is {scores.shape} instead of {(len(queries), segments)}"
        raise ValueError(Errors.S104.format(name=name, what=what))
    if not numpy.isfinite(scores).all():
        what = f"{int((~numpy.isfinite(scores)).sum())} are not finite"
        raise ValueError(Errors.S104.format(name=name, what=what))
    costs = {"ms_per_query": 1000.0 * seconds / len(queries), "bytes_per_segment": float(ready.bytes_per_segment)}
    return scores, costs

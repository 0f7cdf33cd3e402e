"""Let methods score queries, and take the time and the space that they need."""

from __future__ import annotations

import time
from typing import Callable, Sequence

import numpy

from ..attribution.method import Attribution, Context, Texts
from ..errors import Errors, SeginfError
from .method_blocks import MethodBlock
from .problem import join
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
        count = len(context.training)
        kept = {name: store.scores(block.key, name, (len(own), count)) for name, own in queries.items()}
        missing = [name for name, scored in kept.items() if scored is None]
        if missing:
            start = time.perf_counter()
            ready = block.method.prepare(context)
            prepared = time.perf_counter() - start
            # All at once: some methods read the whole training corpus however few queries there are.
            scores, costs = _score(block.name, ready, join([queries[name] for name in missing]), count)
            costs["prepare_seconds"] = prepared
            ends = numpy.cumsum([len(queries[name]) for name in missing])[:-1]
            for name, own in zip(missing, numpy.split(scores, ends)):
                kept[name] = own, costs
                store.keep_scores(block.key, name, own, costs)
        found[block.name] = {name: scored for name, scored in kept.items() if scored is not None}
        finished(block.name)
    return found


def _score(name: str, ready: Attribution, queries: Texts, segments: int) -> Scored:
    start = time.perf_counter()
    scores = numpy.asarray(ready.scores(queries), dtype=numpy.float64)
    seconds = time.perf_counter() - start
    if scores.shape != (len(queries), segments):
        what = f"their shape is {scores.shape} instead of {(len(queries), segments)}"
        raise SeginfError(Errors.S104.format(name=name, what=what))
    if not numpy.isfinite(scores).all():
        what = f"{int((~numpy.isfinite(scores)).sum())} are not finite"
        raise SeginfError(Errors.S104.format(name=name, what=what))
    costs = {"ms_per_query": 1000.0 * seconds / len(queries), "bytes_per_segment": float(ready.bytes_per_segment)}
    return scores, costs

"""The one training segment that supports a query most and the one that opposes it most, by any attribution method, with
few training segments in memory at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

import numpy

from spacy_seginf.attribution.method import Context, Method, Texts
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.explanation.explainer import Explainer

CHUNK = 4096  # training segments scored at a time: their gradients are written out


def scan_in_chunks(
    method: Method, context: Context, queries: Texts, progress: Progress, chunk: int = CHUNK
) -> Iterator[tuple[int, numpy.ndarray]]:
    """Score all training segments with few of their gradients in memory at a time; only for methods whose scores do not
    depend on what is scored beside.

    context (Context): its training segments are scored. queries (Texts).
    YIELDS: the number of the first segment of a chunk, and scores (float64, queries x segments of the chunk).
    """
    training = context.training
    starts = range(0, len(training), chunk)
    for start in progress(starts, desc=method.name.capitalize(), total=len(starts), unit="chunk"):
        part = replace(training, segments=training.segments[start : start + chunk])
        yield start, method.prepare(replace(context, training=part)).scores(queries)


def top_references(
    method: Method, context: Context, queries: Texts, progress: Progress, chunk: int = CHUNK
) -> numpy.ndarray:
    """Find the strongest references among all training segments; see ``scan_in_chunks``.

    RETURNS (int64, queries x 2): number of the training segment with the highest positive score, and of that with the
        lowest negative one; -1 where there is none. The first of equals counts.
    """
    rows = numpy.full((len(queries), 2), -1, dtype=numpy.int64)
    best = numpy.zeros((len(queries), 2))
    numbers = numpy.arange(len(queries))
    for start, scores in scan_in_chunks(method, context, queries, progress, chunk):
        for side, signed in enumerate((scores, -scores)):
            first = signed.argmax(axis=1)
            better = signed[numbers, first] > best[:, side]
            rows[better, side] = start + first[better]
            best[better, side] = signed[numbers, first][better]
    return rows


def searched_references(explainer: Explainer, queries: Texts) -> numpy.ndarray:
    """Ask an index for the training tokens with the largest effects.

    RETURNS (int64, queries x 2): numbers of training tokens in document order, as ``top_references``.
    """
    starts = explainer.index.data.starts
    found = explainer.explain(queries.data, queries.labels, queries.segments, "token", 1)

    def number(entries: list) -> int:
        if not entries:
            return -1
        document, start, _ = explainer.table("token").segment(entries[0].row)
        return int(starts[document]) + start

    rows = [[number(each.supporting), number(each.opposing)] for each in found]
    return numpy.array(rows, dtype=numpy.int64).reshape(-1, 2)

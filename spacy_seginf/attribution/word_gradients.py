"""Gradients of the conditional losses of segments at word embeddings, many segments in one backward pass.

Each segment has a replica of its document in the batch. Of a document only the window that can matter is replicated:
the feature of a token in a convolutional encoder depends on a few tokens on each side, and so do gradients.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Sequence

import numpy

from ..influence.data import HeadData, ranges
from ..influence.head import Head
from .encoder_gradients import Encoder, Text, Window
from .method import Texts
from .stages import Stage
from .word_rows import WordGradients
from .word_tables import Entries

BATCH_TOKENS = 1024  # larger batches leave the processor's cache


class Words(NamedTuple):
    """Entries of some segments, by table, and the names of the tables."""

    names: list[str]
    tables: list[Entries]


def word_gradients(
    stage: Stage,
    encoder: Encoder,
    texts: Texts,
    *,
    subwords: bool = True,
    special_tokens: bool = False,
    batch_tokens: int = BATCH_TOKENS,
) -> Iterator[Words]:
    """Yield minus the gradients of CL with respect to word embeddings, summed over the same word of a segment's text.

    subwords, special_tokens (bool): as for ``Encoder.word_gradients``. batch_tokens (int): tokens of the replicas in a
        batch, at most, unless a single one is longer.
    RAISES (ValueError): S094 if the encoder has no word embeddings.
    """
    docs = encoder.prepare(texts.docs)
    windows = _windows(encoder, texts)
    sizes = windows[:, 1] - windows[:, 0]
    with encoder.word_gradients(subwords=subwords, special_tokens=special_tokens) as run:
        for numbers in _batches(sizes, batch_tokens if encoder.isolated else 0):
            batch = [_text(docs[texts.segments[n, 0]], *windows[n]) for n in numbers.tolist()]
            features, backward = run(batch)
            found = backward(_at_features(stage.head, texts, numbers, windows[numbers], features))
            yield Words([rows.table for rows in found], [_sum_by_word(rows, numbers) for rows in found])


def strongest(tables: Sequence[Entries], limit: Optional[int]) -> list[Entries]:
    """Keep so many entries of each segment, those with the longest vectors among all tables; all if None."""
    if limit is None:
        return list(tables)
    segments = numpy.concatenate([entries.segments for entries in tables])
    norms = numpy.concatenate([numpy.linalg.norm(entries.vectors, axis=1) for entries in tables])
    order = numpy.lexsort((-norms, segments))
    first = numpy.concatenate([[True], numpy.diff(segments[order]) > 0]) if len(order) else numpy.zeros(0, bool)
    rank = numpy.arange(len(order)) - numpy.maximum.accumulate(numpy.where(first, numpy.arange(len(order)), 0))
    kept = numpy.zeros(len(order), dtype=bool)
    kept[order[rank < limit]] = True
    result, start = [], 0
    for entries in tables:
        own = kept[start : start + len(entries.segments)]
        result.append(Entries(*(array[own] for array in entries)))
        start += len(own)
    return result


def _windows(encoder: Encoder, texts: Texts) -> numpy.ndarray:
    """Return which tokens of its document each segment needs (int64, n x 2), neighbours with held labels included."""
    lengths = numpy.asarray(texts.data.lengths, dtype=numpy.int64)[texts.segments[:, 0]]
    if encoder.reach is None:
        return numpy.stack([numpy.zeros_like(lengths), lengths], axis=1)
    reach = max(encoder.reach, 1)
    starts = numpy.maximum(texts.segments[:, 1] - reach, 0)
    return numpy.stack([starts, numpy.minimum(texts.segments[:, 2] + reach, lengths)], axis=1)


def _batches(sizes: numpy.ndarray, tokens: int) -> Iterator[numpy.ndarray]:
    """Yield numbers of replicas of about the same size, the longest first, as many as fit."""
    order = numpy.argsort(-sizes, kind="stable")
    start = 0
    while start < len(order):
        count = max(1, tokens // int(sizes[order[start]]))
        yield order[start : start + count]
        start += count


def _text(doc: Text, start: int, end: int) -> Text:
    assert not isinstance(doc, Window)
    return doc if end - start == len(doc) else Window(doc, int(start), int(end))


def _at_features(
    head: Head,
    texts: Texts,
    numbers: numpy.ndarray,
    windows: numpy.ndarray,
    features: Sequence[numpy.ndarray],
) -> list[numpy.ndarray]:
    """Return minus the gradients of the losses of some segments at the features of their replicas."""
    documents, starts, ends = texts.segments[numbers].T
    lengths = windows[:, 1] - windows[:, 0]
    rows = texts.data.rows_of(numpy.column_stack([documents, windows]))
    inside = numpy.stack([numpy.arange(len(numbers)), starts - windows[:, 0], ends - windows[:, 0]], axis=1)
    data = HeadData(numpy.concatenate(features), texts.data.allowed[rows], lengths.tolist())
    factors = Texts([], data, texts.labels[rows], inside).chains(head).factors()
    result = numpy.zeros_like(data.features)
    result[ranges(data.starts + inside[:, 1], ends - starts)] = factors.residuals @ head.weights
    return numpy.split(result, data.starts[1:])


def _sum_by_word(rows: WordGradients, numbers: numpy.ndarray) -> Entries:
    """Add up the rows of the same word of the same text; words without a gradient are left out."""
    touched = numpy.flatnonzero(rows.gradients.any(axis=1))
    order = touched[numpy.lexsort((rows.keys[touched], rows.texts[touched]))]
    texts, keys = rows.texts[order], rows.keys[order]
    if not len(order):
        return Entries(numbers[texts], keys, rows.gradients[order])
    first = numpy.flatnonzero(numpy.concatenate([[True], (numpy.diff(texts) > 0) | (keys[1:] != keys[:-1])]))
    sums = numpy.add.reduceat(rows.gradients[order], first, axis=0)
    return Entries(numbers[texts[first]], keys[first], sums)

"""An index of many rows, made by resampling the documents of a real one with jitter, for latency and memory."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Iterator

import numpy

from spacy_seginf.index.documents import Documents, Source, write_documents
from spacy_seginf.index.head import write_head
from spacy_seginf.index.index import Index
from spacy_seginf.index.manifest import write_manifest
from spacy_seginf.index.writing import write_rows
from spacy_seginf.indexing.build import add_shard, shard_name
from spacy_seginf.influence.factors import TokenFactors, squared_norms
from spacy_seginf.influence.leverage_bounds import NEGLIGIBLE, token_leverage_bounds
from spacy_seginf.influence.rows import SegmentRows, TokenRows
from spacy_seginf.influence.segments import SegmentFactors

JITTER = 0.02  # standard deviation of features, in shares of theirs, and of the logarithm of residuals
CHUNK = 1024


def resample(index: Index, folder: Path, rows: int, seed: int = 0) -> Index:
    """Draw documents with replacement until there are so many tokens, jitter them, and write an index of them.

    Norms are computed anew in the metric of the index; labels of negligible leverage get the bound that a build gives.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng(seed)
    manifest = replace(
        index.manifest, build="resampled", shards=[], files={}, rows=0, segments=0, documents=0, tokens=0
    )
    write_head(folder, index.head, index.metric)
    total, number = 0, 0
    while total < rows:
        source = number % len(index.shards)
        encoded = folder.parent / f"{folder.name}-encoded"
        shutil.rmtree(encoded, ignore_errors=True)
        count = _write_shard(index, source, encoded, folder / shard_name(number), generator, rows - total)
        facts = count
        add_shard(manifest, folder, {"name": shard_name(number), "build": "resampled", **facts})
        total, number = total + facts["tokens"], number + 1
        shutil.rmtree(encoded)
    write_manifest(folder, manifest)
    return Index(folder)


def _write_shard(
    index: Index, number: int, encoded: Path, folder: Path, generator: numpy.random.Generator, limit: int
) -> dict:
    shard, order = index.shards[number], index.orders[number]
    starts = shard.token_starts
    drawn = generator.integers(len(starts) - 1, size=len(starts) - 1)
    lengths = numpy.diff(starts)[drawn]
    drawn = drawn[: int(numpy.searchsorted(numpy.cumsum(lengths), limit)) + 1]
    tokens = numpy.concatenate([numpy.arange(starts[d], starts[d + 1]) for d in drawn])
    places = order[tokens]
    features = shard.features("features")[places]
    features += (JITTER * features.std(axis=0)) * generator.normal(size=features.shape).astype(numpy.float32)
    loudness = numpy.exp(JITTER * generator.normal(size=(len(tokens), 1)))
    residuals = (shard["residuals"][:][places] * loudness).astype(numpy.float32)
    labels = shard["labels"][:][places]
    allowed = labels[:, 1:2] == numpy.arange(len(index.manifest.tags))
    ends = numpy.cumsum(numpy.diff(starts)[drawn])
    bounds = list(zip((ends - numpy.diff(starts)[drawn]).tolist(), ends.tolist()))
    offsets = shard["token_offsets"][:].tolist()
    sources = [
        Source(
            f"{shard.texts('ids')[int(d)]}-{n}",
            shard.texts("texts")[int(d)],
            offsets[starts[d] : starts[d + 1]],
            allowed[a:b],
        )
        for n, (d, (a, b)) in enumerate(zip(drawn, bounds))
    ]
    vectors: Iterator[tuple[int, numpy.ndarray]] = ((n, features[a:b]) for n, (a, b) in enumerate(bounds))
    write_documents(encoded, "resampled", sources, vectors, index.manifest.dtype)
    documents = Documents(encoded)
    stored = documents.data.features[:]
    factors = TokenFactors(stored, residuals, labels[:, 0].astype(numpy.int64), labels[:, 2].astype(numpy.int64))
    norms = numpy.sqrt(squared_norms(factors)) * index.manifest.largest_gain
    if index.manifest.curvature != "identity":
        leverages = token_leverage_bounds(factors, index.manifest.largest_gain)
        uncertain = numpy.flatnonzero(leverages > NEGLIGIBLE)
        for start in range(0, len(uncertain), CHUNK):
            chosen = uncertain[start : start + CHUNK]
            matrices = index.metric.leverage(factors[chosen])
            values = residuals[chosen].astype(numpy.float64)
            norms[chosen] = numpy.sqrt(numpy.einsum("na,nab,nb->n", values, matrices, values))
    nothing = numpy.zeros(len(tokens))
    size = residuals.shape[1]
    empty = SegmentFactors(stored[:0], residuals[:0], numpy.zeros((0, size, size)), numpy.zeros(0, dtype=numpy.int64))
    none, pairs = numpy.zeros(0), numpy.zeros((0, 2), dtype=numpy.int64)
    segments = SegmentRows(empty, numpy.zeros((0, 3), dtype=numpy.int64), pairs, none, none, none)
    found = TokenRows(labels.astype(numpy.int64), residuals, norms, norms, nothing, nothing)
    return write_rows(folder, documents, found, segments, "resampled", index.manifest.dtype)

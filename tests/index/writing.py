"""Indexes of random gradients, written shard by shard as a build does."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy

from spacy_seginf.index.documents import Documents, Source, write_documents
from spacy_seginf.index.head import write_head
from spacy_seginf.index.manifest import Manifest, write_manifest
from spacy_seginf.index.writing import write_rows
from spacy_seginf.indexing.build import add_shard, shard_name
from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.factors import TokenFactors, squared_norms
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.rows import SegmentRows, TokenRows
from spacy_seginf.influence.segments import SegmentFactors

from ..influence.rows import random_factors

TAGS = ["O", "B-PER", "I-PER"]
WIDTH = 5
TEXTS = ["Ada met Bo .", "", "It rained all night in Tarnby .", "Bo left ."]
PARAMETERS = len(TAGS) * WIDTH + len(TAGS) ** 2
# Astral letters, a combining mark, a right-to-left word, a lone surrogate, control characters.
STRANGE = [
    "\U0001d518\U0001d52b\U0001d526 code",
    "e\u0301lan vital",
    "שלום oslo",
    "half \ud83d pair",
    "nul\x00 bell\x07",
]


class Written(NamedTuple):
    """What was written: offsets, factors and labels of each document, and the segments of each shard."""

    documents: list
    segments: list


def new_manifest(**settings):
    values = {"tagger": "crf_tagger", "scheme": "BIO", "tags": TAGS, "curvature": "exact", "build": "b"}
    return Manifest(**{**values, "head_fingerprint": "h", "encoder_fingerprint": "e", **settings})


def offsets_of(text):
    offsets, start = [], 0
    for word in text.split(" "):
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets if text else []


def neighbours_of(labels):
    """Labels of each token's left neighbour, of itself, and of its right one."""
    padded = numpy.concatenate([[-1], labels, [-1]])
    return numpy.stack([padded[:-2], padded[1:-1], padded[2:]], axis=1)


def random_metric(generator):
    root = generator.normal(size=(PARAMETERS, PARAMETERS))
    return ExactCurvature(root @ root.T, len(TAGS), WIDTH)


def write(
    folder,
    texts,
    *,
    ids=None,
    known=None,
    first_tokens=None,
    seed=0,
    manifest=None,
    metric=None,
    dtype="float32",
    by_shard=None,
    floors=(-1.0, -1.0),
):
    """Write texts (tokens between spaces) with random gradients, some to a shard; return those in document order.

    The first two tokens of each text are a segment too, which could be a missing entity in every other text.
    """
    generator = numpy.random.default_rng(seed)
    manifest = manifest or new_manifest(dtype=dtype, width=WIDTH - 1)
    folder.mkdir(parents=True, exist_ok=True)
    texts, size = list(texts), by_shard or len(texts)
    documents, segments = [], []
    for shard, start in enumerate(range(0, len(texts), size)):
        sources, found = [], []
        for number in range(start, min(start + size, len(texts))):
            text = texts[number]
            offsets = offsets_of(text)
            labels = generator.integers(0, len(TAGS), size=len(offsets))
            drawn = random_factors(generator, len(offsets), len(TAGS), WIDTH - 1)
            triples = neighbours_of(labels)
            residuals = drawn.residuals - drawn.residuals.mean(axis=1, keepdims=True)  # one-hot minus p sums to 0
            factors = TokenFactors(drawn.features, residuals, triples[:, 0], triples[:, 2])
            allowed = labels[:, None] == numpy.arange(len(TAGS))
            if known is not None:
                allowed[~known[number]] = True
            name = f"doc-{number}" if ids is None else ids[number]
            first = 0 if first_tokens is None else first_tokens[number]
            sources.append(Source(name, text, offsets, allowed, first, [(0, f"norm {number}")]))
            documents.append((offsets, factors, triples))
            if len(offsets) > 1:
                found.append((number - start, 0, 2, 0 if number % 2 else 1, 1 if number % 2 else -1))
        rows = _write_shard(folder, shard, sources, documents[start:], found, generator, manifest, dtype, floors)
        segments.append(rows)
    write_head(folder, Head.unpacked(generator.normal(size=PARAMETERS), len(TAGS)), metric or random_metric(generator))
    write_manifest(folder, manifest)
    return Written(documents, segments)


def _write_shard(folder, number, sources, documents, found, generator, manifest, dtype, floors):
    encoded = Path(f"{folder}-encoded") / shard_name(number)
    features = [(place, factors.features) for place, (_, factors, _) in enumerate(documents)]
    generator.shuffle(features)  # the encoder gives long documents first
    write_documents(encoded, "key", sources, features, dtype)
    residuals = numpy.concatenate([factors.residuals for _, factors, _ in documents])
    norms = numpy.concatenate([numpy.sqrt(squared_norms(factors)) for _, factors, _ in documents])
    measures = generator.random((3, len(norms)))
    tokens = TokenRows(numpy.concatenate([d[2] for d in documents]), residuals, norms, *measures)
    table = numpy.array(found, dtype=int).reshape(-1, 5)
    vectors = numpy.concatenate([numpy.zeros((0, WIDTH - 1)), *(documents[row[0]][1].features[:2] for row in found)])
    residuals = generator.normal(size=(len(vectors), len(TAGS)))
    residuals -= residuals.mean(axis=1, keepdims=True)
    pieces = residuals, generator.normal(size=(len(table), 3, 3))
    factors = SegmentFactors(vectors, *pieces, numpy.full(len(table), 2))
    lengths = numpy.linalg.norm(factors.gradients(), axis=1)
    segments = SegmentRows(factors, table[:, :3], table[:, 3:], lengths, *generator.random((2, len(table))))
    shard = folder / encoded.name
    facts = write_rows(shard, Documents(encoded), tokens, segments, manifest.build, dtype, floors)
    add_shard(manifest, folder, {"name": shard.name, "build": manifest.build, **facts})
    return segments

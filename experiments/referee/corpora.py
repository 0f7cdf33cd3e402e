"""Small corpora that can be trained on hundreds of times, and the entities whose losses are watched."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Optional, Sequence

import numpy

from spacy_seginf.crf.schemes import TagScheme

from ..common.reporting import ROOT

MISSING = "-"
WIKIGOLD, EMBEDDED, CONLL = "wikigold", "embedded", "conll2003"
TRAIN, HELD_OUT = 320, 80  # documents that are read of corpora that are read by documents


class Document(NamedTuple):
    """What is weighted and batched as one: an id, tokens, and BIO labels, "-" where one is missing."""

    identifier: str
    tokens: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Corpus:
    """Training documents, and held-out ones whose gold entities are queries.

    dev: queries by which penalties and weights are chosen. test: queries that are reported. No document is in both.
    """

    name: str
    labels: tuple[str, ...]
    train: Sequence[Document]
    dev: Sequence[Document]
    test: Sequence[Document]

    @property
    def scheme(self) -> TagScheme:
        return TagScheme(self.labels, "BIO")

    @property
    def digest(self) -> str:
        """Name the content (hex)."""
        return hashlib.sha256(repr((self.labels, *map(list, (self.train, self.dev, self.test)))).encode()).hexdigest()

    def allowed(self, documents: Sequence[Document]) -> numpy.ndarray:
        """Return the permitted tags (bool, tokens x tags): one, or all where the label is missing."""
        tags = self.scheme.tags
        rows = numpy.eye(len(tags), dtype=bool)
        every = numpy.ones(len(tags), dtype=bool)
        by_label = {tag: rows[number] for number, tag in enumerate(tags)} | {MISSING: every}
        return numpy.array([by_label[label] for document in documents for label in document.labels])

    def entities(self, documents: Sequence[Document]) -> numpy.ndarray:
        """Return gold entities (int64, n x 3: document, start, end)."""
        tags, scheme = self.scheme.tags, self.scheme
        found = [
            (number, start, end)
            for number, document in enumerate(documents)
            for start, end, _ in scheme.entities([tags.index(label) for label in document.labels])
        ]
        return numpy.array(found, dtype=numpy.int64).reshape(-1, 3)

    def first(self, documents: int) -> Corpus:
        """Return a smaller corpus, for quick runs."""
        parts = {name: getattr(self, name)[:documents] for name in ("train", "dev", "test")}
        return replace(self, **parts)


def read_corpus(name: str, data: Optional[Path]) -> Corpus:
    """Read wikigold by sentences, as its hundred documents are too few to draw from, and some documents of others."""
    sentences = name == WIKIGOLD
    if name == EMBEDDED:
        folder = ROOT / "assets" / "corpus"
    elif data is not None:
        folder = Path(data) / name
    else:
        raise SystemExit(f"Name the folder with {name} by --data or $SEGINF_DATA")
    train = [part for own in _read(folder / "train.jsonl.gz", sentences) for part in own]
    held = _read(folder / "dev.jsonl.gz", sentences)
    if not sentences:
        train, held = train[:TRAIN], held[:HELD_OUT]
    labels = tuple(sorted({label[2:] for document in train for label in document.labels if label[0] in "BI"}))
    dev, test = ([part for own in held[half::2] for part in own] for half in (0, 1))
    return Corpus(name, labels, train, dev, test)


def _read(path: Path, sentences: bool) -> list[list[Document]]:
    """Read documents, each as the parts that are trained on as one."""
    found = []
    with gzip.open(path, "rt", encoding="utf8") as lines:
        for record in map(json.loads, lines):
            tokens, labels = record["tokens"], record["labels"]
            bounds = [*record["sent_starts"], len(tokens)] if sentences else [0, len(tokens)]
            found.append(
                [
                    Document(f"{record['id']}:{start}", tokens[start:end], labels[start:end])
                    for start, end in zip(bounds, bounds[1:])
                ]
            )
    return found

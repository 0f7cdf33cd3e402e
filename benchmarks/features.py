"""Frozen token features of CoNLL-2003 sentences: of a fine-tuned transformer, or of words."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from prepare import CACHE, checkpoint, corpus, transformer_path

from spacy_seginf.influence.fit import HeadData

EMBEDDING_SIZE = 50
TAGS = ("O", *(f"{prefix}-{label}" for label in ("LOC", "MISC", "ORG", "PER") for prefix in "BI"))


@dataclass(frozen=True)
class Sentences:
    """Sentences of a split with their features.

    features (float32, tokens x d), labels (int64, tokens), bounds (int64, sentences x 2): rows of each sentence.
    """

    features: numpy.ndarray
    labels: numpy.ndarray
    bounds: numpy.ndarray

    def sample(self, count: int, generator: numpy.random.Generator) -> tuple[HeadData, numpy.ndarray]:
        """Draw sentences without replacement; return them as head data, and their labels."""
        chosen = self.bounds[generator.permutation(len(self.bounds))[:count]]
        rows = numpy.concatenate([numpy.arange(start, end) for start, end in chosen])
        labels = self.labels[rows]
        lengths = (chosen[:, 1] - chosen[:, 0]).tolist()
        return HeadData(self.features[rows], labels[:, None] == numpy.arange(len(TAGS)), lengths), labels


def transformer_sentences(split: str, data: Path) -> Sentences:
    """Encode whole documents with the fine-tuned checkpoint (cached), and cut them into sentences."""
    model = checkpoint("transformer", 0, data)
    path = CACHE / f"features-{model.parent.name}-{split}.npy"
    documents = _documents(split, data)
    if not path.exists():
        numpy.save(path, _encode(model, corpus(data, split)), allow_pickle=False)
    return _sentences(numpy.load(path, allow_pickle=False), documents)


def word_sentences(split: str, data: Path) -> Sentences:
    """Static word features: mean input embedding of a word's pieces, reduced to 50 principal components of the training
    words, and the shape of the word and of its neighbours (capitals, digits, punctuation, edge of the sentence)."""
    table = _WordTable(data)
    documents = _documents(split, data)
    words = [word for document in documents for word in document["tokens"]]
    embedded = numpy.stack([table.vectors[word] for word in words])
    shapes = numpy.array([_shape(word) for word in words], dtype=numpy.float32)
    bounds = _bounds(documents)
    left, right = (numpy.zeros((len(words), shapes.shape[1] + 1), dtype=numpy.float32) for _ in range(2))
    for start, end in bounds:
        left[start + 1 : end, :-1], right[start : end - 1, :-1] = shapes[start : end - 1], shapes[start + 1 : end]
        left[start, -1] = right[end - 1, -1] = 1.0
    features = numpy.concatenate([embedded, shapes, left, right], axis=1).astype(numpy.float32)
    return Sentences(features, _labels(documents), bounds)


class _WordTable:
    """Vectors of all words of train and dev."""

    def __init__(self, data: Path) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(transformer_path())
        with torch.no_grad():
            pieces = AutoModel.from_pretrained(transformer_path()).get_input_embeddings().weight.numpy()
        train, dev = ({w for d in _documents(split, data) for w in d["tokens"]} for split in ("train", "dev"))
        words = sorted(train | dev)
        rows = numpy.stack(
            [pieces[tokenizer(word, add_special_tokens=False)["input_ids"]].mean(axis=0) for word in words]
        )
        known = numpy.array([word in train for word in words])
        centre = rows[known].mean(axis=0)
        _, strengths, directions = numpy.linalg.svd(rows[known] - centre, full_matrices=False)
        scale = numpy.sqrt(known.sum()) / strengths[0]
        reduced = (rows - centre) @ directions[:EMBEDDING_SIZE].T * scale
        self.vectors = dict(zip(words, reduced.astype(numpy.float32)))


def _shape(word: str) -> list[bool]:
    return [
        word.istitle(),
        word.isupper() and len(word) > 1,
        word[:1].isupper(),
        word.isdigit(),
        any(character.isdigit() for character in word),
        "-" in word,
        "." in word,
        not any(character.isalnum() for character in word),
    ]


def _documents(split: str, data: Path) -> list[dict[str, Any]]:
    with gzip.open(data / "conll2003" / f"{split}.jsonl.gz", "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def _labels(documents: list[dict[str, Any]]) -> numpy.ndarray:
    return numpy.array([TAGS.index(label) for document in documents for label in document["labels"]])


def _bounds(documents: list[dict[str, Any]]) -> numpy.ndarray:
    offset, bounds = 0, []
    for document in documents:
        edges = [*document["sent_starts"], len(document["tokens"])]
        bounds += [(offset + start, offset + end) for start, end in zip(edges, edges[1:])]
        offset += len(document["tokens"])
    return numpy.array(bounds, dtype=numpy.int64)


def _sentences(features: numpy.ndarray, documents: list[dict[str, Any]]) -> Sentences:
    labels = _labels(documents)
    assert len(labels) == len(features)
    return Sentences(features, labels, _bounds(documents))


def _encode(model: Path, documents: Path) -> numpy.ndarray:
    import spacy
    from spacy.util import minibatch

    from spacy_seginf.pipeline.corpus import read_corpus
    from spacy_seginf.pipeline.encoding import encode

    nlp = spacy.load(model)
    tagger: Any = nlp.get_pipe("crf_tagger")
    assert tagger.tags == TAGS
    texts = [text.example.predicted for text in read_corpus(nlp, documents)]
    return numpy.concatenate([rows for batch in minibatch(texts, 64) for rows in encode(nlp, tagger, batch)])

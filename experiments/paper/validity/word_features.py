"""Frozen features of words for a linear tagger: static embeddings, and shapes of a word and of its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Iterable, Mapping, Optional, Sequence

import numpy
import scipy.linalg

from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.linear_algebra import first_that_works

Records = Sequence[Mapping[str, Any]]  # documents with tokens, labels and sent_starts


@dataclass(frozen=True)
class Sentences:
    """Sentences of a corpus with their features.

    features (float32, tokens x d), labels (int64, tokens; positions in tags), bounds (int64, sentences x 2): rows of
    each sentence. tags (tuple of str).
    """

    features: numpy.ndarray
    labels: numpy.ndarray
    bounds: numpy.ndarray
    tags: tuple[str, ...]

    @classmethod
    def of(cls, features: numpy.ndarray, documents: Records, tags: tuple[str, ...], key: str = "labels") -> Sentences:
        """Put features (all tokens) beside the labels of documents. key (str): which labels."""
        labels = numpy.array(
            [tags.index(label) for document in documents for label in document[key]], dtype=numpy.int64
        )
        assert len(labels) == len(features)
        return cls(features, labels, sentence_bounds(documents), tags)

    def shorter_than(self, tokens: int) -> Sentences:
        """Keep the sentences of fewer tokens."""
        return replace(self, bounds=self.bounds[self.bounds[:, 1] - self.bounds[:, 0] < tokens])

    def sample(self, count: int, generator: numpy.random.Generator) -> tuple[HeadData, numpy.ndarray]:
        """Draw sentences without replacement; return them as head data, and their labels."""
        chosen = self.bounds[generator.permutation(len(self.bounds))[:count]]
        rows = numpy.concatenate([numpy.arange(start, end) for start, end in chosen])
        labels = self.labels[rows]
        lengths = (chosen[:, 1] - chosen[:, 0]).tolist()
        return HeadData(self.features[rows], labels[:, None] == numpy.arange(len(self.tags)), lengths), labels


def sentence_bounds(documents: Records) -> numpy.ndarray:
    """Return the first row of each sentence and the one behind its last (int64, sentences x 2)."""
    offset, bounds = 0, []
    for document in documents:
        edges = [*document["sent_starts"], len(document["tokens"])]
        bounds += [(offset + start, offset + end) for start, end in zip(edges, edges[1:])]
        offset += len(document["tokens"])
    return numpy.array(bounds, dtype=numpy.int64).reshape(-1, 2)


def static_vectors(
    training: Iterable[str], others: Iterable[str], transformer: str, size: int
) -> dict[str, numpy.ndarray]:
    """Return a vector (float32, size) for each word: the mean input embedding of its word pieces, on the principal
    components of the training words, the first of which has variance 1.

    training, others (iterables of str): words; only the former decide on the components.
    transformer (str): a model's name or folder. RAISES (OSError): if there is none.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(transformer)
    with torch.no_grad():
        pieces = AutoModel.from_pretrained(transformer).get_input_embeddings().weight.numpy()
    seen = set(training)
    words = sorted(seen | set(others))
    numbers = (tokenizer(word, add_special_tokens=False)["input_ids"] for word in words)
    rows = numpy.stack([pieces[found or [tokenizer.unk_token_id]].mean(axis=0) for found in numbers])
    known = numpy.array([word in seen for word in words])
    centre = rows[known].mean(axis=0)
    strengths, directions = principal_directions(rows[known] - centre)
    scale = numpy.sqrt(known.sum()) / strengths[0]
    reduced = (rows - centre) @ directions[:size].T * scale
    return dict(zip(words, reduced.astype(numpy.float32)))


def word_features(
    documents: Records, vectors: Mapping[str, numpy.ndarray], flags: Optional[numpy.ndarray] = None
) -> numpy.ndarray:
    """Return features of all tokens (float32, tokens x d): the word's vector and shape (capitals, digits, punctuation),
    and the shapes of its neighbours or that the sentence begins or ends here.

    flags (floats, tokens x n): what else is known of a word; it goes with the shapes, also those of neighbours.
    """
    words = [word for document in documents for word in document["tokens"]]
    embedded = numpy.stack([vectors[word] for word in words])
    shapes = numpy.array([_shape(word) for word in words], dtype=numpy.float32)
    if flags is not None:
        shapes = numpy.concatenate([shapes, flags], axis=1)
    left, right = (numpy.zeros((len(words), shapes.shape[1] + 1), dtype=numpy.float32) for _ in range(2))
    for start, end in sentence_bounds(documents):
        left[start + 1 : end, :-1], right[start : end - 1, :-1] = shapes[start : end - 1], shapes[start + 1 : end]
        left[start, -1] = right[end - 1, -1] = 1.0
    return numpy.concatenate([embedded, shapes, left, right], axis=1).astype(numpy.float32)


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


def principal_directions(rows: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return singular values (floats, k), largest first, and right singular vectors (floats, k x d) of rows.

    rows (floats, n x d): k is the smaller of n and d. RAISES (ValueError): S209 if no routine finds them.
    """
    return first_that_works(
        lambda: numpy.linalg.svd(rows, full_matrices=False)[1:],
        lambda: scipy.linalg.svd(rows, full_matrices=False, lapack_driver="gesvd")[1:],
        what="the principal directions of features",
    )

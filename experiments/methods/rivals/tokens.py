"""A tagger's head as what libraries for classifiers know: examples, a linear layer, cross-entropy.

The example is a token whose neighbours are held at their labels y- and y+. A linear layer on its features F, a
constant 1 and the two labels in one-hot form (zeros where there is no neighbour) has the very logits of the token's
conditional p:

    logits = W F + b + T[y-, .] + T[., y+]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import torch

from spacy_seginf.attribution.method import Texts
from spacy_seginf.influence.data import HeadData, ranges
from spacy_seginf.influence.head import Head


@dataclass(frozen=True)
class Tokens:
    """Tokens of segments, one segment after another; a segment's score is the sum over its tokens.

    inputs (float32, tokens x (d + 1 + 2 labels)): features, 1, left label, right label. labels (int64, tokens).
    lengths (int64, segments): tokens of each.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    lengths: numpy.ndarray

    @classmethod
    def of_segments(cls, texts: Texts) -> Tokens:
        """Take the tokens of all segments, each at the labels of its own two neighbours."""
        documents, starts, ends = texts.segments.reshape(-1, 3).T
        rows = ranges(texts.data.starts[documents] + starts, ends - starts)
        return cls._of_rows(texts, rows, ends - starts)

    @classmethod
    def of_documents(cls, texts: Texts) -> Tokens:
        """Take all tokens, whole documents as segments."""
        return cls._of_rows(texts, numpy.arange(len(texts.labels)), numpy.asarray(texts.data.lengths))

    @classmethod
    def _of_rows(cls, texts: Texts, rows: numpy.ndarray, lengths: numpy.ndarray) -> Tokens:
        previous, following = neighbours(texts.data, texts.labels)
        one_hot = numpy.eye(texts.data.labels + 1, texts.data.labels, dtype="float32")  # -1 is the last row, of zeros
        features = numpy.asarray(texts.data.features[rows], dtype="float32")
        constant = numpy.ones((len(rows), 1), dtype="float32")
        inputs = numpy.concatenate([features, constant, one_hot[previous[rows]], one_hot[following[rows]]], axis=1)
        labels = texts.labels[rows].astype("int64")
        return cls(torch.from_numpy(inputs), torch.from_numpy(labels), lengths)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, size: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Cut inputs and labels into so many tokens at a time, as views."""
        return list(zip(self.inputs.split(size), self.labels.split(size)))


def neighbours(data: HeadData, labels: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return the labels to the left and to the right of all tokens (int64, tokens), -1 beyond a document's edge."""
    lengths = numpy.asarray(data.lengths, dtype=numpy.int64)
    starts = data.starts[lengths > 0]
    previous, following = numpy.roll(labels, 1).astype("int64"), numpy.roll(labels, -1).astype("int64")
    previous[starts] = -1
    following[starts - 1] = -1  # the token before a start is the last of another document
    return previous, following


def linear_layer(head: Head) -> torch.nn.Linear:
    """Return the head as a float32 layer on ``Tokens.inputs``: [W, b, T transposed, T]. It has no bias of
    its own, because captum leaves biases out of inner products."""
    wide = numpy.concatenate([head.weights, head.bias[:, None], head.transitions.T, head.transitions], axis=1).astype(
        "float32"
    )
    layer = torch.nn.Linear(wide.shape[1], head.labels, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(wide))
    return layer


def sum_columns(scores: numpy.ndarray, lengths: numpy.ndarray) -> numpy.ndarray:
    """Sum the scores of tokens (n x tokens) over the tokens of each segment, none empty (float64, n x segments)."""
    if not len(lengths):
        return numpy.zeros((len(scores), 0))
    return numpy.add.reduceat(scores, numpy.cumsum(lengths) - lengths, axis=1, dtype="float64")

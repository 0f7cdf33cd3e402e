"""A CRF head as a value: what scores the labels of tokens by their features, and pairs of neighbouring labels.

Solvers, gradients and steps take its parameters as one vector (float64, P): W with its bias column, label by label,
then T row by row. How they lie in it is known here alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy

from ..crf import DecodingMask, forward_backward, negative_log_likelihood, viterbi
from .data import HeadData, blocks


@dataclass(frozen=True, eq=False)
class Head:
    """The parameters of a linear-chain CRF on frozen features.

    weights (float64, labels x d), bias (float64, labels): the emission of label y at features F is weights[y] F +
        bias[y]. transitions (float64, labels x labels): scores of (left, right) labels.
    """

    weights: numpy.ndarray
    bias: numpy.ndarray
    transitions: numpy.ndarray

    def __post_init__(self) -> None:
        for name, array in list(vars(self).items()):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @classmethod
    def zeros(cls, data: HeadData) -> Head:
        """Return the head that finds all labels of some documents equally probable."""
        return cls.unpacked(numpy.zeros(data.labels * (data.width + data.labels)), data.labels)

    @classmethod
    def unpacked(cls, vector: numpy.ndarray, labels: int) -> Head:
        """Take a vector of parameters (float64, P) apart; the arrays are views of it."""
        weights, transitions = split(vector, labels)
        return cls(weights[:, :-1], weights[:, -1], transitions)

    @property
    def packed(self) -> numpy.ndarray:
        """The parameters as one vector (float64, P)."""
        weights = numpy.concatenate([self.weights, self.bias[:, None]], axis=1)
        return join(weights, self.transitions).astype("float64", copy=False)

    @property
    def labels(self) -> int:
        """How many labels."""
        return len(self.bias)

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return self.weights.size + self.bias.size + self.transitions.size

    def moved(self, step: numpy.ndarray) -> Head:
        """Return the head after a step (float64, P)."""
        return Head.unpacked(self.packed + step, self.labels)

    def step_to(self, other: Head) -> numpy.ndarray:
        """Return the step that leads to another head (float64, P)."""
        return other.packed - self.packed

    def emissions(self, features: numpy.ndarray) -> numpy.ndarray:
        """Score the labels of tokens by their features (floats, tokens x d): float64, tokens x labels."""
        scores = numpy.empty((len(features), self.labels))
        for rows, block in blocks(features):
            scores[rows] = block @ self.weights.T
        scores += self.bias
        return scores

    def marginals(self, data: HeadData, emissions: Optional[numpy.ndarray] = None) -> numpy.ndarray:
        """Return p(label | text) of all tokens (float64, tokens x labels).

        emissions (float64, tokens x labels): their scores, where they are known already.
        """
        scores = self.emissions(data.features) if emissions is None else emissions
        unary = numpy.empty_like(scores)
        for documents in data.alike():
            rows = data.rows(documents)
            lengths = [data.lengths[number] for number in documents]
            unary[rows] = forward_backward(scores[rows], self.transitions, lengths).unary
        return unary

    def losses(self, data: HeadData) -> numpy.ndarray:
        """Return -log p(annotation | text) of each document in nats (float64, documents)."""
        scores, losses = self.emissions(data.features), numpy.zeros(len(data.lengths))
        for documents in data.alike():
            rows = data.rows(documents)
            lengths = [data.lengths[number] for number in documents]
            loss = negative_log_likelihood(scores[rows], self.transitions, lengths, data.allowed[rows])
            losses[documents] = loss.values
        return losses

    def decode(
        self,
        features: numpy.ndarray,
        lengths: Sequence[int],
        mask: Optional[DecodingMask] = None,
        allowed: Optional[numpy.ndarray] = None,
    ) -> numpy.ndarray:
        """Find the most probable labels of documents (int64, tokens).

        features (floats, tokens x d). lengths (ints): tokens of each document. mask (DecodingMask): which labels may
        start, end and follow each other. allowed (bool, tokens x labels): which are permitted; all if None.
        """
        scores = self.emissions(features)
        if allowed is not None:
            scores = numpy.where(allowed, scores, -numpy.inf)
        return viterbi(scores, self.transitions, lengths, mask)


def split(vectors: numpy.ndarray, labels: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Take vectors in parameter space (floats, ... x P) apart: views of W with its bias column (... x labels x width)
    and of T (... x labels x labels)."""
    shape, size = vectors.shape[:-1], vectors.shape[-1] - labels**2
    weights = vectors[..., :size].reshape(*shape, labels, size // labels)
    return weights, vectors[..., size:].reshape(*shape, labels, labels)


def join(weights: numpy.ndarray, transitions: numpy.ndarray) -> numpy.ndarray:
    """Undo ``split``: floats, ... x P."""
    shape = weights.shape[:-2]
    flat = [part.reshape(*shape, part.shape[-2] * part.shape[-1]) for part in (weights, transitions)]
    return numpy.concatenate(flat, axis=-1)

"""From a tagger's features and labels to the factored gradients of their conditional losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy
from thinc.api import Model
from thinc.types import Floats2d

from ..crf import segment_conditional, token_conditionals, viterbi
from ..models import head_parameters
from .factors import TokenFactors
from .fit import pack


@dataclass(frozen=True)
class TokenGradients:
    """Gradients of a batch of documents, tokens one after another.

    factors (TokenFactors): factored gradients.
    labels (int64, tokens): the labels at which they were taken.
    probabilities (float64, tokens): p(label | labels of the neighbours, text).
    """

    factors: TokenFactors
    labels: numpy.ndarray
    probabilities: numpy.ndarray


class Head:
    """A tagger's head on the CPU. It copies the parameters once, so make a new one after training."""

    def __init__(self, model: Model) -> None:
        parameters = head_parameters(model.get_ref("output_layer"))
        self.weights, self.bias, self.transitions = (on_cpu(array) for array in parameters)

    @property
    def theta(self) -> numpy.ndarray:
        """All parameters as one vector (float64, P), in the order of ``fit.pack``."""
        return pack(self.weights, self.bias, self.transitions)

    def emissions(self, features: numpy.ndarray) -> numpy.ndarray:
        """Score the labels of each token: float32, tokens x labels."""
        return features @ self.weights.T + self.bias

    def complete(self, features: Sequence[Floats2d], allowed: numpy.ndarray, lengths: Sequence[int]) -> numpy.ndarray:
        """Return the annotated labels (int64, tokens), the most probable permitted ones where several are allowed."""
        if bool((allowed.sum(axis=1) == 1).all()):
            return allowed.argmax(axis=1)
        emissions = numpy.where(allowed, self.emissions(_stack(features)), -numpy.inf)
        return viterbi(emissions, self.transitions, lengths)

    def gradients(self, features: Sequence[Floats2d], labels: numpy.ndarray, lengths: Sequence[int]) -> TokenGradients:
        """Differentiate each token's conditional loss, neighbours held at the same labels.

        features (float32 arrays, tokens x d each): per document, on any device.
        labels (ints, all tokens).
        """
        stacked = _stack(features)
        conditionals = token_conditionals(self.emissions(stacked), self.transitions, labels, lengths)
        factors = TokenFactors(
            stacked,
            conditionals.residuals.astype(numpy.float32),
            conditionals.previous.astype(numpy.int16),
            conditionals.following.astype(numpy.int16),
        )
        chosen = conditionals.log_probabilities[numpy.arange(len(labels)), labels]
        return TokenGradients(factors, labels, numpy.exp(chosen))

    def segment_probability(self, gradients: TokenGradients, document: slice, start: int, end: int) -> float:
        """Return p(labels of a segment | labels outside, text).

        document (slice): the document's tokens among all of ``gradients``; start and end count from its beginning.
        """
        emissions = self.emissions(gradients.factors.features[document])
        return float(
            numpy.exp(segment_conditional(emissions, self.transitions, gradients.labels[document], start, end))
        )


def _stack(features: Sequence[Floats2d]) -> numpy.ndarray:
    return numpy.concatenate([on_cpu(rows) for rows in features if len(rows)]).astype(numpy.float32, copy=False)


def on_cpu(array: object) -> numpy.ndarray:
    """Copy a cupy array to numpy; return numpy arrays as they are."""
    return array.get() if hasattr(array, "get") else array  # type: ignore[return-value]

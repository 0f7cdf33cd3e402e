"""What is explained, in the form that scores the rows of an index in its metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Union

import numpy

from .curvature import Metric
from .factors import TokenFactors, inner_products, squared_norms
from .segments import SegmentFactors

Factors = Union[TokenFactors, SegmentFactors]


class SearchQueries(Protocol):
    """What a search needs: the number of queries, their norms, and their scores against rows."""

    def __len__(self) -> int: ...

    def norms(self) -> numpy.ndarray:
        """Norm of each query's gradient in the metric of the index (float64, queries)."""

    def scores(self, active: numpy.ndarray, rows: Factors) -> numpy.ndarray:
        """Score rows for some queries (floats, active x rows): positive supports, negative opposes."""


@dataclass(frozen=True)
class Queries:
    """Identity metric: ranges of tokens, the gradient of each being the sum of theirs; rows are single tokens.

    tokens (TokenFactors): gradients of the tokens at the labels that are explained.
    segments (int64, queries x 2): start and end (exclusive) of each segment among the tokens.
    """

    tokens: TokenFactors
    segments: numpy.ndarray

    def __len__(self) -> int:
        return len(self.segments)

    def norms(self) -> numpy.ndarray:
        """Norm of each segment's gradient (float64, queries)."""
        single = numpy.sqrt(squared_norms(self.tokens))
        values = single[self.segments[:, 0]]
        for number in numpy.flatnonzero(self.segments[:, 1] - self.segments[:, 0] > 1):
            tokens = self.tokens[slice(*self.segments[number])]
            values[number] = numpy.sqrt(max(float(inner_products(tokens, tokens).sum(dtype="float64")), 0.0))
        return values

    def scores(self, active: numpy.ndarray, rows: Factors) -> numpy.ndarray:
        """Score single tokens for some queries (float32, active x rows)."""
        assert isinstance(rows, TokenFactors)
        segments = self.segments[active]
        needed = numpy.unique(numpy.concatenate([numpy.arange(start, end) for start, end in segments]))
        by_token = inner_products(self.tokens[needed], rows)
        first = numpy.searchsorted(needed, segments[:, 0])
        scores = by_token[first]
        for number in numpy.flatnonzero(segments[:, 1] - segments[:, 0] > 1):
            length = segments[number, 1] - segments[number, 0]
            scores[number] = by_token[first[number] : first[number] + length].sum(axis=0)
        return scores


class CurvedQueries:
    """Any metric: a query's gradient times H^-1 is a weight and a transition matrix, which the factors of a row meet.

    metric (Metric): H^-1. gradients (float64, queries x P): minus the gradients of the conditional losses.
    """

    def __init__(self, metric: Metric, gradients: numpy.ndarray) -> None:
        labels, width = metric.labels, metric.width
        curved = metric.apply(gradients)
        self._norms = numpy.sqrt(numpy.maximum(numpy.einsum("qp,qp->q", gradients, curved), 0.0))
        # Residuals vanish as a prediction becomes certain: scale, so that float32 does not lose them.
        self._scale = numpy.maximum(self._norms, 1e-300)
        curved = (curved / self._scale[:, None]).astype(numpy.float32)
        self._weights = curved[:, : labels * width].reshape(-1, labels, width)
        self._transitions = curved[:, labels * width :].reshape(-1, labels, labels)

    def __len__(self) -> int:
        return len(self._norms)

    def norms(self) -> numpy.ndarray:
        """Norm of each query's gradient in the metric of the index (float64, queries)."""
        return self._norms

    def scores(self, active: numpy.ndarray, rows: Factors) -> numpy.ndarray:
        """Score single tokens or segments for some queries (float64, active x rows)."""
        weights, transitions = self._weights[active], self._transitions[active]
        count, labels, width = weights.shape
        flat = numpy.ascontiguousarray(weights[:, :, :-1]).reshape(count * labels, width - 1)
        logits = (flat @ rows.features.T).reshape(count, labels, -1) + weights[:, :, -1:]
        if isinstance(rows, TokenFactors):
            for side, matrices in ((rows.previous, transitions.transpose(0, 2, 1)), (rows.following, transitions)):
                padded = numpy.concatenate([matrices, numpy.zeros((count, labels, 1), dtype=numpy.float32)], axis=2)
                logits += padded[:, :, side]
        scores = numpy.einsum("qat,ta->qt", logits, rows.residuals)
        if isinstance(rows, SegmentFactors):
            scores = numpy.add.reduceat(scores, numpy.cumsum(rows.lengths) - rows.lengths, axis=1)
            scores += transitions.reshape(count, -1) @ rows.pairs.reshape(len(rows), -1).T
        return scores * self._scale[active, None]

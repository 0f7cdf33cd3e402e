"""What is explained, in the form that scores the rows of an index in its metric."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Union

import numpy

from ..crf.covariance import sum_rows
from ..influence.curvature import Metric
from ..influence.data import ranges
from ..influence.factors import TokenFactors, inner_products, paired_products, squared_norms
from ..influence.head import split
from ..influence.pair_rows import times
from ..influence.segments import SegmentFactors

Factors = Union[TokenFactors, SegmentFactors]
LEAST_NORM = 1e-300  # that a query is divided by


class SearchQueries(Protocol):
    """What a search needs: the number of queries, their norms, and their scores against rows."""

    @property
    def labels(self) -> int: ...

    def __len__(self) -> int: ...

    def norms(self) -> numpy.ndarray:
        """Norm of each query's gradient in the metric of the index (float64, queries)."""

    def unit_scores(self, active: numpy.ndarray, rows: Factors) -> numpy.ndarray:
        """Score rows for some queries, in units of the queries' norms (float32, active x rows): positive supports,
        negative opposes."""

    def exact(self, queries: numpy.ndarray, rows: Factors, chosen: numpy.ndarray) -> numpy.ndarray:
        """Score pairs, queries[i] with row chosen[i] (float64, pairs)."""


@dataclass(frozen=True)
class Queries:
    """Identity metric: ranges of tokens, the gradient of each being the sum of theirs; rows are single tokens.

    tokens (TokenFactors): gradients of the tokens at the labels that are explained.
    segments (int64, queries x 2): start and end (exclusive) of each segment among the tokens.
    """

    tokens: TokenFactors
    segments: numpy.ndarray

    @property
    def labels(self) -> int:
        """Arrays of the size of the scores that scoring needs at once."""
        return 2

    def __len__(self) -> int:
        return len(self.segments)

    def norms(self) -> numpy.ndarray:
        """Norm of each segment's gradient (float64, queries)."""
        return self._norms

    @cached_property
    def _norms(self) -> numpy.ndarray:
        single = numpy.sqrt(squared_norms(self.tokens))
        values = single[self.segments[:, 0]]
        for number in numpy.flatnonzero(self.segments[:, 1] - self.segments[:, 0] > 1):
            tokens = self.tokens[slice(*self.segments[number])].in_float64()
            values[number] = numpy.sqrt(max(float(inner_products(tokens, tokens).sum()), 0.0))
        return values

    def unit_scores(self, active: numpy.ndarray, rows: Factors) -> numpy.ndarray:
        """Score single tokens for some queries, in units of the queries' norms (float32, active x rows)."""
        assert isinstance(rows, TokenFactors)
        segments = self.segments[active]
        lengths = segments[:, 1] - segments[:, 0]
        tokens = self.tokens[ranges(segments[:, 0], lengths)]
        scales = numpy.repeat(numpy.maximum(self._norms[active], LEAST_NORM), lengths)
        residuals = (tokens.residuals / scales[:, None]).astype(numpy.float32)
        by_token = inner_products(replace(tokens, residuals=residuals), rows)
        return by_token if len(by_token) == len(active) else sum_rows(by_token, lengths.tolist())

    def exact(self, queries: numpy.ndarray, rows: Factors, chosen: numpy.ndarray) -> numpy.ndarray:
        """Score pairs, queries[i] with row chosen[i] (float64, pairs)."""
        assert isinstance(rows, TokenFactors)
        segments = self.segments[queries]
        lengths = segments[:, 1] - segments[:, 0]
        left = self.tokens.in_float64()[ranges(segments[:, 0], lengths)]
        products = paired_products(left, rows.in_float64()[numpy.repeat(chosen, lengths)])
        return sum_rows(products[:, None], lengths.tolist())[:, 0] if len(products) > len(queries) else products


class CurvedQueries:
    """Any metric: a query's gradient times H^-1 is a weight and a transition matrix, which the factors of a row meet.

    metric (Metric): H^-1. gradients (float64, queries x P): minus the gradients of the conditional losses.
    """

    def __init__(self, metric: Metric, gradients: numpy.ndarray) -> None:
        self.labels = metric.labels
        self._curved = metric.apply(gradients)
        self._norms = numpy.sqrt(numpy.maximum(numpy.einsum("qp,qp->q", gradients, self._curved), 0.0))
        # Residuals vanish as a prediction becomes certain: scale, so that float32 does not lose them.
        self._scale = numpy.maximum(self._norms, LEAST_NORM)
        self._scaled = (self._curved / self._scale[:, None]).astype(numpy.float32)
        weights, transitions = split(self._scaled, self.labels)
        self._transitions = transitions
        # By label, what meets ``TokenFactors.with_neighbours``: T[y-, label] and T[label, y+] beside the weights.
        # Residuals of a token sum to 0, so the last label's may be taken off all.
        extended = numpy.concatenate([weights, transitions.transpose(0, 2, 1), transitions], axis=2)
        self._extended = extended[:, :-1] - extended[:, -1:]
        self._weights = weights[:, :-1] - weights[:, -1:]

    def __len__(self) -> int:
        return len(self._norms)

    def norms(self) -> numpy.ndarray:
        """Norm of each query's gradient in the metric of the index (float64, queries)."""
        return self._norms

    def scores(self, active: numpy.ndarray, rows: Factors) -> numpy.ndarray:
        """Score single tokens or segments for some queries (float32, active x rows): positive supports."""
        scores = self.unit_scores(active, rows)
        scores *= self._scale[active, None].astype(numpy.float32)
        return scores

    def unit_scores(self, active: numpy.ndarray, rows: Factors) -> numpy.ndarray:
        """The same in units of the queries' norms."""
        if isinstance(rows, SegmentFactors) and rows.written is not None:
            scaled = self._scaled if len(active) == len(self) else self._scaled[active]
            return scaled @ rows.written.T
        weights = self._extended if isinstance(rows, TokenFactors) else self._weights
        if len(active) < len(self):
            weights = weights[active]
        count, rest, width = weights.shape
        flat = weights.reshape(count * rest, width)
        if isinstance(rows, TokenFactors):
            logits = (flat @ rows.with_neighbours.T).reshape(count, rest, -1)
        else:
            logits = (flat[:, :-1] @ rows.features.T).reshape(count, rest, -1)
            logits += weights[:, :, -1:]
        logits *= rows.residuals[:, :-1].T
        scores = logits.sum(axis=1)
        if isinstance(rows, SegmentFactors):
            scores = numpy.add.reduceat(scores, numpy.cumsum(rows.lengths) - rows.lengths, axis=1)
            scores += times(rows.pairs, self._transitions[active].reshape(count, -1)).T
        return scores

    def exact(self, queries: numpy.ndarray, rows: Factors, chosen: numpy.ndarray) -> numpy.ndarray:
        """Score pairs, queries[i] with row chosen[i] (float64, pairs)."""
        segments = rows.as_segments() if isinstance(rows, TokenFactors) else rows
        order = numpy.argsort(queries, kind="stable")
        queries, chosen = queries[order], chosen[order]
        lengths = segments.lengths[chosen]
        starts = numpy.cumsum(lengths) - lengths
        tokens = ranges(segments.starts[chosen], lengths)
        features = segments.features.astype(numpy.float64)
        weights, transitions = split(self._curved, self.labels)  # a value for each query takes longer than its product
        by_token, scores = numpy.empty(len(tokens)), numpy.empty(len(queries))
        bounds = numpy.flatnonzero(numpy.diff(queries, prepend=-1, append=-1)).tolist()
        for first, last in zip(bounds, bounds[1:]):
            query = queries[first]
            span = slice(starts[first], starts[last - 1] + lengths[last - 1])
            logits = features[tokens[span]] @ weights[query, :, :-1].T + weights[query, :, -1]
            by_token[span] = (logits * segments.residuals[tokens[span]]).sum(axis=1)
            scores[first:last] = times(segments.pairs[chosen[first:last]], transitions[query].reshape(1, -1))[:, 0]
        result = numpy.empty(len(queries))
        result[order] = scores + sum_rows(by_token[:, None], lengths.tolist())[:, 0]
        return result

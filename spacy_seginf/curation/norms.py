"""Norms of gradients: how hard a label pulls at the head, in the Euclidean metric or in that of H^-1."""

from __future__ import annotations

from typing import Callable, Iterator

import numpy

from ..influence.curvature import IdentityCurvature, Metric
from ..influence.effects import HeadEffects
from ..influence.factors import squared_norms
from ..influence.segments import SegmentChains
from ..influence.token_leverage import norms_under, token_leverage
from .source import LabelSource

FAINT = 1e-3  # of the largest gradient
GRADIENTS = 512  # gradients written out at once
DOCUMENT_TOKENS = 8192  # of documents at once
Norms = Callable[[numpy.ndarray], numpy.ndarray]


def document_gradient_norms(source: LabelSource) -> numpy.ndarray:
    """Return the Euclidean norm of the gradient of L with respect to W and T (float64, documents)."""
    result = numpy.zeros(len(source.data.lengths))
    for part, gradients in document_gradients(source):
        result[part] = numpy.linalg.norm(gradients, axis=1)
    return result


def document_gradients(source: LabelSource) -> Iterator[tuple[numpy.ndarray, numpy.ndarray]]:
    """Yield documents that have tokens (int64, n), and minus the gradients of their L with respect to W and T (float64,
    n x P): observed minus expected statistics, where what is missing is summed out."""
    data = source.data
    sizes = numpy.asarray(data.lengths, dtype=numpy.int64)
    for documents in data.alike(DOCUMENT_TOKENS):
        documents = documents[sizes[documents] > 0]
        for start in range(0, len(documents), GRADIENTS):
            part = documents[start : start + GRADIENTS]
            yield part, SegmentChains(source.head, data, source.labels, data.whole(part)).gradients()


def gradient_norms(source: LabelSource) -> numpy.ndarray:
    """Return the Euclidean norm of the gradient of CL of each token (float64, tokens), from its factors."""
    result = numpy.zeros(len(source.labels))
    for rows, _, _ in source.data.slices():
        result[rows] = numpy.sqrt(numpy.maximum(squared_norms(source.factors(rows)), 0.0))
    return result


def segment_gradient_norms(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    """Return the Euclidean norm of the gradient of CL of segments (ints, n x 3), all tokens of each free together
    (float64, n). RAISES (ValueError): S029."""
    return _by_length(source, segments, gradient_norms(source), lambda rows: numpy.linalg.norm(rows, axis=1))


def self_influences(source: LabelSource) -> numpy.ndarray:
    """Return sqrt(g^T H^-1 g) of each token, g the gradient of its CL (float64, tokens): how much its own label holds
    its own loss down. An upper bound for tokens of tiny gradients, which are most of them."""
    result = gradient_norms(source)
    if isinstance(source.metric, IdentityCurvature):
        return result
    result *= HeadEffects(source.data, source.head, source.penalty, source.metric, source.labels).largest_gain
    chosen = numpy.flatnonzero(result > FAINT * result.max(initial=0.0))
    for start in range(0, len(chosen), GRADIENTS):
        rows = chosen[start : start + GRADIENTS]
        factors = source.factors(rows).in_float64()
        result[rows] = norms_under(token_leverage(source.metric, factors), factors.residuals)
    return result


def segment_self_influences(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    """Return sqrt(g^T H^-1 g) of segments (ints, n x 3), g the gradient of CL with all tokens of each free together
    (float64, n). RAISES (ValueError): S029."""
    return _by_length(source, segments, self_influences(source), lambda rows: norms_in(source.metric, rows))


def norms_in(metric: Metric, gradients: numpy.ndarray) -> numpy.ndarray:
    """Return sqrt(g^T H^-1 g) of gradients (float64, n x P)."""
    return numpy.sqrt(numpy.maximum(numpy.einsum("np,np->n", gradients, metric.apply(gradients)), 0.0))


def _by_length(source: LabelSource, segments: numpy.ndarray, tokens: numpy.ndarray, norms: Norms) -> numpy.ndarray:
    """Read segments of one token off the values of tokens; write the gradients of longer ones out for their norms."""
    result = numpy.zeros(len(segments))
    single = segments[:, 2] - segments[:, 1] == 1
    result[single] = tokens[source.data.starts[segments[single, 0]] + segments[single, 1]]
    longer = numpy.flatnonzero(~single)
    for start in range(0, len(longer), GRADIENTS):
        rows = longer[start : start + GRADIENTS]
        result[rows] = norms(source.chains(segments[rows]).gradients())
    return result

"""Leverage matrices M = A H^-1 A^T of tokens, by what they do to vectors over labels. K-FAC's factors multiply by them
without a matrix over labels for each token, which with hundreds of labels takes longer than all products with it."""

from __future__ import annotations

from typing import Optional, Union

import numpy

from .. import budget
from .curvature import KroneckerCurvature, Metric
from .data import with_constant
from .factors import TokenFactors

NOTHING = numpy.zeros(0, dtype=numpy.int64)


class FactoredLeverage:
    """Products with M of tokens under K-FAC's H^-1, whose blocks W and T add up.

    M reads few entries of the block of T that is written out: those pairs of labels whose left one is the label before
    the token, or whose right one is the label behind it.
    """

    def __init__(self, metric: KroneckerCurvature, tokens: TokenFactors) -> None:
        self._vectors = metric.label_vectors
        squares = (with_constant(tokens.features) @ metric.feature_vectors) ** 2
        self._strengths = squares @ (
            1.0 / (numpy.multiply.outer(metric.feature_values, metric.label_values) + metric.l2)
        )
        self._diagonal = numpy.zeros((len(tokens), metric.labels))
        others = metric.others.reshape(metric.labels, metric.labels)
        previous, following = tokens.previous.astype(int), tokens.following.astype(int)
        left, right = previous >= 0, following >= 0
        self._diagonal[left] += others[previous[left]]
        self._diagonal[right] += others.T[following[right]]
        # The logits of two labels share T[y-, y+]: one reads it as an entry from the left, one from the right.
        self._sides = numpy.where((left & right)[:, None], numpy.stack([previous, following], axis=1), 0)
        self._shared = numpy.where(left & right, others[previous, following], 0.0)
        firsts, seconds = numpy.divmod(metric.pairs, metric.labels)
        onto = {label: numpy.flatnonzero(firsts == label) for label in numpy.unique(previous[left]).tolist()}
        upto = {label: numpy.flatnonzero(seconds == label) for label in numpy.unique(following[right]).tolist()}
        self._read = []
        for before, behind in zip(previous.tolist(), following.tolist()):
            into, onward = onto.get(before, NOTHING), upto.get(behind, NOTHING)
            places = numpy.concatenate([into, onward])
            block = metric.transitions[places[:, None], places]
            self._read.append((seconds[into], firsts[onward], block))

    def product(self, vectors: numpy.ndarray, numbers: numpy.ndarray) -> numpy.ndarray:
        """Multiply vectors (float64, n x labels) by M of some tokens (ints, n)."""
        result = ((vectors @ self._vectors) * self._strengths[numbers]) @ self._vectors.T
        result += vectors * self._diagonal[numbers]
        before, behind = self._sides[numbers].T
        every, shared = numpy.arange(len(numbers)), self._shared[numbers]
        result[every, behind] += shared * vectors[every, before]
        result[every, before] += shared * vectors[every, behind]
        for row, number in enumerate(numbers.tolist()):
            into, onward, block = self._read[number]
            moved = block @ numpy.concatenate([vectors[row, into], vectors[row, onward]])
            result[row, into] += moved[: len(into)]
            result[row, onward] += moved[len(into) :]
        return result


Leverage = Union[numpy.ndarray, FactoredLeverage]  # of n tokens; an array is float64, n x labels x labels


def token_leverage(metric: Metric, tokens: TokenFactors) -> Leverage:
    """Return M of tokens: written out, or in factors for many labels where the metric has them."""
    if isinstance(metric, KroneckerCurvature) and metric.labels > budget.DENSE_LABELS:
        return FactoredLeverage(metric, tokens)
    return metric.leverage(tokens)


def times(leverage: Leverage, vectors: numpy.ndarray, numbers: Optional[numpy.ndarray] = None) -> numpy.ndarray:
    """Multiply a vector (float64, n x labels) by M of each token, or of those with some numbers (ints, n)."""
    if isinstance(leverage, FactoredLeverage):
        return leverage.product(vectors, numpy.arange(len(vectors)) if numbers is None else numbers)
    matrices = leverage if numbers is None else leverage[numbers]
    return (matrices @ vectors[:, :, None])[:, :, 0]


def norms_under(leverage: Leverage, residuals: numpy.ndarray) -> numpy.ndarray:
    """Return sqrt(e^T M e) of the residuals of tokens (floats, n x labels): the norms of their gradients A^T e in the
    metric of H^-1 (float64, n)."""
    squares = numpy.einsum("na,na->n", residuals, times(leverage, residuals))
    return numpy.sqrt(numpy.maximum(squares, 0.0))

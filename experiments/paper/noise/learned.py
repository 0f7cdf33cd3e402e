"""A score that is learned from corrections: logistic regression on other scores and on the type of the label.

Scores of two corpora differ in their scale (of one, the encoder has seen the labels), so each is standardised by
itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy
from scipy.optimize import minimize
from scipy.special import expit

FEATURES = (
    "held_out_loss",
    "conditional_loss",
    "segment_loss",
    "self_influence",
    "marginal_entropy",
    "form_loss",
    "document_form_loss",
)
TINY = 1e-4  # smaller scores are all alike
PENALTY = 3.0
FOLDS = 5


@dataclass(frozen=True)
class Evidence:
    """What is known of the labels of a corpus.

    features (float64, tokens x features): see ``evidence``. documents (int64, tokens): which document each is in.
    """

    features: numpy.ndarray
    documents: numpy.ndarray

    @classmethod
    def of(cls, scores: Sequence[numpy.ndarray], types: numpy.ndarray, count: int, lengths: Sequence[int]) -> Evidence:
        """Standardise scores and their logarithms, for labels of each type on their own too.

        scores (sequence of float64, tokens). types (ints, tokens): types of the labels, below ``count``.
        lengths (ints): tokens of each document.
        """
        columns = [part for values in scores for part in (values, numpy.log(values + TINY))]
        standard = numpy.stack([(part - part.mean()) / max(float(part.std()), 1e-12) for part in columns], axis=1)
        kinds = (types[:, None] == numpy.arange(count)).astype(numpy.float64)
        by_kind = (kinds[:, :, None] * standard[:, None, :]).reshape(len(types), -1)
        documents = numpy.repeat(numpy.arange(len(lengths)), lengths)
        return cls(numpy.concatenate([standard, kinds, by_kind], axis=1), documents)


def learned_scores(known: Evidence, wrong: numpy.ndarray, other: Evidence) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Learn from a corpus which of its labels are wrong (bool, tokens), and apply that to it and to another one.

    RETURNS: p(wrong) of the labels of the first, each from a fit without the documents of its fold, and of those of the
        other, from a fit to all of the first (both float64, tokens). If features were themselves learned from the
        corrections, on the same folds, those of other documents know of the corrections in a document's own fold.
    """
    folds = folds_of(int(known.documents.max(initial=-1)) + 1)[known.documents]
    crossed = numpy.zeros(len(wrong))
    for fold in range(FOLDS):
        inside = folds == fold
        crossed[inside] = _probabilities(known.features[inside], _fit(known.features[~inside], wrong[~inside]))
    return crossed, _probabilities(other.features, _fit(known.features, wrong))


def folds_of(documents: int) -> numpy.ndarray:
    """Deal documents out to FOLDS folds in a random order that is always the same (int64, documents)."""
    return numpy.random.default_rng(0).permutation(documents) % FOLDS


def _fit(features: numpy.ndarray, wrong: numpy.ndarray) -> numpy.ndarray:
    """Return weights, the last that of a constant, which is not penalised (float64, features + 1)."""

    def loss(weights: numpy.ndarray) -> tuple[float, numpy.ndarray]:
        scores = features @ weights[:-1] + weights[-1]
        value = float((numpy.logaddexp(0.0, scores) - wrong * scores).sum())
        residuals = expit(scores) - wrong
        gradient = numpy.append(features.T @ residuals + PENALTY * weights[:-1], residuals.sum())
        return value + 0.5 * PENALTY * float(weights[:-1] @ weights[:-1]), gradient

    start = numpy.zeros(features.shape[1] + 1)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x


def _probabilities(features: numpy.ndarray, weights: numpy.ndarray) -> numpy.ndarray:
    return expit(features @ weights[:-1] + weights[-1])

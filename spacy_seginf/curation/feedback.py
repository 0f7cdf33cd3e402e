"""What decisions say of other issues: a confirmed error makes what is like it more suspicious, a kept label less.

A Gaussian process classifier (Rasmussen and Williams 2006, algorithm 3.1: Laplace approximation, logistic likelihood)
with the logarithm of the issue's own score as its mean. Two issues are alike if they have the same current types
and similar features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy
from scipy.linalg import cho_solve
from scipy.special import expit

from ..influence.linear_algebra import cholesky
from .candidates import Annotation

EVEN = float(numpy.log(2.0))  # nats: the score at which an error is as probable as none
BREADTH = 0.5  # of the kernel, in units of the spread of features
VARIANCE = 4.0  # of the log-odds of an error, before anything is decided
LEAST = 1e-3  # nats: no score counts for less when it is contradicted
ITERATIONS = 100
TOLERANCE = 1e-9  # of the log posterior
SHORTEST = 1e-6  # step
BLOCK = 4096  # issues compared at once
PROPAGATED = 0.5  # similarity to a confirmed error from which its label is suggested too


@dataclass(frozen=True)
class Traits:
    """What issues are compared by.

    directions (float32, n x d): features, scaled to length 1. current (int64, n): number of the types that they have.
    spread (float): what distance (1 - cosine) is usual for the same type.
    """

    directions: numpy.ndarray
    current: numpy.ndarray
    spread: float

    def near(self, rows: numpy.ndarray, others: numpy.ndarray) -> numpy.ndarray:
        """Return how similar some issues (ints) are to others (float64, rows x others, 0 to 1)."""
        distances = 1.0 - (self.directions[rows] @ self.directions[others].T).astype(numpy.float64)
        alike = numpy.exp(-numpy.maximum(distances, 0.0) / (BREADTH * self.spread))
        return alike * (self.current[rows][:, None] == self.current[others][None])


def feedback_factors(
    scores: numpy.ndarray, traits: Traits, decided: numpy.ndarray, wrong: numpy.ndarray
) -> numpy.ndarray:
    """Return what decisions multiply the scores of issues by (float64, n): above 1 if they are more suspicious now.

    scores (float64, n): in nats. decided (ints): which issues were decided. wrong (bool, the same length): whether
        their labels were changed.
    """
    factors = numpy.ones(len(scores))
    if len(decided):
        offsets = numpy.log(numpy.maximum(scores[decided], LEAST) / EVEN)
        weights = _fit(VARIANCE * traits.near(decided, decided), wrong.astype(numpy.float64), offsets)
        for start in range(0, len(scores), BLOCK):
            rows = numpy.arange(start, min(start + BLOCK, len(scores)))
            factors[rows] = numpy.exp(VARIANCE * traits.near(rows, decided) @ weights)
    return factors


def _fit(kernel: numpy.ndarray, wrong: numpy.ndarray, offsets: numpy.ndarray) -> numpy.ndarray:
    """Find the weights w of the most probable log-odds, K w beside the offsets, by a damped Newton method (float64,
    n)."""

    def posterior(weights: numpy.ndarray, odds: numpy.ndarray) -> float:
        total = offsets + odds
        return float((wrong * total - numpy.logaddexp(0.0, total)).sum() - 0.5 * weights @ odds)

    weights = odds = numpy.zeros(len(wrong))
    best = posterior(weights, odds)
    for _ in range(ITERATIONS):
        p = expit(offsets + odds)
        root = numpy.sqrt(p * (1.0 - p) + 1e-12)
        target = root**2 * odds + (wrong - p)
        factor = cholesky(numpy.eye(len(wrong)) + root[:, None] * kernel * root), True
        step = target - root * cho_solve(factor, root * (kernel @ target)) - weights
        moved = kernel @ step
        gain, rate = -numpy.inf, 1.0
        while rate > SHORTEST:
            gain = posterior(weights + rate * step, odds + rate * moved) - best
            if gain >= 0.0:
                break
            rate *= 0.5
        if gain < 0.0:
            break
        weights, odds, best = weights + rate * step, odds + rate * moved, best + gain
        if gain < TOLERANCE:
            break
    return weights


def propagated_labels(traits: Traits, confirmed: numpy.ndarray, outcomes: Sequence[Annotation], size: int) -> list[str]:
    """Return the type that reviewers gave to what is most like each issue; "" if nothing like it was relabelled.

    confirmed (ints): issues that were relabelled; outcomes (sequence of tuples of Entity): to what. size (int): of
        issues.
    """
    single = [number for number, outcome in enumerate(outcomes) if len(outcome) == 1]
    labels = [""] * size
    if not single:
        return labels
    places = numpy.asarray(confirmed)[single]
    for start in range(0, size, BLOCK):
        rows = numpy.arange(start, min(start + BLOCK, size))
        near = traits.near(rows, places)
        for row, best in zip(rows.tolist(), near.argmax(axis=1).tolist()):
            if near[row - start, best] >= PROPAGATED:
                labels[row] = outcomes[single[best]][0].label
    return labels

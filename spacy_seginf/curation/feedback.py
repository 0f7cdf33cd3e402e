"""What decisions say of other issues: a confirmed error makes what is like it more suspicious, a kept label less.

A Gaussian process classifier (Rasmussen and Williams 2006, algorithm 3.1: Laplace approximation, logistic likelihood)
with the logarithm of the issue's own score as its mean. Two issues are alike if they have the same current types
and similar features; each group of types is a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence, Union

import numpy
from scipy.special import expit
from typing_extensions import Self

from .candidates import Annotation
from .decided_kernel import DecidedKernel

EVEN = float(numpy.log(2.0))  # nats: the score at which an error is as probable as none
BREADTH = 0.5  # of the kernel, in units of the spread of features
VARIANCE = 4.0  # of the log-odds of an error, before anything is decided
MOST = 1000  # decisions of a group by which it is predicted; up to so many, this is exact
LEAST = 1e-3  # nats: no score counts for less when it is contradicted
ITERATIONS = 100
TOLERANCE = 1e-9  # of the log posterior
SHORTEST = 1e-6  # step
BLOCK = 4096  # issues compared at once
Rows = Union[numpy.ndarray, slice]
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

    @property
    def groups(self) -> numpy.ndarray:
        """The group of each issue (int64, n): those of different ones are not similar at all."""
        return self.current

    def among(self, rows: numpy.ndarray) -> Self:
        """Return the traits of some issues (ints)."""
        return replace(
            self, **{name: value[rows] for name, value in vars(self).items() if isinstance(value, numpy.ndarray)}
        )

    def near(self, rows: Rows, others: numpy.ndarray) -> numpy.ndarray:
        """Return how similar some issues are to others (ints) (float64, rows x others, 0 to 1)."""
        return self._alike(self.directions[rows] @ self.directions[others].T) * (
            self.current[rows][:, None] == self.current[others][None]
        )

    def near_themselves(self) -> numpy.ndarray:
        """Return how similar each issue is to itself (float64, n)."""
        return self._alike(numpy.einsum("ij,ij->i", self.directions, self.directions))

    def _alike(self, cosines: numpy.ndarray) -> numpy.ndarray:
        return numpy.exp(-numpy.maximum(1.0 - cosines.astype(numpy.float64), 0.0) / (BREADTH * self.spread))


def feedback_factors(
    scores: numpy.ndarray, traits: Traits, decided: numpy.ndarray, wrong: numpy.ndarray
) -> numpy.ndarray:
    """Return what decisions multiply the scores of issues by (float64, n): above 1 if they are more suspicious now.

    scores (float64, n): in nats. decided (ints): which issues were decided. wrong (bool, the same length): whether
        their labels were changed.
    """
    factors = numpy.ones(len(scores))
    groups = traits.groups
    for group in numpy.unique(groups[decided]).tolist():
        own = groups[decided] == group
        heard = numpy.asarray(decided)[own]
        offsets = numpy.log(numpy.maximum(scores[heard], LEAST) / EVEN)
        kernel = _kernel(traits.among(heard))
        weights = kernel.inducing_weights(_fit(kernel, wrong[own].astype(numpy.float64), offsets))
        members = numpy.flatnonzero(groups == group)
        for start in range(0, len(members), BLOCK):
            rows = members[start : start + BLOCK]
            factors[rows] = numpy.exp(VARIANCE * traits.near(rows, heard[kernel.chosen]) @ weights)
    return factors


def _kernel(traits: Traits) -> DecidedKernel:
    def columns(some: numpy.ndarray) -> numpy.ndarray:
        return VARIANCE * traits.near(slice(None), some)

    return DecidedKernel.of(columns, VARIANCE * traits.near_themselves(), MOST)


def _fit(kernel: DecidedKernel, wrong: numpy.ndarray, offsets: numpy.ndarray) -> numpy.ndarray:
    """Find the weights w of the most probable log-odds, K w beside the offsets, by a damped Newton method (float64,
    n)."""

    def posterior(weights: numpy.ndarray, odds: numpy.ndarray) -> float:
        total = offsets + odds
        return float((wrong * total - numpy.logaddexp(0.0, total)).sum() - 0.5 * weights @ odds)

    weights = odds = numpy.zeros(len(wrong))
    best = posterior(weights, odds)
    for _ in range(ITERATIONS):
        p = expit(offsets + odds)
        curvature = p * (1.0 - p) + 1e-12
        step = kernel.solve(curvature, curvature * odds + (wrong - p)) - weights
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

"""Rank correlations between what subsets were predicted to do and what they did, with bootstrap intervals.

The linear datamodelling score (Park et al. 2023, "TRAK", section 2) of a predictor is the Spearman correlation over
subsets of predicted and real losses, averaged over queries. Two trainings that differ in the seed correlate like two
noisy measurements of one thing: r is the reliability of one, by Spearman and Brown k r / (1 + (k - 1) r) that of the
mean of k seeds, and the square root of a reliability is what a predictor that knows the mean over all seeds reaches.
"""

from __future__ import annotations

from typing import Any

import numpy
from scipy.stats import rankdata

RESAMPLES = 1000
SEED = 12
NEGLIGIBLE = 1e-9  # variance of ranks that are all the same


class Bootstrap:
    """Draws of subsets and queries, the same for all that is measured, so that differences are paired.

    Ranks stay those among all subsets: ranked anew, subsets that are drawn twice would be ties.
    """

    def __init__(self, subsets: int, queries: int, resamples: int = RESAMPLES) -> None:
        rng = numpy.random.default_rng(SEED)
        # How often each is drawn; the first row is no draw.
        self._subsets = numpy.vstack([numpy.ones(subsets), _drawn(rng, subsets, resamples)]) / subsets
        self._queries = numpy.vstack([numpy.ones(queries), _drawn(rng, queries, resamples)]) / queries

    def correlation(self, left: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
        """Correlate ranks over subsets, and average over queries; a constant side counts as 0.

        left, right (floats, subsets x queries). RETURNS (float64, 1 + resamples): of all, then of each draw.
        """
        one, other = (rankdata(side, axis=0) - (len(side) + 1) / 2 for side in (left, right))
        means = self._subsets @ one, self._subsets @ other
        squares = [self._subsets @ side**2 - mean**2 for side, mean in zip((one, other), means)]
        covariance = self._subsets @ (one * other) - means[0] * means[1]
        scale = numpy.sqrt(numpy.maximum(squares[0] * squares[1], 0.0))
        varied = scale > NEGLIGIBLE
        by_query = numpy.where(varied, covariance / numpy.where(varied, scale, 1.0), 0.0)
        return (self._queries * by_query).sum(axis=1)


def _drawn(rng: numpy.random.Generator, count: int, resamples: int) -> numpy.ndarray:
    return rng.multinomial(count, numpy.full(count, 1.0 / count), size=resamples)


def estimate(values: numpy.ndarray) -> dict[str, float]:
    """Describe a value and its resamples (float64, 1 + resamples) by the value and its 95 % interval."""
    low, high = numpy.percentile(values[1:], [2.5, 97.5])
    return {"value": float(values[0]), "low": float(low), "high": float(high)}


def of_mean(reliability: numpy.ndarray, seeds: int) -> numpy.ndarray:
    """Return the reliability of the mean of so many seeds (Spearman-Brown)."""
    return seeds * reliability / (1.0 + (seeds - 1.0) * reliability)


def ceiling(reliability: numpy.ndarray) -> dict[str, Any]:
    """Describe a target by its reliability and by what can be reached against it."""
    reached = numpy.sqrt(numpy.maximum(reliability, 0.0))
    return {"reliability": estimate(reliability), "reached_at_most": estimate(reached)}

"""Intervals of means over queries, and of their differences between methods, paired: by a seeded bootstrap, or by
Student's t where there are too few queries for one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Optional

import numpy

RESAMPLES = 2000
SEED = 0
FEW = 20  # of so few values the percentiles of means are too close together


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval. low, high: nan with fewer than two values."""

    mean: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Optional[float]]:
        """Return plain values; None for nan, which JSON does not have."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}

    def overlaps(self, other: Estimate) -> bool:
        """Do two intervals have a value in common? Also if one of them is not defined."""
        return not (self.low > other.high or other.low > self.high)

    def within(self, lowest: float, highest: float) -> Estimate:
        """Cut the interval off at what the mean can be at least and at most: Student's t knows of no limits."""
        low, high = numpy.clip([self.low, self.high], lowest, highest).tolist()
        return replace(self, low=low, high=high)


def estimate(values: numpy.ndarray) -> Estimate:
    """Average values (floats, queries) and resample the queries. The same queries are drawn for all arrays of one size,
    so the differences of two methods' values have a paired interval."""
    values = numpy.asarray(values, dtype=numpy.float64)
    if len(values) < 2:
        nan = float("nan")
        return Estimate(float(values.mean()) if len(values) else nan, nan, nan)
    if len(values) < FEW:
        from scipy.stats import t

        half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
        return Estimate(float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)
    drawn = numpy.random.default_rng(SEED).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = numpy.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return Estimate(float(values.mean()), float(low), float(high))

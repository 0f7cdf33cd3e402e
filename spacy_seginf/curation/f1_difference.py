"""By how much F1 differs between two predictions of the same documents, and how much of that may be chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy

DRAWS = 1000
SEED = 0
FEW = 20  # documents: of fewer, drawing them anew says little


@dataclass(frozen=True)
class F1Difference:
    """documents (int): annotated ones. difference (float): F1 after, less that before. low, high (float): its 95 %
    interval, from drawing documents anew; nan where there are too few."""

    documents: int
    difference: float
    low: float = math.nan
    high: float = math.nan

    @property
    def sentence(self) -> str:
        """The difference in points, and what to think of it."""
        said = f"{100 * self.difference:+.1f}"
        if math.isnan(self.low):
            return f"{said}. Annotated documents: {self.documents}, too few to tell a difference from chance."
        interval = f"{said} (95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f}, by drawing documents anew)"
        return f"{interval}, which may be chance." if self.low <= 0.0 <= self.high else f"{interval}."


def f1_difference(counts: numpy.ndarray) -> F1Difference:
    """Compare two predictions.

    counts (int64, documents x 5): in each, the annotated entities that are predicted before and after, all that are
    annotated, and all that are predicted before and after.
    """
    total = counts.sum(axis=0)
    found = float(_difference(total[None])[0])
    if len(counts) < FEW:
        return F1Difference(len(counts), found)
    generator = numpy.random.default_rng(SEED)
    drawn = [
        numpy.bincount(generator.integers(len(counts), size=len(counts)), minlength=len(counts)) @ counts
        for _ in range(DRAWS)
    ]
    low, high = numpy.percentile(_difference(numpy.array(drawn)), [2.5, 97.5]).tolist()
    return F1Difference(len(counts), found, low, high)


def _difference(counts: numpy.ndarray) -> numpy.ndarray:
    """float64, rows: of counts, as above."""
    right_before, right_after, annotated, found_before, found_after = counts.T
    before = 2.0 * right_before / numpy.maximum(annotated + found_before, 1)
    return 2.0 * right_after / numpy.maximum(annotated + found_after, 1) - before

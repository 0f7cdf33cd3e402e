"""Intervals of shares."""

from __future__ import annotations

import math

from spacy_seginf.evaluation.intervals import Estimate


def wilson(share: float, count: float) -> Estimate:
    """Return a share of some independent trials with its Wilson interval, which has a width also at 0 and 1; all nan
    without trials."""
    if not count:
        return Estimate(math.nan, math.nan, math.nan)
    z = 1.959964  # of the normal distribution, 95 %
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    # Rounding must not push an end beyond what it means.
    return Estimate(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))

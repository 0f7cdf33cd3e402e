"""Which of several orders of suspicion to follow, by what decisions have found in each.

Thompson's probability matching (Thompson 1933, "On the likelihood that one unknown probability exceeds another in view
of the evidence of two samples"): an order is followed as often as it is probably the one in which most is wrong. Errors
that a tagger has learned do not look suspicious to its own heads; whether a corpus has such errors, decisions tell.
"""

from __future__ import annotations

from typing import Sequence

import numpy
from scipy.stats import beta

from .ranking import ScoredIssue

PRIOR = (2.0, 2.0)  # decisions, confirmed and kept, that the first order begins with
OTHERS = (1.0, 2.0)  # and that every other one does
FADING = 0.98  # of what a decision counts for, with every later one
GRID = (numpy.arange(400) + 0.5) / 400  # shares of errors at which beliefs are compared
SELDOM = 1e-3  # probability below which an order is not followed


def followed(ranks: numpy.ndarray, decided: numpy.ndarray, wrong: numpy.ndarray) -> numpy.ndarray:
    """Return how often each order is followed (float64, orders; the sum is 1).

    ranks (int64, orders x regions): the place of each region in each order. decided (ints): regions, the latest last;
        what was found there counts for the order that has it first, and the less the longer ago it was. wrong (bool,
        the same length): whether their labels were changed.
    """
    owners = ranks[:, decided].argmin(axis=0)
    weights = FADING ** numpy.arange(len(decided))[::-1]
    counts = numpy.array([PRIOR] + [OTHERS] * (len(ranks) - 1))
    for column, outcome in enumerate((wrong, ~wrong)):
        counts[:, column] += numpy.bincount(owners[outcome], weights[outcome], minlength=len(ranks))
    return probably_best(counts)


def probably_best(counts: numpy.ndarray) -> numpy.ndarray:
    """Return the probability that each of some Beta-distributed shares is the largest (float64, n; the sum is 1).

    counts (float64, n x 2): both parameters of each distribution.
    """
    below = numpy.array([beta.cdf(GRID, *pair) for pair in counts])
    densities = numpy.array([beta.pdf(GRID, *pair) for pair in counts])
    best = numpy.array([one @ numpy.delete(below, row, axis=0).prod(axis=0) for row, one in enumerate(densities)])
    return best / best.sum()


def interleaved(orders: Sequence[Sequence[ScoredIssue]], shares: numpy.ndarray) -> list[ScoredIssue]:
    """Merge orders so that every beginning has about the given share of each (float64, orders)."""
    every = [
        ((place + 1) / shares[number], number, issue)
        for number, order in enumerate(orders)
        for place, issue in enumerate(order)
    ]
    return [issue for _, _, issue in sorted(every, key=lambda one: one[:2])]

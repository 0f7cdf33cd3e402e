"""How well a score finds wrong labels: measures of a ranking, with bootstrap confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Optional, Sequence

import numpy

Measure = Callable[["Ranking"], float]
NAN = float("nan")


@dataclass(frozen=True)
class Ranking:
    """Items by falling score. Items of equal score share a step: which of them comes first is chance.

    relevant, total (float64, steps): how many relevant items, and how many in all, have each score.
    """

    relevant: numpy.ndarray
    total: numpy.ndarray

    @property
    def base_rate(self) -> float:
        """Share of relevant items: the precision of chance. nan without items."""
        return float(self.relevant.sum() / self.total.sum()) if self.total.sum() else NAN


def rank(scores: numpy.ndarray, relevant: numpy.ndarray) -> Ranking:
    """Sort items (scores: floats, n; relevant: bool, n) by falling score."""
    return _ranking(_steps(scores), relevant, numpy.ones(len(scores)))


def auroc(ranking: Ranking) -> float:
    """Return the probability that a relevant item has a higher score than another, ties counting one half (the
    Mann-Whitney statistic). nan if all items are relevant, or none."""
    positive, negative = ranking.relevant.sum(), (ranking.total - ranking.relevant).sum()
    if not positive or not negative:
        return NAN
    others = ranking.total - ranking.relevant
    below = negative - numpy.cumsum(others) + 0.5 * others
    return float(ranking.relevant @ below / (positive * negative))


def average_precision(ranking: Ranking) -> float:
    """Return the sum over steps of (growth of recall) * (precision down to the step): items of equal score enter
    together, so a constant score has the base rate. nan without relevant items."""
    found, seen = numpy.cumsum(ranking.relevant), numpy.cumsum(ranking.total)
    if not len(found) or not found[-1]:
        return NAN
    return float(ranking.relevant @ (found / numpy.maximum(seen, 1.0)) / found[-1])


def precision_at(ranking: Ranking, n: int) -> float:
    """Return the share of relevant items among the first n, or among all if there are fewer: the expected one over the
    orders of items of equal score. nan without items."""
    total = min(float(n), float(ranking.total.sum()))
    return _found(ranking, total) / total if total else NAN


def recall_at(ranking: Ranking, n: int) -> float:
    """Return the share of relevant items that are among the first n: the expected one, as ``precision_at``. nan without
    relevant items."""
    relevant = float(ranking.relevant.sum())
    return _found(ranking, min(float(n), float(ranking.total.sum()))) / relevant if relevant else NAN


@dataclass(frozen=True)
class Estimate:
    """A measure and its bootstrap interval (percentiles). value is that of all items; all may be nan."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Retrieval:
    """How well a score finds relevant items.

    auroc, average_precision (Estimate). precision, recall (dict of int to Estimate): at each n. base_rate (float): the
    precision of chance, and its average precision. items, relevant (int): how many.
    """

    auroc: Estimate
    average_precision: Estimate
    precision: dict[int, Estimate]
    recall: dict[int, Estimate]
    base_rate: float
    items: int
    relevant: int

    def figures(self) -> dict[str, Any]:
        """Return plain values: measure -> [value, low, high], and the base rate."""
        found = {"auroc": self.auroc, "average_precision": self.average_precision}
        found.update({f"precision_at_{n}": estimate for n, estimate in self.precision.items()})
        found.update({f"recall_at_{n}": estimate for n, estimate in self.recall.items()})
        values: dict[str, Any] = {name: [part.value, part.low, part.high] for name, part in found.items()}
        return {**values, "base_rate": self.base_rate, "items": self.items, "relevant": self.relevant}


def evaluate_retrieval(
    scores: numpy.ndarray,
    relevant: numpy.ndarray,
    *,
    at: Sequence[int] = (100,),
    groups: Optional[numpy.ndarray] = None,
    repeats: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> Retrieval:
    """Measure how well scores (floats, n) find relevant items (bool, n).

    at (ints): the n of precision and recall. groups (ints, n, 0 and up): what is drawn together in the bootstrap, such
        as the document of a token, whose errors are no independent draws; each item by itself if None.
    repeats (int), seed (int), level (float): of the bootstrap; without repeats, intervals are nan.
    """
    relevant = numpy.asarray(relevant, dtype=bool)
    measures: list[Measure] = [auroc, average_precision]
    measures += [lambda ranking, n=n: precision_at(ranking, n) for n in at]  # type: ignore[misc]
    measures += [lambda ranking, n=n: recall_at(ranking, n) for n in at]  # type: ignore[misc]
    steps = _steps(scores)
    whole = _ranking(steps, relevant, numpy.ones(len(relevant)))
    members = numpy.arange(len(relevant)) if groups is None else numpy.asarray(groups, dtype=numpy.int64)
    count = int(members.max()) + 1 if len(members) else 0
    generator = numpy.random.default_rng(seed)
    drawn = numpy.full((max(repeats, 1), len(measures)), NAN)
    for repeat in range(repeats if count else 0):
        times = numpy.bincount(generator.integers(count, size=count), minlength=count)
        drawn[repeat] = [measure(_ranking(steps, relevant, times[members])) for measure in measures]
    low, high = (_percentiles(drawn, share) for share in ((1 - level) / 2, (1 + level) / 2))
    estimates = [Estimate(measure(whole), *ends) for measure, *ends in zip(measures, low, high)]
    precision = dict(zip(at, estimates[2 : 2 + len(at)]))
    recall = dict(zip(at, estimates[2 + len(at) :]))
    return Retrieval(estimates[0], estimates[1], precision, recall, whole.base_rate, len(relevant), int(relevant.sum()))


def _steps(scores: numpy.ndarray) -> numpy.ndarray:
    """Number the different scores, the highest first (int64, n)."""
    return numpy.unique(-numpy.asarray(scores, dtype=numpy.float64), return_inverse=True)[1].reshape(-1)


def _ranking(steps: numpy.ndarray, relevant: numpy.ndarray, times: numpy.ndarray) -> Ranking:
    """Count items that occur some times each."""
    return Ranking(numpy.bincount(steps, times * relevant), numpy.bincount(steps, times))


def _found(ranking: Ranking, n: float) -> float:
    """Return how many relevant items are expected among the first n."""
    seen = numpy.cumsum(ranking.total)
    share = numpy.clip((n - (seen - ranking.total)) / numpy.maximum(ranking.total, 1.0), 0.0, 1.0)
    return float(ranking.relevant @ share)


def _percentiles(drawn: numpy.ndarray, share: float) -> list[float]:
    """Return a percentile of each column among the draws for which it is defined."""
    columns = [column[~numpy.isnan(column)] for column in drawn.T]
    return [float(numpy.quantile(column, share)) if len(column) else NAN for column in columns]

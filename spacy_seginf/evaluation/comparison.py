"""What a comparison of methods found: values by query, their means with intervals, and differences between methods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional, Sequence

import numpy

from .deletion import SIDES
from .intervals import Estimate, estimate


@dataclass(frozen=True)
class Measure:
    """What is measured: the head of its column, what it means, whether higher is better, the least that it can be (1 is
    the most), and how far two methods can be apart."""

    column: str
    meaning: str
    higher: bool = True
    lowest: float = -1.0
    apart: float = 1.0


MEASURES = {
    "auc_del_plus": Measure(
        "AUC-DEL+ (lower is better)",
        "AUC-DEL+: mean change of the probability of the prediction when its top supporting labels are really removed; "
        "negative is good, the lower the better",
        higher=False,
    ),
    "auc_del_minus": Measure(
        "AUC-DEL- (higher is better)",
        "AUC-DEL-: the same for its top opposing labels; positive is good, the higher the better",
    ),
    "lds": Measure(
        "LDS (higher is better)",
        "LDS: rank correlation of the sum of scores of what is kept with the refit's log-probability, over random "
        "halves of the documents; 1 is perfect, 0 says nothing",
        apart=2.0,
    ),
    "planted_top1": Measure(
        "planted top 1",
        "planted top 1: share of victims whose top supporting segment holds a planted culprit",
        lowest=0.0,
    ),
    "planted_mrr": Measure("planted MRR", "planted MRR: mean of one over the rank of the first culprit", lowest=0.0),
    "planted_ap": Measure(
        "planted AP",
        "planted AP: mean average precision of the ranking of culprits; chance is the base rate",
        lowest=0.0,
    ),
}
UNCHANGED = 1e-4  # of a probability: a refit is not more exact than that


@dataclass(frozen=True)
class SeedValues:
    """What one seed says of a method.

    changes (float64, sides x queries x ks): of the probability of each query's labels. right_signs: share of what was
    deleted that has the sign of its side, the same shape. lds (float64, queries).
    """

    changes: numpy.ndarray
    right_signs: numpy.ndarray
    lds: numpy.ndarray


@dataclass(frozen=True)
class MethodValues:
    """What all seeds say of a method.

    name, settings, cost: the method, its config block, and what it takes in words.
    values: by measure, one number per query or victim (float64), the seeds one after another.
    changes, right_signs: as in ``SeedValues``, all queries.
    by_seed: by measure, the mean of each seed.
    costs: prepare_seconds, ms_per_query (the means of the seeds), bytes_per_segment.
    """

    name: str
    settings: dict[str, Any]
    cost: str
    values: dict[str, numpy.ndarray]
    changes: numpy.ndarray
    right_signs: numpy.ndarray
    by_seed: dict[str, list[float]]
    costs: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """Methods, compared. The first is the one that the others are subtracted from. facts: settings and sizes.

    queries, victims (lists of dict): the predictions that ``MethodValues.values`` are of, in their order: document
        (its number in the corpus), start, end (tokens; exclusive), text, label, and the seed that drew a query.
    """

    methods: list[MethodValues]
    facts: dict[str, Any]
    queries: list[dict[str, Any]] = field(default_factory=list)
    victims: list[dict[str, Any]] = field(default_factory=list)

    @property
    def largest_change(self) -> float:
        """By how much the deletion that changed most changed the probability of a prediction."""
        return max(float(numpy.abs(method.changes).max()) for method in self.methods)

    @property
    def unchanged(self) -> bool:
        """Did no deletion change anything? Then the measures of deletion are noise."""
        return self.largest_change <= UNCHANGED

    @property
    def measures(self) -> list[str]:
        """Names of what was measured."""
        return [name for name in MEASURES if name in self.methods[0].values]

    def estimates(self, measure: str) -> list[Estimate]:
        """The mean of each method, over queries."""
        return [self.mean(method, measure) for method in self.methods]

    def mean(self, method: MethodValues, measure: str) -> Estimate:
        """The mean of a method, over queries."""
        return estimate(method.values[measure]).within(MEASURES[measure].lowest, 1.0)

    def curves(self, side: str) -> list[list[Estimate]]:
        """The mean change of probability of each method, for each k."""
        changes = [method.changes[SIDES.index(side)] for method in self.methods]
        return [[estimate(column).within(-1.0, 1.0) for column in own.T] for own in changes]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        methods: dict[str, Any] = {}
        for number, method in enumerate(self.methods):
            methods[method.name] = {
                "settings": method.settings,
                "cost": method.cost,
                **method.costs,
                **{name: self.estimates(name)[number].as_dict() for name in self.measures},
                "by_seed": method.by_seed,
                "curves": {side: [point.as_dict() for point in self.curves(side)[number]] for side in SIDES},
                "right_signs": dict(zip(SIDES, method.right_signs.mean(axis=(1, 2)).tolist())),
                "by_query": {name: values.tolist() for name, values in method.values.items()},
            }
        changed = {"largest_change": self.largest_change, "unchanged": self.unchanged}
        asked = {"queries": self.queries, "victims": self.victims}
        return {"facts": {**self.facts, **changed}, "methods": methods, "differences": self._differences(), **asked}

    def difference(self, other: MethodValues, measure: str) -> Estimate:
        """The first method minus another, paired by query."""
        apart = MEASURES[measure].apart
        return estimate(self.methods[0].values[measure] - other.values[measure]).within(-apart, apart)

    def _differences(self) -> dict[str, Any]:
        """All differences as plain values. better: whether the whole interval is on the good side. intervals_overlap:
        of the two means."""
        first, *others = self.methods
        found: dict[str, Any] = {}
        for other in others:
            entries = found[f"{first.name} minus {other.name}"] = {}
            for measure in self.measures:
                paired = self.difference(other, measure)
                better = paired.low > 0 if MEASURES[measure].higher else paired.high < 0
                overlap = self.mean(first, measure).overlaps(self.mean(other, measure))
                entries[measure] = {**paired.as_dict(), "better": better, "intervals_overlap": overlap}
        return found


def combine(
    name: str,
    settings: dict[str, Any],
    cost: str,
    seeds: Sequence[SeedValues],
    planted: Optional[dict[str, numpy.ndarray]],
    costs: Sequence[dict[str, float]],
) -> MethodValues:
    """Put together what seeds say of a method. planted: values by victim, if there are any."""
    areas = [seed.changes.mean(axis=2) for seed in seeds]
    by_seed = {
        "auc_del_plus": [area[0] for area in areas],
        "auc_del_minus": [area[1] for area in areas],
        "lds": [seed.lds for seed in seeds],
    }
    values = {measure: numpy.concatenate(parts) for measure, parts in by_seed.items()}
    return MethodValues(
        name,
        settings,
        cost,
        {**values, **(planted or {})},
        numpy.concatenate([seed.changes for seed in seeds], axis=1),
        numpy.concatenate([seed.right_signs for seed in seeds], axis=1),
        {measure: [float(part.mean()) for part in parts] for measure, parts in by_seed.items()},
        {kind: float(numpy.mean([own[kind] for own in costs])) for kind in costs[0]},
    )

"""The rows of the experiment on dosages, from what each pipeline said."""

from __future__ import annotations

from typing import Any, Sequence

import numpy

from ...common.shares import wilson
from ..results import Row
from ..token_f1 import f1_estimate, mean_f1
from .judgement import ANY, ANYWHERE, DOCUMENT, EXAMPLE, TOKEN
from .pipeline import COSINE, EMISSIONS, IDENTITY, INSTANCE, NEIGHBOURS, SEGMENT, SIDES
from .questions import GOLD

CONFLICTING = "conflicting"
COLUMNS = (*SIDES, CONFLICTING)
METHODS = {
    SEGMENT: "segment influence",
    IDENTITY: "segment influence with identity curvature",
    COSINE: "segment influence with identity curvature, cosine",
    EMISSIONS: "influence through emissions alone, cosine",
    INSTANCE: "instance influence",
    NEIGHBOURS: "nearest neighbours",
}
RIGHT = {
    "supporting": "top supporting reference right",
    "opposing": "top opposing reference right",
    CONFLICTING: "conflicting pair: both right",
}
# Of the conflicting pair when the gold label is explained, by method and level. The authors have identity curvature and
# no transitions; segment influence of any kind is held to what they report of it.
PUBLISHED = {
    (INSTANCE, EXAMPLE): 0.354,
    **dict.fromkeys([(SEGMENT, EXAMPLE), (IDENTITY, EXAMPLE), (EMISSIONS, EXAMPLE)], 0.979),
    **dict.fromkeys([(SEGMENT, TOKEN), (IDENTITY, TOKEN), (EMISSIONS, TOKEN)], 0.854),
    (NEIGHBOURS, EXAMPLE): 0.875,
    (NEIGHBOURS, TOKEN): 0.833,
}
GOALS = {EXAMPLE: ">= 0.98", TOKEN: ">= 0.90"}
F1_GOAL = ">= 0.70"
ONE_PIPELINE = "One training seed only: the interval is that of the queries."
NO_QUERIES = "No test dosage that is labelled as outside is predicted as an intervention, so there is nothing to judge."


def dosage_rows(found: Sequence[dict[str, Any]]) -> list[Row]:
    """Make the rows from what ``ask_pipeline`` returned for each training seed."""
    seeds = ONE_PIPELINE if len(found) == 1 else ""
    rows = [
        _row(found, group, method, column, level, seeds)
        for group in found[0]["right"]
        for method in METHODS
        for column in COLUMNS
        for level in ((EXAMPLE,) if method == INSTANCE else (EXAMPLE, TOKEN))
    ]
    return rows + [_f1_row(found, key, seeds) for key in found[0]["counts"]]


def _row(found: Sequence[dict[str, Any]], group: str, method: str, column: str, level: str, seeds: str) -> Row:
    labels, explained = group.split("/")
    hits = [_hits(each["right"][group][method], column, level) for each in found]
    shares = [float(own.mean()) if len(own) else float("nan") for own in hits]
    asked = [len(own) for own in hits if len(own)]
    chance, anything = _chances(found, group, method, column, level)
    paper = column == CONFLICTING and explained == GOLD
    notes = [seeds, "" if asked else NO_QUERIES]
    if method != INSTANCE:
        notes.append(f"Tokens drawn among all labels would score {anything:.3g}.")
    return Row(
        f"{labels}_{explained}_{method}_{column}_{level}",
        f"{RIGHT[column]}, by {level}; {METHODS[method]}; the {explained} label explained, test labels: {labels}",
        wilson(float(numpy.nanmean(shares)), float(numpy.mean(asked))) if asked else wilson(0.0, 0.0),
        shares,
        PUBLISHED.get((method, level)) if paper else None,
        chance,
        GOALS[level] if paper and method in (SEGMENT, IDENTITY, COSINE, EMISSIONS) else "",
        sum(asked),
        " ".join(note for note in notes if note),
    )


def _hits(right: dict[str, dict[str, list[int]]], column: str, level: str) -> numpy.ndarray:
    """Return whether each query is answered rightly (int64)."""
    sides = SIDES if column == CONFLICTING else (column,)
    hits: numpy.ndarray = numpy.min([right[side][level] for side in sides], axis=0, initial=1).astype(numpy.int64)
    return hits


def _chances(found: Sequence[dict[str, Any]], group: str, method: str, column: str, level: str) -> tuple[float, float]:
    """Return how often random references would be right: those with the labels in question (random documents for
    instance influence), and random tokens of any label."""
    sides = SIDES if column == CONFLICTING else (column,)
    names = (DOCUMENT if method == INSTANCE else level), (ANYWHERE if level == EXAMPLE else ANY)
    own, anything = (
        float(numpy.mean([numpy.prod([each["base_rates"][group][side][name] for side in sides]) for each in found]))
        for name in names
    )
    return own, anything


def _f1_row(found: Sequence[dict[str, Any]], key: str, seeds: str) -> Row:
    counts = numpy.array([each["counts"][key] for each in found])
    documents = counts.shape[1]
    by_seed: list[float] = mean_f1(counts.sum(axis=1)).tolist() if documents else [float("nan")] * len(found)
    note = "" if documents else f"No test document has {key}."
    return Row(
        f"{key}_token_f1",
        f"F1 of test tokens, mean of the classes without the outside; test labels: {key}",
        f1_estimate(counts),
        by_seed,
        goal=F1_GOAL,
        count=documents,
        note=" ".join(part for part in (seeds, note) if part),
    )

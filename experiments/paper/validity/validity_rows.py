"""Rows of section 5.1: agreement of predictions with refits, and how many refits are doubtful."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Sequence

import numpy

from spacy_seginf.evaluation.intervals import estimate
from spacy_seginf.explanation.agreement import agreement
from spacy_seginf.influence.removal import LEVERAGE_FLAG

from ..results import Row

PREDICTIONS = {
    "shown": "what explanations show",
    "corrected": "one step, corrected for leverage",
    "identity": "identity curvature, the authors'",
}
PREFIXES = {"shown": "", "corrected": "one_step_", "identity": "identity_"}  # of the rows' keys
MEASURES = {
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "slope": "Slope of predicted on actual",
}
PUBLISHED = {"pearson": 0.89, "spearman": 0.946, "slope": 0.46}
GOALS = {"pearson": ">= 0.99", "slope": "0.95 to 1.05"}
NOTES = {  # by key
    "pearson": "The published figure leaves one outlier out; with it, it is 0.865. Here, all pairs are kept.",
    "slope": "1 is right; below 1, effects are predicted too small.",
    "identity_slope": "Scores under identity curvature have no unit, so their slope says little.",
}


def agreement_rows(changes: dict[str, list[numpy.ndarray]]) -> list[Row]:
    """Compare every prediction with refits. changes (dict of lists, a float64 queries x references for each seed)."""
    return [
        replace(
            row,
            published=PUBLISHED[measure],
            goal=GOALS.get(measure, "") if name == "shown" else "",
            note=NOTES.get(row.key, ""),
        )
        for name, words in PREDICTIONS.items()
        for measure, row in _compared(changes[name], changes["actual"], PREFIXES[name], words).items()
    ]


def all_pairs_rows(changes: dict[str, list[numpy.ndarray]]) -> list[Row]:
    """Compare what explanations show with refits for every label that is taken away and every query. changes (dict of
    lists, a float64 labels x queries for each seed)."""
    words = "every label taken away for every query"
    return list(_compared(changes["shown"], changes["actual"], "all_pairs_", words).values())


def _compared(
    predicted: Sequence[numpy.ndarray], actual: Sequence[numpy.ndarray], prefix: str, words: str
) -> dict[str, Row]:
    """Compare with refits, a seed at a time; return a row for each measure."""
    by_seed = [agreement(*pair).as_dict() for pair in zip(predicted, actual)]
    rows = {}
    for measure, title in MEASURES.items():
        values, most = [found[measure] for found in by_seed], math.inf if measure == "slope" else 1.0
        rows[measure] = Row(
            key=prefix + measure,
            what=f"{title}: {words}",
            measured=estimate(numpy.array(values)).within(-most, most),
            by_seed=values,
            base_rate=None if measure == "slope" else 0.0,
            count=sum(int(found["pairs"]) for found in by_seed),
        )
    return rows


def doubt_rows(found: list[dict[str, Any]]) -> list[Row]:
    """Count the refits whose result is doubtful; they are among the pairs all the same."""
    words = {
        "not_converged": "Refits that did not converge",
        "elsewhere": f"Refits (leverage above {LEVERAGE_FLAG:g}) that end elsewhere from another beginning",
    }
    rows = []
    for name, what in words.items():
        values = [float(seed[name]) for seed in found]
        refits = sum(seed["refits"] for seed in found)
        rows.append(Row(name, what, estimate(numpy.array(values)), values, count=refits, note="A number per seed."))
    return rows


def totals(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up sizes and seconds of the seeds."""
    names = ("mispredicted", "dev_tokens", "refits", "flagged", "clipped", "seconds")
    return {name: round(sum(seed[name] for seed in found), 1) for name in names}

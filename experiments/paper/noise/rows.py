"""Rows of the experiments on noise, from the figures of pipelines and of draws of clean documents."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

import numpy

from spacy_seginf.evaluation.intervals import Estimate

from ..results import Row
from .measures import READ

MEASURES = {"auroc": "AUROC", "average_precision": "average precision"}
LEVELS = {"token": "Tokens", "entity": "Spans"}
Figures = Mapping[str, Any]


def measure_row(
    key: str,
    what: str,
    found: Sequence[Figures],
    measure: str,
    *,
    published: Optional[float] = None,
    goal: str = "",
    note: str = "",
    main: bool = False,
) -> Row:
    """Make a row of one measure of ``Retrieval.figures``, averaged over pipelines or draws, as are the ends of its
    bootstrap interval."""
    base_rate = 0.5 if measure == "auroc" else found[0]["base_rate"]
    values = [figures[measure] for figures in found]
    return value_row(
        key,
        what,
        values,
        published=published,
        base_rate=base_rate,
        goal=goal,
        count=found[0]["items"],
        note=note,
        main=main,
    )


def value_row(key: str, what: str, values: Sequence[Sequence[float]], **more: Any) -> Row:
    """Make a row of [value, low, high] of each pipeline or draw."""
    mean, low, high = numpy.mean(values, axis=0).tolist()
    return Row(key, what, Estimate(mean, low, high), by_seed=[value for value, _, _ in values], **more)


def document_rows(
    key: str,
    what: str,
    found: Sequence[Figures],
    published: tuple[Optional[float], Optional[float]] = (None, None),
    goals: tuple[str, str] = ("", ""),
    note: str = "",
    main: bool = False,
) -> list[Row]:
    """Make rows of AUROC and average precision of documents, in this order published, and with these goals."""
    return [
        measure_row(
            f"{key}_{measure}", f"{what}: {name}", found, measure, published=own, goal=goal, note=note, main=main
        )
        for (measure, name), own, goal in zip(MEASURES.items(), published, goals)
    ]


def reading_rows(
    level: str, key: str, what: str, found: Sequence[Figures], goal: str = "", main: bool = False
) -> list[Row]:
    """Make rows of the average precision of tokens or entities (``level``), and of the precision of those read first.

    goal (str): of the average precision. main (bool): of all these rows.
    """
    rows = [
        measure_row(
            f"{level}_{key}_average_precision",
            f"{LEVELS[level]}, {what}: average precision",
            found,
            "average_precision",
            goal=goal,
            main=main,
        )
    ]
    for n in READ:
        title = f"{LEVELS[level]}, {what}: share of wrong ones among the first {n}"
        rows.append(measure_row(f"{level}_{key}_precision_at_{n}", title, found, f"precision_at_{n}", main=main))
    return rows


def fixing_rows(
    found: Sequence[Mapping[str, Mapping[str, Sequence[float]]]], spans: int, prefix: str = ""
) -> list[Row]:
    """Make rows of the corrected test F1 after corrections, and of the gain over none.

    found: ``corrected.f1_figures`` of each pipeline. spans (int): how many were corrected.
    """
    words = {
        "nothing": "nothing",
        "flagged": f"the {spans} most suspicious spans",
        "random": f"{spans} random spans",
        "all": "all wrong labels",
    }
    note = "The head is refit on frozen features; the encoder is not trained again. Intervals are over test documents."
    rows = []
    for name, what in words.items():
        values = [figures[name]["f1"] for figures in found]
        rows.append(value_row(f"{prefix}test_f1_{name}", f"Corrected test F1 with {what} corrected", values, note=note))
        if name != "nothing":
            gains = [figures[name]["gain"] for figures in found]
            title = f"Gain in corrected test F1 with {what} corrected"
            rows.append(value_row(f"{prefix}test_f1_gain_{name}", title, gains, base_rate=0.0, note=note, main=True))
    return rows


def best_of(found: Sequence[Mapping[str, Figures]], names: Sequence[str], measure: str) -> str:
    """Return the score with the highest mean of a measure over pipelines or draws."""
    return max(names, key=lambda name: float(numpy.mean([figures[name][measure][0] for figures in found])))

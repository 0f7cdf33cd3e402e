"""The rows of the experiment on a planted artifact, from what each pipeline said."""

from __future__ import annotations

from typing import Any, Sequence

import numpy

from ...common.shares import wilson
from ..results import Row
from .answers import SCANS, SEGMENT, TOP

METHODS = {
    SEGMENT: "segment influence, the effect of taking a training label away",
    "segment_cosine": "segment influence, cosine in the curvature of the index",
    "segment_identity_dot": "segment influence with identity curvature",
    "segment_identity_cosine": "segment influence with identity curvature, cosine",
    "instance": "instance influence",
    "instance_normalised": "instance influence, gradients divided by tokens",
    "instance_identity": "instance influence with identity curvature",
    "instance_identity_normalised": "instance influence with identity curvature, gradients divided by tokens",
    "nearest_neighbours": "nearest neighbours of the query's label",
}
SEGMENTS = tuple(name for name in METHODS if name.startswith(SEGMENT))
# All variants of segment influence are held to what is reported of it; none is picked for doing best.
PUBLISHED = {**dict.fromkeys(SEGMENTS, 1.0), "instance": 0.263, "instance_identity": 0.263}
GOALS = dict.fromkeys(SEGMENTS, ">= 1.0")


def artifact_rows(found: Sequence[dict[str, Any]]) -> list[Row]:
    """Make the rows from what ``ask_pipeline`` returned for each training seed; at least one has a query."""
    return [_learned(found), *(_row(found, method, top) for top in (1, TOP) for method in METHODS)]


def _learned(found: Sequence[dict[str, Any]]) -> Row:
    planted, others = (sum(each[name] for each in found) for name in ("planted", "others"))
    return Row(
        "artifact_learned",
        "development tokens after an artifact that are predicted as the artifact says",
        wilson(sum(each["queries"] for each in found) / planted, planted),
        [each["queries"] / each["planted"] for each in found],
        base_rate=sum(each["others_predicted"] for each in found) / max(others, 1),
        count=planted,
        note="The base rate is that of the other tokens outside of entities in the same documents.",
    )


def _row(found: Sequence[dict[str, Any]], method: str, top: int) -> Row:
    hits = [numpy.array([any(rank < top for rank in ranks) for ranks in each["right"][method]]) for each in found]
    every = numpy.concatenate(hits)
    whole = method in SCANS and SCANS[method].by_document
    chances, alike = (
        numpy.mean([1 - (1 - each["base_rates"][name]) ** top for each in found if each["queries"]])
        for name in ("document" if whole else "token", "label")
    )
    what = "document has" if whole else "reference is"
    first = f"the top supporting {what}" if top == 1 else f"one of the top {top} supporting {what}"
    return Row(
        f"{method}_top{top}",
        f"{first} a token after an artifact; {METHODS[method]}",
        wilson(float(every.mean()), len(every)),
        [float(own.mean()) if len(own) else float("nan") for own in hits],
        PUBLISHED.get(method) if top == 1 else None,
        float(chances),
        GOALS.get(method, "") if top == 1 else "",
        len(every),
        "" if whole else f"Training tokens drawn among those with the query's label would score {alike:.3g}.",
        main=top == 1,
    )

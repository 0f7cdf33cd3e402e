"""Which rows a pruned index leaves out, and what of its answers that takes away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Sequence

import numpy

from ..crf import one_label_each
from ..crf.schemes import TAG, TagScheme
from ..index.documents import Documents
from ..index.queries import CurvedQueries
from ..influence.curvature import Metric
from ..influence.factors import TokenFactors
from ..influence.head import Head
from ..influence.segments import SegmentChains
from .fidelity import predictions
from .refit import Judged
from .shard_tasks import load_rows, norms_of

ASKED = 64  # predictions whose references are looked at
SHOWN = 5  # references on each side
FULL = 0.99  # of the references: what keeps less says so loudly


def floors_of(encoded: Sequence[Path], keep: float, tolerance: float) -> tuple[float, float]:
    """Return the norms up to which token rows and entity rows are dropped; -1 drops nothing.

    encoded (sequence of Path): documents with their rows. keep, tolerance: as in ``IndexSettings``.
    """
    if keep >= 1.0 and tolerance <= 0.0:
        return -1.0, -1.0
    floors = []
    for norms in zip(*(norms_of(path) for path in encoded)):
        values = numpy.sort(numpy.concatenate(norms))
        dropped = len(values) - int(numpy.ceil(keep * len(values)))
        if tolerance > 0 and len(values):
            dropped = max(dropped, int(numpy.searchsorted(values, tolerance * values[-1], side="right")))
        # Rows with the same norm are kept together; the largest ones always are.
        dropped = int(numpy.searchsorted(values, values[min(dropped, len(values) - 1)])) if dropped else 0
        floors.append(float(values[dropped - 1]) if dropped else -1.0)
    return floors[0], floors[1]


def kept_references(
    scheme: TagScheme,
    judged: Judged,
    head: Head,
    metric: Metric,
    encoded: Sequence[Path],
    floors: tuple[float, float],
) -> float:
    """Return the share of the strongest references of some predictions that a pruned index keeps (1 without any).

    judged (Judged): texts with their predictions, of which ASKED are looked at. head, metric: of the index.
    encoded (sequence of Path): documents with all their rows. floors: as ``floors_of`` finds them.
    """
    found = [entity[:3] for entity in predictions(scheme, judged.predicted, judged.data.lengths)]
    segments = numpy.array(found[:: max(1, len(found) // ASKED)][:ASKED], dtype=numpy.int64).reshape(-1, 3)
    if not len(segments):
        return 1.0
    data = replace(judged.data, allowed=one_label_each(judged.predicted, judged.data.labels))
    gradients = SegmentChains(head, data, judged.predicted, segments).gradients()
    queries, every = CurvedQueries(metric, gradients), numpy.arange(len(segments))
    parts = []
    for path in encoded:
        tokens, entities = load_rows(Documents(path))
        if scheme.name == TAG:
            features = numpy.asarray(Documents(path).data.features[:])
            factors = TokenFactors(features, tokens.residuals, tokens.labels[:, 0], tokens.labels[:, 2])
            parts.append((queries.scores(every, factors), tokens.norms > floors[0]))
        elif len(entities.norms):
            parts.append((queries.scores(every, entities.factors), entities.norms > floors[1]))
    if not parts:
        return 1.0
    scores, kept = (numpy.concatenate(columns, axis=-1) for columns in zip(*parts))
    shown = numpy.concatenate([scores.argsort(axis=1)[:, :SHOWN], (-scores).argsort(axis=1)[:, :SHOWN]], axis=1)
    strong = numpy.take_along_axis(scores, shown, axis=1) != 0
    return float(kept[shown][strong].mean()) if strong.any() else 1.0

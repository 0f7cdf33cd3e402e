"""What correcting some labels is worth: the head refit with the true labels of some spans, on corrected test labels.

The encoder is not trained again: features stay those that the wrong labels have shaped.
"""

from __future__ import annotations

from typing import Sequence

import numpy

from spacy_seginf.attribution.method import Texts
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.loop.correcting import entity_counts, f1, refit_head

RESAMPLES = 1000
SEED = 0


def fixed_counts(
    source: LabelSource,
    gold: numpy.ndarray,
    sets: dict[str, numpy.ndarray],
    test: Texts,
    progress: Progress,
) -> tuple[dict[str, numpy.ndarray], list[str]]:
    """Refit the head with the true labels of each set of spans.

    gold (int64, training tokens): their true labels. sets (dict of str to int64, n x 3): spans, by name.
    test (Texts): documents at their true labels.
    RETURNS: entities that were predicted rightly, all predicted and all true ones of each test document (float64,
        documents x 3), by name of the set; and the names of sets whose fit did not converge.
    """
    found, unfinished = {}, []
    for name, spans in progress(sets.items(), desc="Refits with corrected labels", total=len(sets), unit="refit"):
        labels = source.labels.copy()
        rows = source.data.rows_of(spans)
        labels[rows] = gold[rows]
        head, converged = refit_head(source, labels)
        unfinished += [] if converged else [name]
        found[name] = entity_counts(head, test, source.scheme)
    return found, unfinished


def f1_figures(counts: dict[str, numpy.ndarray], before: str) -> dict[str, dict[str, Sequence[float]]]:
    """Return the F1 of each set of corrections, and its gain over that of another one, with 95 % intervals: [value,
    low, high]. The bootstrap draws test documents, the same for all."""
    size = len(counts[before])
    drawn = numpy.random.default_rng(SEED).integers(size, size=(RESAMPLES, size))
    values = {name: numpy.array([f1(own), *(f1(own[rows]) for rows in drawn)]) for name, own in counts.items()}
    return {name: {"f1": _interval(own), "gain": _interval(own - values[before])} for name, own in values.items()}


def _interval(values: numpy.ndarray) -> list[float]:
    low, high = numpy.percentile(values[1:], [2.5, 97.5])
    return [float(values[0]), float(low), float(high)]

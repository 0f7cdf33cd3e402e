"""What correcting some labels is worth: the head refit with the true labels of some spans, on corrected test labels.

The encoder is not trained again: features stay those that the wrong labels have shaped.
"""

from __future__ import annotations

from typing import Sequence

import numpy

from ..attribution.method import Texts
from ..crf import one_label_each, split_rows
from ..crf.schemes import TagScheme
from ..curation.source import LabelSource
from ..evaluation.trial import Progress
from ..influence.choose import fit_to_optimum
from ..influence.data import HeadData
from ..influence.head import Head

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
        head = source.head
        if (labels != source.labels).any():
            data = HeadData(source.data.features, one_label_each(labels, source.data.labels), source.data.lengths)
            fit = fit_to_optimum(data, source.head, source.penalty, near=True)
            head = fit.head
            unfinished += [] if fit.converged else [name]
        found[name] = entity_counts(head, test, source.scheme)
    return found, unfinished


def entity_counts(head: Head, test: Texts, scheme: TagScheme) -> numpy.ndarray:
    """Count the entities of each document that a head predicts rightly, all that it predicts, and all true
    ones (float64, documents x 3)."""
    lengths = [length for length in test.data.lengths if length]
    predicted = head.decode(test.data.features, lengths, scheme.mask)
    counts = []
    for own, true in zip(split_rows(predicted, lengths), split_rows(test.labels, lengths)):
        named, wanted = set(scheme.entities(own.tolist())), set(scheme.entities(true.tolist()))
        counts.append((len(named & wanted), len(named), len(wanted)))
    return numpy.array(counts, dtype=numpy.float64).reshape(-1, 3)


def f1(counts: numpy.ndarray) -> float:
    """Return the F1 of documents' counts (float64, documents x 3) together; 0 without entities."""
    right, predicted, true = counts.sum(axis=0)
    return float(2.0 * right / max(predicted + true, 1.0))


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

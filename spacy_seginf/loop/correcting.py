"""What correcting labels is worth: the head refit to the corrected ones, and its entity F1 on texts with right labels.

The encoder is not trained again: features stay those that the wrong labels have shaped.
"""

from __future__ import annotations

import numpy

from ..attribution.method import Texts
from ..crf import one_label_each, split_rows
from ..crf.schemes import TagScheme
from ..curation.source import LabelSource
from ..influence.choose import fit_to_optimum
from ..influence.data import HeadData
from ..influence.head import Head


def refit_head(source: LabelSource, labels: numpy.ndarray) -> tuple[Head, bool]:
    """Return the head refit to other training labels (int64, tokens), and whether the fit converged."""
    if (labels == source.labels).all():
        return source.head, True
    data = HeadData(source.data.features, one_label_each(labels, source.data.labels), source.data.lengths)
    fit = fit_to_optimum(data, source.head, source.penalty, near=True)
    return fit.head, fit.converged


def entity_counts(head: Head, test: Texts, scheme: TagScheme) -> numpy.ndarray:
    """Count the entities of each document that a head predicts rightly, all that it predicts, and all true ones
    (float64, documents x 3)."""
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

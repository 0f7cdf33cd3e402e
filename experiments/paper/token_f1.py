"""F1 of single tokens, averaged over the classes (the outside is none), as EBM-NLP is evaluated."""

from __future__ import annotations

from typing import Sequence

import numpy

from spacy_seginf.evaluation.intervals import RESAMPLES, SEED, Estimate


def class_counts(
    gold: numpy.ndarray, predicted: numpy.ndarray, lengths: Sequence[int], classes: Sequence[int]
) -> numpy.ndarray:
    """Count true positives, false positives and false negatives (int64, documents x classes x 3).

    gold, predicted (ints, tokens): labels. lengths (ints): tokens of each document. classes (ints): labels counted.
    """
    documents = numpy.repeat(numpy.arange(len(lengths)), lengths)
    counts = numpy.zeros((len(lengths), len(classes), 3), dtype=numpy.int64)
    for number, label in enumerate(classes):
        wanted, given = gold == label, predicted == label
        for column, hit in enumerate((wanted & given, ~wanted & given, wanted & ~given)):
            counts[:, number, column] = numpy.bincount(documents[hit], minlength=len(lengths))
    return counts


def mean_f1(counts: numpy.ndarray) -> numpy.ndarray:
    """Average F1 = 2 tp / (2 tp + fp + fn) over the classes (counts: numbers, ... x classes x 3; result: float64, ...).
    A class that is neither there nor predicted has F1 0."""
    hits = 2.0 * counts[..., 0]
    f1: numpy.ndarray = hits / numpy.maximum(hits + counts[..., 1] + counts[..., 2], 1.0)
    return f1.mean(axis=-1)


def f1_estimate(counts: numpy.ndarray) -> Estimate:
    """Average F1 over seeds, with a bootstrap interval over documents, which all seeds share (counts: ints, seeds x
    documents x classes x 3). nan without documents; the interval is nan with a single one."""
    nan = float("nan")
    size = counts.shape[1]
    if not size:
        return Estimate(nan, nan, nan)
    mean = float(mean_f1(counts.sum(axis=1)).mean())
    if size < 2:
        return Estimate(mean, nan, nan)
    generator = numpy.random.default_rng(SEED)
    times = generator.multinomial(size, numpy.full(size, 1 / size), size=RESAMPLES)
    drawn = mean_f1(numpy.einsum("rd,sdck->rsck", times, counts, optimize=True)).mean(axis=1)
    low, high = numpy.percentile(drawn, [2.5, 97.5])
    return Estimate(mean, float(low), float(high))

"""By how much F1 differs, and how much of that may be chance."""

from __future__ import annotations

import math

import numpy
import pytest

from spacy_seginf.curation.f1_difference import FEW, f1_difference

SAME, BETTER, WORSE = (1, 1, 2, 2, 2), (1, 2, 2, 2, 2), (1, 0, 2, 2, 2)


def counts(*rows):
    return numpy.array(rows, dtype=numpy.int64).reshape(-1, 5)


def test_the_difference_is_that_of_all_documents():
    found = f1_difference(counts(SAME, BETTER, (0, 1, 1, 0, 1)))
    assert found.difference == pytest.approx(2 * 4 / (5 + 5) - 2 * 2 / (5 + 4)) and found.documents == 3
    assert math.isnan(found.low) and "too few" in found.sentence
    assert f1_difference(counts()).difference == 0.0


def test_documents_are_drawn_anew():
    sure = f1_difference(counts(*[BETTER] * 30))
    assert (sure.difference, sure.low, sure.high) == (0.5, 0.5, 0.5) and "chance" not in sure.sentence
    mixed = counts(*[BETTER] * 12, *[WORSE] * 8, *[SAME] * 20)
    unsure = f1_difference(mixed)
    assert unsure.low < 0.0 < unsure.difference < unsure.high and "may be chance" in unsure.sentence
    assert f1_difference(mixed) == unsure
    # Each document adds one of -1/2, 0 and 1/2 to the mean: the interval is the normal one, nearly.
    error = numpy.repeat([0.5, -0.5, 0.0], [12, 8, 20]).std() / math.sqrt(40)
    assert unsure.high - unsure.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert not math.isnan(f1_difference(counts(*[SAME] * FEW)).low)

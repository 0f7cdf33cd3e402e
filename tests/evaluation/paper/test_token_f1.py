"""F1 of tokens, against a count by hand."""

import numpy
import pytest

from experiments.common.shares import wilson
from experiments.paper.token_f1 import class_counts, f1_estimate, mean_f1

LENGTHS = [4, 0, 3]
GOLD = numpy.array([1, 1, 0, 2, 0, 2, 0])
PREDICTED = numpy.array([1, 0, 1, 2, 0, 1, 2])


def test_counts_and_f1_by_hand():
    counts = class_counts(GOLD, PREDICTED, LENGTHS, [1, 2])
    # class 1: hit at 0; false at 2 and 5; missed at 1. class 2: hit at 3; false at 6; missed at 5.
    assert counts.tolist() == [[[1, 1, 1], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[0, 1, 0], [0, 1, 1]]]
    assert mean_f1(counts.sum(axis=0)) == pytest.approx((2 / 5 + 2 / 4) / 2)


def test_a_class_that_is_nowhere_has_no_f1():
    counts = class_counts(GOLD, PREDICTED, LENGTHS, [1, 2, 3]).sum(axis=0)
    assert mean_f1(counts) == pytest.approx((2 / 5 + 2 / 4 + 0) / 3)


def test_estimate_averages_seeds_and_draws_documents():
    generator = numpy.random.default_rng(0)
    counts = generator.integers(0, 5, size=(2, 60, 3, 3))
    found = f1_estimate(counts)
    assert found.mean == pytest.approx(numpy.mean([mean_f1(seed.sum(axis=0)) for seed in counts]))
    assert found.mean - 0.1 < found.low < found.mean < found.high < found.mean + 0.1
    same = f1_estimate(numpy.repeat(counts[:, :1], 30, axis=1))
    assert same.low == pytest.approx(same.high)  # whatever is drawn, it is the same document


def test_no_documents():
    assert numpy.isnan(f1_estimate(numpy.zeros((2, 0, 3, 3))).mean)
    alone = f1_estimate(numpy.ones((1, 1, 3, 3)))
    assert alone.mean == pytest.approx(0.5) and numpy.isnan(alone.low)


def test_wilson_interval():
    # Both ends solve |p - share| = z sqrt(p (1 - p) / n).
    found = wilson(0.3, 50)
    for end in (found.low, found.high):
        assert abs(end - 0.3) == pytest.approx(1.959964 * numpy.sqrt(end * (1 - end) / 50))
    assert wilson(1.0, 48).high == 1.0 and 0.9 < wilson(1.0, 48).low < 0.95
    assert wilson(0.0, 48).low == 0.0
    assert numpy.isnan(wilson(0.0, 0).mean)

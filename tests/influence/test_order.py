"""Orders by value in which equals stay in the order of their ties."""

import numpy

from spacy_seginf.explanation.account import _largest
from spacy_seginf.explanation.training_tokens import _best
from spacy_seginf.influence.order import EQUAL, falling


def test_values_that_are_nearly_equal_are_in_the_order_of_their_ties():
    values = numpy.array([1.0, 3.0, 2.0, 1.0 + 1e-9, 3.0 - 1e-9, -1.0])
    assert falling(values, 1e-6).tolist() == [1, 4, 2, 0, 3, 5]
    assert falling(values, 1e-6, ties=numpy.array([5, 4, 3, 2, 1, 0])).tolist() == [4, 1, 2, 3, 0, 5]
    assert falling(values, 0.0).tolist() == [1, 4, 2, 3, 0, 5]


def test_each_owner_has_its_own_order():
    values, owners = numpy.array([1.0, 3.0, 2.0, 4.0, 4.0]), numpy.array([1, 0, 1, 0, 1])
    assert falling(values, 1e-6, owners=owners).tolist() == [3, 1, 4, 2, 0]


def test_nothing_has_an_order():
    assert falling(numpy.zeros(0), 1e-6).tolist() == []


def test_small_values_keep_their_order_beside_large_ones():
    assert falling(numpy.array([1e-9, 2e-9, 5e-6, 1.0]), EQUAL * numpy.array([1e-9, 2e-9, 5e-6, 1.0])).tolist() == [
        3,
        2,
        1,
        0,
    ]
    assert _largest(numpy.array([1.0, -1e-6, 5e-6, 2e-6]), 2).tolist() == [0, 2]


def test_of_equal_neighbours_the_first_are_kept():
    generator = numpy.random.default_rng(0)
    numbers = generator.permutation(100)[None]
    for _ in range(5):
        cosines = (0.9 + generator.uniform(-2e-7, 2e-7, (1, 100))).astype("float32")
        assert sorted(_best(numbers, cosines, 12)[0][0].tolist()) == list(range(12))

"""Orders by value in which equals stay in the order of their ties."""

import numpy

from spacy_seginf.influence.order import falling


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

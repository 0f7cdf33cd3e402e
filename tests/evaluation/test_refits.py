"""Refits without some labels are what one gets by masking the labels by hand and fitting anew."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.evaluation.refits import Refitter, key_of, refit_each, rows_of
from spacy_seginf.influence.data import subset
from spacy_seginf.influence.fit import fit_head

from ..influence.heads import segment_loss
from .heads import L2, tiny_problem


def losses_by_hand(data, start, queries):
    head = fit_head(data, start, L2, 1e-10).head
    return [segment_loss(head, queries.data, queries.labels, segment) for segment in queries.segments.tolist()]


@pytest.fixture(scope="module")
def problem():
    return tiny_problem()


def test_against_a_fit_by_hand(problem):
    context, queries = problem
    refitter = Refitter.of(context, queries)
    rows = rows_of(context.training.data, context.training.segments[[0, 5, 6, 13]])
    allowed = context.training.data.allowed.copy()
    allowed[rows] = True
    losses, converged = refitter.losses(rows)
    assert converged
    expected = losses_by_hand(replace(context.training.data, allowed=allowed), context.head, queries)
    numpy.testing.assert_allclose(numpy.exp(-losses), numpy.exp(-numpy.array(expected)), atol=1e-4)
    before, _ = refitter.losses(rows[:0])
    assert numpy.abs(losses - before).max() > 1e-2


def test_without_half_of_the_documents(problem):
    context, queries = problem
    data = context.training.data
    rows = data.rows(numpy.array([0, 2, 3, 7, 8, 11]))
    losses, converged = Refitter.of(context, queries).losses(rows)
    assert converged
    expected = losses_by_hand(subset(data, numpy.array([1, 4, 5, 6, 9, 10])), context.head, queries)
    numpy.testing.assert_allclose(numpy.exp(-losses), numpy.exp(-numpy.array(expected)), atol=1e-4)


def test_all_labels_can_go(problem):
    context, queries = problem
    losses, converged = Refitter.of(context, queries).losses(numpy.arange(len(context.training.labels)))
    assert converged
    numpy.testing.assert_allclose(losses, 2 * numpy.log(3), atol=1e-2)  # nothing is left but the penalty


@pytest.mark.slow
def test_any_number_of_processes(problem):
    context, queries = problem
    refitter = Refitter.of(context, queries)
    sets = [rows_of(context.training.data, context.training.segments[number : number + 3]) for number in range(5)]
    alone, shared = (list(refit_each(refitter, sets, processes)) for processes in (1, 2))
    for one, other in zip(alone, shared):
        assert one[0].tolist() == other[0].tolist()
        assert one[1] == other[1]


def test_sets_are_named_by_content(problem):
    data = problem[0].training.data
    overlapping = rows_of(data, numpy.array([(1, 0, 3), (1, 2, 5)]))
    assert overlapping.tolist() == [6, 7, 8, 9, 10]
    assert key_of(overlapping) == key_of(rows_of(data, numpy.array([(1, 2, 5), (1, 0, 2)])))
    assert key_of(overlapping) != key_of(overlapping[1:])

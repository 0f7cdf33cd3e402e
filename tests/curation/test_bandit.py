"""Which order of suspicion is followed: probability matching against draws, and that learned errors are found."""

from __future__ import annotations

import numpy
import pytest

from spacy_seginf.curation.bandit import followed, interleaved, probably_best
from spacy_seginf.curation.ranking import ScoredIssue


@pytest.mark.parametrize("counts", [[(2, 2), (1, 2)], [(12, 30), (9, 15), (1, 2)], [(40, 3), (2, 40)]])
def test_the_probability_of_being_best_is_that_of_draws(counts):
    draws = numpy.random.default_rng(0).beta(*numpy.array(counts, dtype=float).T, size=(200_000, len(counts)))
    expected = numpy.bincount(draws.argmax(axis=1), minlength=len(counts)) / len(draws)
    numpy.testing.assert_allclose(probably_best(numpy.array(counts, dtype=float)), expected, atol=5e-3)


def test_what_finds_errors_is_followed():
    ranks = numpy.array([[*range(40)], [*range(39, -1, -1)]])  # the second order is the first one backwards
    first, second = numpy.arange(10), numpy.arange(39, 29, -1)
    decided = numpy.concatenate([first, second])
    errors_in_second = numpy.isin(decided, second)
    assert followed(ranks, decided, errors_in_second)[1] > 0.95
    assert followed(ranks, decided, ~errors_in_second)[0] > 0.95


def test_late_decisions_count_for_more():
    ranks = numpy.array([[0, 1, 2, 3], [3, 2, 1, 0]])
    decided = numpy.array([0, 1] * 30)
    early, late = numpy.arange(60) < 30, numpy.arange(60) >= 30
    assert followed(ranks, decided, late)[0] > followed(ranks, decided, early)[0]


def test_every_beginning_has_its_share_of_each_order():
    def order(document):
        return [ScoredIssue(document, n, n + 1, (), (), -float(n), 0.0, 0.0, n, n) for n in range(40)]

    found = interleaved([order(0), order(1), []], numpy.array([0.75, 0.25, 0.0]))
    assert len(found) == 80
    for length in (8, 20, 40):
        assert abs(sum(one.document == 1 for one in found[:length]) - length / 4) <= 1
    for document in (0, 1):
        assert [one.start for one in found if one.document == document] == [*range(40)]

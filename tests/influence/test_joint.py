"""Several labels changed together: against refits, and against the walk that leads there."""

import numpy
import pytest

from spacy_seginf.crf import one_label_each
from spacy_seginf.errors import SeginfError
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.fit import fit_head, loss_and_gradient
from spacy_seginf.influence.head import Head

from .heads import fitted, random_data

LENGTHS = [7, 5, 6, 1, 8] * 4
LABELS, WIDTH, L2 = 4, 5, 1.0
SEGMENTS = [(0, 2, 3), (0, 4, 6), (2, 1, 4), (3, 0, 1), (6, 0, 5)]


@pytest.fixture(scope="module")
def problem():
    data, labels = random_data(numpy.random.default_rng(3), LENGTHS, LABELS, WIDTH)
    head, _, metric = fitted(data, L2)
    return HeadEffects(data, head, L2, metric), labels


def relabelled(effects, labels, segments):
    rows = effects.chains(segments).rows
    return effects.relabelled(segments, (labels[rows] + 1) % LABELS)


def scratch(effects, allowed):
    """The optimum for other labels, from zero."""
    data = HeadData(effects.data.features, allowed, effects.data.lengths)
    return fit_head(data, Head.zeros(data), L2, 1e-10).head.packed


def test_several_are_relabelled_together(problem):
    effects, labels = problem
    change = relabelled(effects, labels, SEGMENTS)
    new = labels.copy()
    rows = effects.chains(SEGMENTS).rows
    new[rows] = (new[rows] + 1) % LABELS
    numpy.testing.assert_array_equal(change.data.allowed, one_label_each(new, LABELS))
    optimum = scratch(effects, change.data.allowed)
    real, fit = effects.refit(change)
    assert fit.converged
    numpy.testing.assert_allclose(effects.head.packed + real[0], optimum, atol=1e-8)
    refined = effects.refine(change, effects.predict(change), 2)
    assert abs(refined - real).max() < 0.02 * abs(real).max()
    assert abs(effects.predict(change) - real).max() < 0.5 * abs(real).max()


def test_segments_that_overlap_can_not_be_relabelled_together(problem):
    effects, _ = problem
    with pytest.raises(SeginfError, match=r"S029.*overlap"):
        effects.relabelled([(0, 1, 3), (0, 2, 4)], numpy.zeros(4, dtype=int))


@pytest.mark.parametrize("way", ["without", "relabelled"])
def test_a_walk_ends_where_a_refit_does(problem, way):
    """From change to change, forwards and back, each step reads what is new only; the gradient stays the right one."""
    effects, labels = problem
    moved = effects.still()
    for count in (1, 3, 5, 4):
        part = SEGMENTS[:count]
        change = effects.without(part) if way == "without" else relabelled(effects, labels, part)
        moved = effects.moved(moved, change)
        value, gradient = loss_and_gradient(change.data, effects.head.moved(moved.step[0]), L2)
        assert moved.value == pytest.approx(value, abs=1e-9)
        numpy.testing.assert_allclose(moved.gradient, gradient, atol=1e-9)
    for _ in range(30):
        moved = effects.moved(moved, change)
    real, fit = effects.refit(change)
    assert fit.converged and abs(real).max() > 1e-2
    numpy.testing.assert_allclose(moved.step, real, atol=1e-7)

"""The chosen penalty is the best of those tried, and a loose fit is as close to the optimum as it says."""

from __future__ import annotations

import numpy
import pytest

from spacy_seginf.influence import choose
from spacy_seginf.influence.choose import approach, choose_l2, hold_out, sample, subset
from spacy_seginf.influence.fit import fit_head, loss_and_gradient

from .test_verification import LABELS, WIDTH, make_data

START = numpy.zeros(LABELS * WIDTH + LABELS**2)


def test_best_of_the_candidates():
    train, dev = hold_out(make_data()[0])
    choice = choose_l2(train, dev, START, (1000.0, 100.0, 10.0, 1.0, 0.01, 0.001))
    exact = {l2: fit_head(train, START, l2) for l2 in choice.losses}
    losses = {l2: loss_and_gradient(dev, fit.theta, 0.0)[0] / len(dev.allowed) for l2, fit in exact.items()}
    assert choice.l2 == min(losses, key=losses.get) == min(choice.losses, key=choice.losses.get)
    assert 0.01 < choice.l2 < 1000
    for l2, loss in choice.losses.items():
        assert loss == pytest.approx(losses[l2], rel=0.05)
        assert choice.fits[l2].loss == pytest.approx(exact[l2].loss, rel=0.01)
    tried = list(choice.losses)
    assert tried[-1] == 0.01 or 0.01 not in tried  # nothing behind the first that does worse
    assert 0.001 not in tried


@pytest.mark.parametrize("largest", [0, choose.LARGEST_HESSIAN])
def test_distance_from_the_optimum(monkeypatch, largest):
    """With and without the metric of the Hessian."""
    monkeypatch.setattr(choose, "LARGEST_HESSIAN", largest)
    data, _ = make_data()
    optimum = fit_head(data, START, 1.0)
    for gap in (1e-2, 1e-4):
        fit = approach(data, START, 1.0, gap)
        assert fit.converged
        assert 0 <= fit.loss - optimum.loss <= 3 * gap * len(data.allowed)


def test_split_and_sample():
    data, _ = make_data()
    rest, held = hold_out(data)
    assert len(held.lengths) == 4 and len(rest.lengths) == 32  # empty documents count
    assert sum(rest.lengths) + sum(held.lengths) == sum(data.lengths) == len(rest.features) + len(held.features)
    numpy.testing.assert_array_equal(hold_out(data)[1].features, held.features)
    assert sample(data) is data
    assert sample(data, sum(data.lengths) // 3).lengths == list(data.lengths)[::3]
    second = subset(data, numpy.array([1]))
    numpy.testing.assert_array_equal(second.features, data.features[7:12])
    numpy.testing.assert_array_equal(second.allowed, data.allowed[7:12])

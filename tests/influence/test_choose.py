"""The chosen penalty is the best of those tried, and a loose fit is as close to the optimum as it says."""

from __future__ import annotations

import numpy
import pytest

from spacy_seginf.influence import choose
from spacy_seginf.influence.choose import Path, approach, choose_l2, fit_to_optimum, hold_out, sample
from spacy_seginf.influence.curvature import KroneckerCurvature
from spacy_seginf.influence.data import HeadData, subset
from spacy_seginf.influence.fit import fit_head, hessian, loss_and_gradient
from spacy_seginf.influence.head import Head

from .test_verification import LABELS, WIDTH, make_data

START = Head.unpacked(numpy.zeros(LABELS * WIDTH + LABELS**2), LABELS)


def test_best_of_the_candidates():
    train, dev = hold_out(make_data()[0])
    choice = choose_l2(train, dev, START, (1000.0, 100.0, 10.0, 1.0, 0.01, 0.001))
    exact = {l2: fit_head(train, START, l2) for l2 in choice.losses}
    losses = {l2: loss_and_gradient(dev, fit.head, 0.0)[0] / len(dev.allowed) for l2, fit in exact.items()}
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


@pytest.mark.parametrize("whole_tokens", [True, False])
@pytest.mark.parametrize("l2", [1.0, 0.01, 1e-4])
def test_approach_with_half_of_the_labels_missing(whole_tokens, l2):
    """At zeros, the Hessian that missing labels leave is indefinite; it was taken for a metric all the same."""
    data, labels = make_data(missing=103)
    assert data.allowed.all(axis=1).mean() == pytest.approx(0.57, abs=0.01)
    if not whole_tokens:  # two labels permitted instead of all
        other = (labels + 1) % LABELS
        missing = data.allowed.all(axis=1)
        allowed = (labels[:, None] == numpy.arange(LABELS)) | (
            missing[:, None] & (other[:, None] == numpy.arange(LABELS))
        )
        data = HeadData(data.features, allowed, data.lengths)
    fit = approach(data, START, l2)
    assert numpy.isfinite(fit.head.packed).all() and fit.converged
    assert fit.loss < loss_and_gradient(data, START, l2)[0]
    if l2 >= 0.01:  # with less, such data have optima far away
        further = approach(data, fit.head, l2)
        assert fit.loss - further.loss <= 10 * choose.GAP * len(data.allowed)
    assert fit_to_optimum(data, START, l2).gradient < 1e-3


def test_the_indefinite_hessian_is_there():
    """Without this, the test above would show nothing."""
    data, _ = make_data(missing=103)
    values = [numpy.linalg.eigvalsh(hessian(data, START, 0.01, free=free))[0] for free in (False, True)]
    assert values[0] < -0.1 and values[1] > 0


def test_a_penalty_with_missing_labels():
    train, dev = hold_out(make_data(missing=103)[0])
    choice = choose_l2(train, dev, START)
    assert all(numpy.isfinite(loss) for loss in choice.losses.values())


def without_rhyme_or_reason(seed):
    """Labels that have nothing to do with the features: the more penalty, the better."""
    generator = numpy.random.default_rng(seed)
    lengths = [6] * 30
    features = generator.normal(size=(sum(lengths), WIDTH - 1)).astype("float32")
    allowed = numpy.eye(LABELS, dtype=bool)[generator.integers(0, LABELS, sum(lengths))]
    return hold_out(HeadData(features, allowed, lengths))


@pytest.mark.parametrize("seed,best", [(1, 3.0**11), (2, 9.0), (4, 27.0)])
def test_stronger_than_all_candidates(seed, best):
    train, dev = without_rhyme_or_reason(seed)
    choice = choose_l2(train, dev, START, (1.0, 0.1))
    assert choice.l2 == pytest.approx(best)
    beyond = sorted(l2 for l2 in choice.losses if l2 >= 1.0)
    assert beyond == [pytest.approx(3.0**number) for number in range(len(beyond))]
    assert 0.1 in choice.losses and choice.losses[0.1] > choice.losses[1.0]
    losses = [choice.losses[l2] for l2 in beyond]
    assert choice.losses[choice.l2] == min(losses)
    if beyond[-1] < choose.STRONGEST:  # it stops at the first that does worse
        assert losses[-1] > losses[-2] == min(losses)
        assert losses[:-1] == sorted(losses[:-1], reverse=True)
    for l2 in beyond:
        assert choice.fits[l2].loss == pytest.approx(fit_head(train, START, l2).loss, rel=0.01)


def test_the_search_for_stronger_penalties_ends(monkeypatch):
    monkeypatch.setattr(choose, "STRONGEST", 20.0)
    train, dev = without_rhyme_or_reason(1)
    assert max(choose_l2(train, dev, START, (1.0, 0.1)).losses) == pytest.approx(27.0)


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


def test_a_penalty_that_is_lost_in_rounding_is_refused():
    """Constant features leave directions in which only the penalty curves the loss."""
    generator = numpy.random.default_rng(0)
    allowed = generator.integers(0, 3, size=40)[:, None] == numpy.arange(3)
    data = HeadData(numpy.full((40, 6), 1000, dtype="float32"), allowed, [10] * 4)
    with pytest.raises(ValueError, match=r"\[S051\]"):
        fit_to_optimum(data, Head.zeros(data), 1e-12)


@pytest.mark.parametrize("lacking", [0.0, 1e-3, 10.0])
def test_a_rough_hessian_that_is_indefinite_is_replaced(monkeypatch, lacking):
    """Where labels are as good as certain, what it neglects may be more than the penalty."""
    train, dev = hold_out(make_data()[0])
    rough, called = choose.rough_hessian, []

    def indefinite(data, head, *tokens):
        called.append(rough(data, head, *tokens))
        values, vectors = numpy.linalg.eigh(called[-1])
        return called[-1] - (values[0] + lacking) * numpy.outer(vectors[:, 0], vectors[:, 0])

    monkeypatch.setattr(choose, "rough_hessian", indefinite)
    choice = choose_l2(train, dev, START, (1.0, 1e-4))
    for l2, fit in choice.fits.items():
        exact = fit_head(train, START, l2)
        assert fit.loss == pytest.approx(exact.loss, rel=0.01)
        numpy.testing.assert_allclose(fit_to_optimum(train, START, l2).head.packed, exact.head.packed, atol=1e-4)
    assert called


class TestManyParameters:
    """Without a Hessian, in the metric of K-FAC."""

    @pytest.fixture(autouse=True)
    def large(self, monkeypatch):
        monkeypatch.setattr(choose, "LARGEST_HESSIAN", 0)

    def test_one_metric_serves_several_penalties(self, monkeypatch):
        data, _ = make_data()
        computed = []
        estimate = choose.sampled_k_fac
        monkeypatch.setattr(choose, "sampled_k_fac", lambda *given: computed.append(given) or estimate(*given))
        path = Path(data, START)
        for l2 in (100.0, 10.0, 1.0):
            fit = path.approach(l2, 1e-4)
            assert fit.converged
            assert 0 <= fit.loss - fit_head(data, START, l2).loss <= 3e-4 * len(data.allowed)
        assert len(computed) == 1

    def test_optimum(self):
        data, _ = make_data()
        fit = fit_to_optimum(data, START, 0.1)
        assert fit.converged and fit.gradient <= 1e-8
        assert fit.loss == pytest.approx(fit_head(data, START, 0.1).loss, rel=1e-12)

    def test_a_sample_stands_for_all_documents(self, monkeypatch):
        """Where every document is there twice, one half says exactly what all say."""
        data, _ = make_data()
        head = fit_head(data, START, 1.0).head
        twice = subset_with_repeats(data, numpy.repeat(numpy.arange(len(data.lengths)), 2))
        monkeypatch.setattr(choose, "SAMPLE_TOKENS", len(data.allowed))
        vectors = numpy.random.default_rng(0).normal(size=(3, head.size))
        expected = KroneckerCurvature.from_data(twice, head, 1.0).apply(vectors)
        numpy.testing.assert_allclose(choose.sampled_k_fac(twice, 1.0, head).apply(vectors), expected, rtol=1e-9)


def subset_with_repeats(data, documents):
    rows = data.rows(documents)
    return HeadData(data.features[rows], data.allowed[rows], [data.lengths[number] for number in documents])

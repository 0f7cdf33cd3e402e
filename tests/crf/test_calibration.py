"""Calibration: what it fits is the optimum, and its measures are those of their definitions."""

import itertools

import numpy
import pytest
from scipy.optimize import minimize

from spacy_seginf.crf import negative_log_likelihood, one_label_each
from spacy_seginf.crf.calibration import (
    ALL,
    ENOUGH,
    RIDGE,
    Calibration,
    bins,
    brier,
    calibration_error,
    fit_lines,
    fit_temperature,
    least_probability,
    log_odds,
    log_score,
    risk_coverage,
)


@pytest.fixture
def overconfident():
    """Probabilities whose log-odds are twice too large, and outcomes."""
    generator = numpy.random.default_rng(0)
    odds = generator.normal(1.0, 1.5, 6000)
    right = generator.random(6000) < 1 / (1 + numpy.exp(-odds))
    return 1 / (1 + numpy.exp(-2 * odds)), right


def test_lines_undo_what_was_done_to_log_odds(overconfident):
    probabilities, right = overconfident
    slope, offset = fit_lines(["A"] * len(right), probabilities, right)["A"]
    assert slope == pytest.approx(0.5, abs=0.05) and offset == pytest.approx(0.0, abs=0.1)
    fitted = Calibration(1.0, {ALL: (slope, offset)})
    after = numpy.array([fitted.of("B", one) for one in probabilities.tolist()])
    assert calibration_error(after, right) < 0.02 < calibration_error(probabilities, right)
    assert brier(after, right) < brier(probabilities, right)
    assert log_score(after, right) < log_score(probabilities, right)


def test_a_line_is_the_optimum_of_its_loss(overconfident):
    probabilities, right = (one[:80] for one in overconfident)
    prior = numpy.array([1.0, 0.0])

    def loss(line):
        p = 1 / (1 + numpy.exp(-(line[0] * log_odds(probabilities) + line[1])))
        given = numpy.where(right, p, 1 - p)
        return -numpy.log(given).sum() + 0.5 * RIDGE * ((line - prior) ** 2).sum()

    best = minimize(loss, prior, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    assert fit_lines(["A"] * 80, probabilities, right)[ALL] == pytest.approx(best, abs=1e-4)


def test_types_with_few_examples_have_the_line_of_all(overconfident):
    probabilities, right = overconfident
    labels = ["A"] * (len(right) - ENOUGH + 1) + ["B"] * (ENOUGH - 1)
    assert set(fit_lines(labels, probabilities, right)) == {ALL, "A"}
    assert fit_lines([], probabilities[:0], right[:0]) == {}


def test_the_temperature_has_the_least_loss():
    generator = numpy.random.default_rng(1)
    lengths = [4, 0, 3, 6]
    emissions, transitions = generator.normal(0, 3, (13, 3)), generator.normal(0, 1, (3, 3))
    labels = (emissions / 2 + generator.gumbel(size=emissions.shape)).argmax(axis=1)  # as if drawn at temperature 2
    allowed = one_label_each(labels, 3)
    allowed[2] = True
    found = fit_temperature(emissions, transitions, lengths, allowed)

    def loss(temperature):
        scaled = emissions / temperature, transitions / temperature
        return negative_log_likelihood(*scaled, lengths, allowed).values.sum()

    assert all(loss(found) <= loss(found * factor) for factor in (0.5, 0.9, 0.98, 1.02, 1.1, 2.0))


def test_measures_by_hand():
    probabilities, right = numpy.array([0.9, 0.8, 0.4, 0.3]), numpy.array([True, False, True, False])
    assert brier(probabilities, right) == pytest.approx((0.01 + 0.64 + 0.36 + 0.09) / 4)
    assert log_score(probabilities, right) == pytest.approx(-numpy.log([0.9, 0.2, 0.4, 0.7]).mean())
    assert bins(probabilities, right, 2) == [(pytest.approx(0.35), 0.5, 2), (pytest.approx(0.85), 0.5, 2)]
    assert calibration_error(probabilities, right, 2) == pytest.approx((0.15 + 0.35) / 2)
    assert risk_coverage(probabilities, right).tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])


@pytest.mark.parametrize("seed", range(5))
def test_the_least_probability_keeps_what_it_promises(seed):
    generator = numpy.random.default_rng(seed)
    probabilities = generator.integers(0, 8, 30) / 8
    right = generator.random(30) < probabilities
    found = least_probability(probabilities, right, 0.8)
    possible = [value for value in set(probabilities.tolist()) if right[probabilities >= value].mean() >= 0.8]
    assert found == (min(possible) if possible else 1.0)


@pytest.mark.parametrize(
    "content", [None, 3, {}, {"temperature": 0, "lines": {}}, {"temperature": 1, "lines": {"A": [1]}}]
)
def test_damaged_calibrations_are_refused(content):
    with pytest.raises(ValueError):
        Calibration.of_plain(content)


def test_a_calibration_survives_as_plain_values():
    one = Calibration(1.5, {ALL: (0.5, 0.1), "A": (1.0, 0.0)})
    assert Calibration.of_plain(one.plain) == one
    for label, p in itertools.product(("A", "B"), (0.0, 0.3, 1.0)):
        assert 0.0 <= one.of(label, p) <= 1.0
    assert Calibration().of("A", 0.3) == 0.3

"""Calibration: what it fits is the optimum, and its measures are those of their definitions."""

import itertools

import numpy
import pytest
from scipy.optimize import minimize

from spacy_seginf.crf import one_label_each
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
from spacy_seginf.crf.lattice import lattice_of
from spacy_seginf.crf.probabilities import Distribution
from spacy_seginf.crf.schemes import TAG, TagScheme

from .brute_force import enumerate_paths


@pytest.fixture
def overconfident():
    """Probabilities whose log-odds are twice too large, and outcomes."""
    generator = numpy.random.default_rng(0)
    odds = generator.normal(1.0, 1.5, 6000)
    right = generator.random(6000) < 1 / (1 + numpy.exp(-odds))
    return 1 / (1 + numpy.exp(-2 * odds)), right


def test_lines_undo_what_was_done_to_log_odds(overconfident):
    probabilities, right = overconfident
    slope, offset, new = fit_lines(["A"] * len(right), probabilities, right)["A"]
    assert slope == pytest.approx(0.5, abs=0.05) and offset == pytest.approx(0.0, abs=0.1) and new == 0.0
    fitted = Calibration(1.0, {ALL: (slope, offset, new)})
    after = numpy.array([fitted.of("B", one) for one in probabilities.tolist()])
    assert calibration_error(after, right) < 0.02 < calibration_error(probabilities, right)
    assert brier(after, right) < brier(probabilities, right)
    assert log_score(after, right) < log_score(probabilities, right)


def test_a_line_is_the_optimum_of_its_loss(overconfident):
    probabilities, right = (one[:80] for one in overconfident)
    prior, new = numpy.array([1.0, 0.0, 0.0]), numpy.random.default_rng(1).random(80) < 0.3

    def loss(line):
        p = 1 / (1 + numpy.exp(-(line[0] * log_odds(probabilities) + line[1] + line[2] * new)))
        given = numpy.where(right, p, 1 - p)
        return -numpy.log(given).sum() + 0.5 * RIDGE * ((line - prior) ** 2).sum()

    best = minimize(loss, prior, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    assert fit_lines(["A"] * 80, probabilities, right, new)[ALL] == pytest.approx(best, abs=1e-4)


def test_new_entities_are_calibrated_apart_where_others_have_more_of_them():
    generator = numpy.random.default_rng(2)

    def drawn(share):
        odds, new = generator.normal(1.0, 1.5, 6000), generator.random(6000) < share
        return 1 / (1 + numpy.exp(-odds)), new, generator.random(6000) < 1 / (1 + numpy.exp(-odds + 2.0 * new))

    probabilities, new, right = drawn(0.2)
    lines = fit_lines(["A"] * 6000, probabilities, right, new)
    assert lines["A"][2] == pytest.approx(-2.0, abs=0.2)
    apart, alike = (
        Calibration(1.0, lines, {"A": frozenset({"Ada"})}),
        Calibration(1.0, fit_lines(["A"] * 6000, probabilities, right)),
    )
    probabilities, new, right = drawn(0.6)
    words = numpy.where(new, "Ben", "Ada").tolist()
    errors = [
        calibration_error(numpy.array([one.of("A", *said) for said in zip(probabilities.tolist(), words)]), right)
        for one in (apart, alike)
    ]
    assert errors[0] < 0.02 and errors[1] > 0.05


def test_types_with_few_examples_have_the_line_of_all(overconfident):
    probabilities, right = overconfident
    labels = ["A"] * (len(right) - ENOUGH + 1) + ["B"] * (ENOUGH - 1)
    assert set(fit_lines(labels, probabilities, right)) == {ALL, "A"}
    assert fit_lines([], probabilities[:0], right[:0]) == {}


@pytest.mark.parametrize("name", ["BIO", TAG])
def test_the_temperature_has_the_least_loss_among_valid_sequences(name):
    generator, scheme = numpy.random.default_rng(1), TagScheme(("A", "B", "C")[: 3 if name == TAG else 1], name)
    lengths = [4, 0, 3, 4, 2]
    emissions, transitions = generator.normal(0, 3, (13, 3)), generator.normal(0, 1, (3, 3))
    flat = Distribution(scheme, emissions, transitions, lengths, temperature=3.0)
    labels = [flat.k_best(number, 3)[-1].tags if length else [] for number, length in enumerate(lengths)]
    allowed = one_label_each(numpy.concatenate(labels).astype(int), 3)
    allowed[2] = True
    if name != TAG:  # what decoding can't give says nothing
        allowed[11:] = one_label_each(numpy.array([0, scheme.index["I-A"]]), 3)
    found = fit_temperature(lattice_of(scheme, emissions, transitions, lengths), allowed)
    ends = numpy.cumsum(lengths).tolist()
    places = [(end - length, end) for end, length in zip(ends, lengths) if length][: None if name == TAG else -1]

    def loss(temperature):
        total = 0.0
        for first, last in places:
            scaled = emissions[first:last] / temperature, transitions / temperature
            every, permitted = enumerate_paths(*scaled, mask=scheme.mask), allowed[first:last]
            held = [permitted[range(len(path)), path].all() for path in every.paths]
            total -= numpy.log(every.probabilities[held].sum())
        return total

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
    "content",
    [
        *(None, 3, {}, {"temperature": 0, "lines": {}}, {"temperature": 1, "lines": {"A": [1]}}),
        {"temperature": 1, "lines": {}, "known": ["Ada"]},
    ],
)
def test_damaged_calibrations_are_refused(content):
    with pytest.raises(ValueError):
        Calibration.of_plain(content)


def test_a_calibration_survives_as_plain_values():
    one = Calibration(1.5, {ALL: (0.5, 0.1, -1.0), "A": (1.0, 0.0, 0.0)}, {"A": frozenset({"Ada", "Ada Lind"})})
    assert Calibration.of_plain(one.plain) == one
    for label, p, words in itertools.product(("A", "B"), (0.0, 0.3, 1.0), ("Ada", "Ben")):
        assert 0.0 <= one.of(label, p, words) <= 1.0
    assert one.is_new("B", "Ada") and not one.is_new("A", "Ada")
    assert one.of("B", 1e-300) < 1e-3 and Calibration(1.0, {ALL: (99.0, 0.0, 0.0)}).of("A", 1e-300) == 0.0
    assert Calibration().of("A", 0.3) == 0.3


def test_what_was_stored_before_new_entities_were_told_apart_is_read():
    found = Calibration.of_plain({"temperature": 1.5, "lines": {"A": [0.5, 0.1]}})
    assert found == Calibration(1.5, {"A": (0.5, 0.1, 0.0)}) and not found.is_new("A", "Ada")

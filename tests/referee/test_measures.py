"""What is computed from trainings, by its definition on small arrays."""

from __future__ import annotations

import json
import sys

import numpy
import pytest
from scipy.stats import spearmanr

from experiments.referee import measure, metasmoothness, naming, store
from experiments.referee.corpora import MISSING, Corpus, Document
from experiments.referee.predictors import nearest, unit_scale
from experiments.referee.scores import Bootstrap, ceiling, of_mean
from experiments.referee.subsets import HALVES, HUNDREDTHS, SLICES, removed
from experiments.referee.words import bm25, shared_words

TRAIN = [
    Document("a", ["Leeds", "won"], ["B-ORG", "O"]),
    Document("b", ["leeds", "and", "York"], ["B-LOC", "O", "B-LOC"]),
    Document("c", ["York", "City", "won", "again"], ["B-ORG", "I-ORG", "O", "O"]),
]
HELD_OUT = [Document("q", ["York", "City", "lost"], ["B-ORG", "I-ORG", "O"])]


def test_correlations_are_spearmans():
    rng = numpy.random.default_rng(0)
    left, right = rng.normal(size=(12, 5)), rng.normal(size=(12, 5))
    right[:, 0] = 1.0  # constant: counts as 0
    found = Bootstrap(12, 5, resamples=50).correlation(left, right)
    expected = [0.0, *(spearmanr(left[:, q], right[:, q]).statistic for q in range(1, 5))]
    assert found[0] == pytest.approx(numpy.mean(expected)) and len(found) == 51
    assert found[1:].std() > 0.01
    assert Bootstrap(12, 5, resamples=50).correlation(left, left) == pytest.approx(numpy.ones(51))


def test_reliability_of_means():
    """Of k noisy copies of a signal, by its definition: the correlation of two disjoint means of k."""
    rng = numpy.random.default_rng(1)
    signal = rng.normal(size=(4000, 1))
    runs = signal + 2.0 * rng.normal(size=(4000, 10))
    one = numpy.corrcoef(runs[:, 0], runs[:, 1])[0, 1]
    five = numpy.corrcoef(runs[:, :5].mean(axis=1), runs[:, 5:].mean(axis=1))[0, 1]
    assert of_mean(numpy.array(one), 5) == pytest.approx(five, abs=0.04)
    reached = numpy.corrcoef(signal[:, 0], runs[:, :5].mean(axis=1))[0, 1]
    found = ceiling(numpy.full(3, five))
    assert found["reached_at_most"]["value"] == pytest.approx(reached, abs=0.02)


def test_metasmoothness():
    rng = numpy.random.default_rng(2)
    start, slope = rng.normal(size=5000), rng.normal(size=5000)
    assert metasmoothness.metasmoothness([start, start + slope, start + 2 * slope]) == 1.0
    assert abs(metasmoothness.metasmoothness(rng.normal(size=(3, 5000)))) < 0.05
    there_and_back = [numpy.zeros(2), numpy.array([1.0, 1.0]), numpy.array([3.0, -1.0])]
    assert metasmoothness.metasmoothness(there_and_back) == pytest.approx((3 - 1) / 4)


def test_subsets():
    halves = removed(HALVES, 101, 6)
    assert (halves.sum(axis=1) == 50).all() and (halves[:3] == removed(HALVES, 101, 3)).all()
    slices = removed(SLICES, 100, 20)
    assert (slices.sum(axis=0) == 1).all() and (slices.sum(axis=1) == 5).all()
    assert (removed(HUNDREDTHS, 300, 4).sum(axis=1) == 3).all()


def test_shared_words_have_signs_by_label():
    found = shared_words(TRAIN, HELD_OUT, numpy.array([[0, 0, 2]]))
    assert found.tolist() == [[0.0, -1.0, 2.0]]


def test_bm25():
    (found,) = bm25(TRAIN, HELD_OUT, numpy.array([[0, 0, 2]]))
    rarity = {"york": numpy.log(1 + 1.5 / 2.5), "city": numpy.log(1 + 2.5 / 1.5)}
    norms = 1.5 * (0.25 + 0.75 * numpy.array([2, 3, 4]) / 3)
    single = 2.5 / (1 + norms)
    assert found == pytest.approx([0.0, rarity["york"] * single[1], (rarity["york"] + rarity["city"]) * single[2]])


def test_only_the_nearest_count():
    scores, documents = numpy.array([[0.9, -0.8, 0.1], [0.2, 0.3, -0.4]]), numpy.array([0, 1, 1])
    assert nearest(scores, documents, 2, 2).tolist() == [[0.9, -0.8], [0.0, pytest.approx(-0.1)]]


def test_scales_are_equal():
    scaled = unit_scale(numpy.array([[3.0, 4.0], [0.0, 0.0], [30.0, -40.0]]))
    assert (scaled[0] ** 2).mean() == (scaled[2] ** 2).mean() == pytest.approx(1.0) and not scaled[1].any()


def test_named_labels_go_missing():
    corpus = Corpus("toy", ("LOC", "ORG"), TRAIN, HELD_OUT, HELD_OUT)
    changed = naming.without(corpus, [("c", 0, 2), ("b", 2, 3)])
    assert [document.labels for document in changed.train] == [
        ["B-ORG", "O"],
        ["B-LOC", "O", MISSING],
        [MISSING, MISSING, "O", "O"],
    ]
    assert corpus.train == TRAIN
    missing = changed.allowed(changed.train).all(axis=1)
    assert missing.tolist() == [False, False, False, False, True, True, True, False, False]


def test_ratio_of_means():
    found = naming.ratio(numpy.array([[2.0, 1.0], [4.0, 1.0], [3.0, 2.0]]))
    assert found["value"] == pytest.approx(9 / 4) and found["low"] <= found["value"] <= found["high"]


@pytest.mark.slow
@pytest.mark.parametrize("module", [measure, naming])
def test_quick_runs_are_resumed(module, tmp_path, monkeypatch, capsys):
    """All of a small run, and then its report without any training."""
    monkeypatch.setattr(store, "CACHE", tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = []
    for report in ([], ["--report"]):
        monkeypatch.setattr(sys, "argv", ["referee", "--quick", "--corpora", "embedded", *report])
        module.main()
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert found[0] == found[1]
    assert found[0]["quick"] is True
    values = [found[0][key] for key in ("ceiling_one", "ensemble_words_five", "named_ratio") if key in found[0]]
    assert values and all(values)


def test_pairs_are_of_different_seeds():
    """Two seeds have one pair, whose reliability is the ceiling of one training."""
    rng = numpy.random.default_rng(3)
    runs = [rng.normal(size=(8, 4)) for _ in range(2)]
    draws = Bootstrap(8, 4, resamples=20)
    found = measure._ceilings(draws, runs)
    pair = [spearmanr(runs[0][:, q], runs[1][:, q]).statistic for q in range(4)]
    assert found["ceiling_one"]["reliability"]["value"] == pytest.approx(numpy.mean(pair))
    assert "disjoint_means" not in found["spearman_brown"]

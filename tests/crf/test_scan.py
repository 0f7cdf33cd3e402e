"""Scans over time equal enumeration and the recursions that go step by step."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.crf import path_scores, split_rows
from spacy_seginf.crf.arrays import time_major
from spacy_seginf.crf.messages import recursive_messages, scanned_messages
from spacy_seginf.crf.scan import scan
from spacy_seginf.crf.semirings import careful_log_product, log_product, log_product_for, log_sum_exp
from spacy_seginf.crf.viterbi import recursive_paths, scanned_paths

from .brute_force import enumerate_paths


def random_scores(seed, lengths, labels, span=2.0, *, ruled_out=False):
    """Emissions and transitions with a given span; some labels of some tokens may be ruled out."""
    generator = numpy.random.default_rng(seed)
    emissions = generator.normal(size=(sum(lengths), labels)) * 3
    transitions = generator.uniform(-span / 2, span / 2, size=(labels, labels))
    if ruled_out:
        hidden = generator.random(emissions.shape) < 0.5
        hidden[numpy.arange(len(hidden)), generator.integers(0, labels, len(hidden))] = False
        emissions[hidden] = -numpy.inf
    return emissions, transitions


@st.composite
def problems(draw, longest=5):
    labels = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(0, longest), min_size=1, max_size=4).filter(any))
    span = draw(st.sampled_from([1.0, 30.0, 290.0, 800.0]))
    scores = random_scores(draw(st.integers(0, 2**32 - 1)), lengths, labels, span, ruled_out=draw(st.booleans()))
    return *scores, lengths


@pytest.mark.parametrize("count", range(1, 18))
def test_scan_keeps_the_order(count):
    """Joining words does not commute."""
    words = numpy.array([chr(ord("a") + step) for step in range(count)], dtype=object)
    states = scan(numpy.array(["-"], dtype=object), words[:, None], numpy.add, numpy.add)
    assert states[:, 0].tolist() == ["-" + "".join(words[: step + 1]) for step in range(count)]


def test_scan_is_of_logarithmic_depth():
    joined = []

    def join(left, right):
        joined.append(len(left))
        return left + right

    states = scan(numpy.zeros(1), numpy.ones((1000, 1)), join, numpy.add)
    assert states[:, 0].tolist() == list(range(1, 1001))
    assert len(joined) <= 10 and sum(joined) < 1000


@settings(max_examples=150, deadline=None)
@given(problems())
def test_messages_against_enumeration(problem):
    emissions, transitions, lengths = problem
    ahead, behind = scanned_messages(emissions, transitions, time_major(lengths))
    for rows, left, right in zip(*(split_rows(values, lengths) for values in (emissions, ahead, behind))):
        if not len(rows):
            continue
        allowed = numpy.isfinite(rows)
        oracle = enumerate_paths(numpy.where(allowed, rows, 0.0), transitions, allowed)
        log_mass = log_sum_exp(left + right, axis=1)
        numpy.testing.assert_allclose(log_mass, oracle.log_partition, rtol=1e-12, atol=1e-10)
        unary = numpy.exp(left + right - log_mass[:, None])
        numpy.testing.assert_allclose(unary, oracle.unary(rows.shape[1]), atol=1e-10)


@settings(max_examples=100, deadline=None)
@given(problems(longest=40))
def test_messages_against_the_recursion(problem):
    *scores, lengths = problem
    layout = time_major(lengths)
    for found, expected in zip(*(way(*scores, layout) for way in (scanned_messages, recursive_messages))):
        numpy.testing.assert_array_equal(numpy.isinf(found), numpy.isinf(expected))
        numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("ruled_out", [False, True])
@pytest.mark.parametrize("span", [2.0, 290.0, 2000.0])
def test_messages_of_very_long_sequences(span, ruled_out):
    lengths = [5000, 1, 700, 0, 4096]
    emissions, transitions = random_scores(0, lengths, 3, span, ruled_out=ruled_out)
    layout = time_major(lengths)
    ways = (scanned_messages, recursive_messages)
    for found, expected in zip(*(way(emissions, transitions, layout) for way in ways)):
        numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-8)


def test_messages_with_impossible_transitions():
    emissions, transitions = random_scores(1, [9, 4], 4)
    transitions[0, 1:] = transitions[2, 3] = -numpy.inf
    layout = time_major([9, 4])
    ways = (scanned_messages, recursive_messages)
    for found, expected in zip(*(way(emissions, transitions, layout) for way in ways)):
        numpy.testing.assert_allclose(found, expected, rtol=1e-12)


def test_fast_product_only_where_it_is_safe():
    assert log_product_for(numpy.array([[0.0, 300.0], [1.0, 2.0]])) is log_product
    assert log_product_for(numpy.array([[0.0, 301.0], [1.0, 2.0]])) is careful_log_product
    assert log_product_for(numpy.array([[0.0, -numpy.inf], [1.0, 2.0]])) is careful_log_product


@pytest.mark.parametrize("product", [log_product, careful_log_product])
def test_log_product(product):
    generator = numpy.random.default_rng(2)
    left, right = generator.random((2, 7, 3, 3))
    left[0, 1] = right[2, :, 0] = left[3] = right[4, 2] = 0.0
    with numpy.errstate(divide="ignore"):
        found = product(numpy.log(left), numpy.log(right))
        numpy.testing.assert_allclose(found, numpy.log(left @ right), rtol=1e-12, atol=1e-14)


def test_careful_product_keeps_what_the_fast_one_loses():
    left = numpy.array([[0.0, -800.0], [0.0, 0.0]])
    right = numpy.array([[0.0, -2000.0], [0.0, 0.0]])
    assert careful_log_product(left, right)[0].tolist() == [0.0, -800.0]
    assert log_product(left, right)[0].tolist() == [0.0, -numpy.inf]


@settings(max_examples=150, deadline=None)
@given(problems())
def test_best_paths_against_enumeration(problem):
    emissions, transitions, lengths = problem
    best = scanned_paths(emissions, transitions, time_major(lengths))
    assert best.dtype == numpy.int64
    for rows, path in zip(split_rows(emissions, lengths), split_rows(best, lengths)):
        if len(rows):
            allowed = numpy.isfinite(rows)
            oracle = enumerate_paths(numpy.where(allowed, rows, 0.0), transitions, allowed)
            assert path.tolist() in oracle.paths.tolist()
            score = path_scores(rows, transitions, path, [len(rows)])[0]
            assert score == pytest.approx(oracle.scores.max(), rel=1e-12, abs=1e-10)


@pytest.mark.parametrize("ruled_out", [False, True])
def test_best_paths_of_very_long_sequences(ruled_out):
    lengths = [700, 5000, 1, 0, 4096]
    emissions, transitions = random_scores(3, lengths, 4, ruled_out=ruled_out)
    transitions[0, 1] = -numpy.inf
    layout = time_major(lengths)
    expected = recursive_paths(emissions, transitions, layout)
    numpy.testing.assert_array_equal(scanned_paths(emissions, transitions, layout), expected)


def test_best_paths_with_ties():
    """Small whole numbers, so that scores tie exactly in any order of summation."""
    generator = numpy.random.default_rng(4)
    lengths = [60, 33, 1]
    emissions = generator.integers(0, 2, size=(94, 4)).astype("float64")
    transitions = generator.integers(0, 2, size=(4, 4)).astype("float64")
    layout = time_major(lengths)
    expected = recursive_paths(emissions, transitions, layout)
    numpy.testing.assert_array_equal(scanned_paths(emissions, transitions, layout), expected)
    assert not scanned_paths(0 * emissions, 0 * transitions, layout).any()


def test_little_memory(monkeypatch):
    """Sequences are scanned in groups, down to one at a time."""
    lengths = [6, 0, 17, 1, 9]
    emissions, transitions = random_scores(5, lengths, 3, ruled_out=True)
    layout = time_major(lengths)
    messages, paths = (way(emissions, transitions, layout) for way in (scanned_messages, scanned_paths))
    for cells in (0, 17 * 9 * 2 * 2):
        monkeypatch.setattr("spacy_seginf.crf.scan.SCAN_CELLS", cells)
        for found, expected in zip(scanned_messages(emissions, transitions, layout), messages):
            numpy.testing.assert_allclose(found, expected, rtol=1e-12)
        numpy.testing.assert_array_equal(scanned_paths(emissions, transitions, layout), paths)

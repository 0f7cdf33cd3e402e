"""Likelihoods, marginals, conditionals and Viterbi equal enumeration over all label sequences."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.crf import (
    DecodingMask,
    forward_backward,
    negative_log_likelihood,
    one_label_each,
    path_scores,
    segment_conditional,
    split_rows,
    token_conditionals,
    viterbi,
)

from .brute_force import enumerate_paths

TOLERANCE = 1e-10


@st.composite
def batches(draw, span_of_transitions=st.sampled_from([1.0, 30.0, 800.0])):
    """A random batch; spans above 300 take the log-space path in float64."""
    labels = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    generator = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    span = draw(span_of_transitions)
    emissions = generator.normal(size=(sum(lengths), labels)) * draw(st.sampled_from([0.1, 3.0]))
    transitions = generator.uniform(-0.5, 0.5, size=(labels, labels)) * span
    if labels > 1:
        transitions.flat[0], transitions.flat[-1] = -span / 2, span / 2
    allowed = generator.random(emissions.shape) < 0.5
    gold = generator.integers(0, labels, size=len(emissions))
    allowed[numpy.arange(len(gold)), gold] = True
    return emissions, transitions, lengths, gold, allowed, generator


@settings(max_examples=150, deadline=None)
@given(batches(), st.booleans())
def test_forward_backward(batch, restrict):
    emissions, transitions, lengths, _gold, allowed, _ = batch
    result = forward_backward(emissions, transitions, lengths, allowed if restrict else None)
    expected_pairs = numpy.zeros_like(transitions)
    offset = 0
    for index, length in enumerate(lengths):
        rows = slice(offset, offset + length)
        offset += length
        if not length:
            assert result.log_partition[index] == 0.0
            continue
        oracle = enumerate_paths(emissions[rows], transitions, allowed[rows] if restrict else None)
        assert result.log_partition[index] == pytest.approx(oracle.log_partition, rel=TOLERANCE, abs=TOLERANCE)
        numpy.testing.assert_allclose(result.unary[rows], oracle.unary(emissions.shape[1]), atol=TOLERANCE)
        expected_pairs += oracle.pairs(emissions.shape[1])
    numpy.testing.assert_allclose(result.pairs, expected_pairs, atol=TOLERANCE)


@settings(max_examples=100, deadline=None)
@given(batches(), st.booleans())
def test_loss_is_minus_log_probability_of_the_annotation(batch, missing):
    emissions, transitions, lengths, gold, allowed, _ = batch
    annotation = allowed if missing else one_label_each(gold, emissions.shape[1])
    loss = negative_log_likelihood(emissions, transitions, lengths, annotation)
    parts = zip(split_rows(emissions, lengths), split_rows(annotation, lengths), loss.values)
    for rows, permitted, value in parts:
        if not len(rows):
            assert value == 0.0
            continue
        free = enumerate_paths(rows, transitions).log_partition
        clamped = enumerate_paths(rows, transitions, permitted).log_partition
        assert value == pytest.approx(free - clamped, rel=TOLERANCE, abs=TOLERANCE)


@settings(max_examples=60, deadline=None)
@given(batches(st.sampled_from([1.0, 5.0, 400.0])), st.booleans())
def test_gradient_equals_finite_differences(batch, missing):
    emissions, transitions, lengths, gold, allowed, generator = batch
    if not len(emissions):
        return
    annotation = allowed if missing else one_label_each(gold, emissions.shape[1])
    loss = negative_log_likelihood(emissions, transitions, lengths, annotation)
    direction = generator.normal(size=emissions.shape), generator.normal(size=transitions.shape)
    step = 1e-5
    up, down = (
        negative_log_likelihood(
            emissions + sign * step * direction[0], transitions + sign * step * direction[1], lengths, annotation
        ).values.sum()
        for sign in (1, -1)
    )
    analytic = (loss.emissions * direction[0]).sum() + (loss.transitions * direction[1]).sum()
    assert (up - down) / (2 * step) == pytest.approx(analytic, rel=1e-5, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(batches(), st.booleans())
def test_viterbi(batch, masked):
    emissions, transitions, lengths, _gold, _allowed, generator = batch
    labels = emissions.shape[1]
    mask = None
    if masked:
        mask = DecodingMask(*(generator.random(shape) < 0.6 for shape in [labels, labels, (labels, labels)]))
        mask.start[0] = mask.end[0] = mask.follow[0, 0] = True
    best = viterbi(emissions, transitions, lengths, mask)
    for rows, path in zip(split_rows(emissions, lengths), split_rows(best, lengths)):
        if not len(rows):
            continue
        oracle = enumerate_paths(rows, transitions, mask=mask)
        assert path.tolist() in oracle.paths.tolist()
        score = path_scores(rows, transitions, path, [len(rows)])[0]
        assert score == pytest.approx(oracle.scores.max(), rel=TOLERANCE, abs=TOLERANCE)


@settings(max_examples=100, deadline=None)
@given(batches(), st.booleans())
def test_conditionals_of_every_segment(batch, missing):
    emissions, transitions, lengths, gold, allowed, _ = batch
    for rows, labels, permitted in zip(*(split_rows(a, lengths) for a in (emissions, gold, allowed))):
        known = permitted if missing else one_label_each(labels, emissions.shape[1])
        for start in range(len(rows)):
            for end in range(start + 1, len(rows) + 1):
                held, free = known.copy(), known.copy()
                held[start:end] = one_label_each(labels[start:end], emissions.shape[1])
                free[start:end] = True
                expected = (
                    enumerate_paths(rows, transitions, held).log_partition
                    - enumerate_paths(rows, transitions, free).log_partition
                )
                actual = segment_conditional(rows, transitions, labels, start, end, permitted if missing else None)
                assert actual == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)


@settings(max_examples=100, deadline=None)
@given(batches())
def test_token_conditionals_equal_single_token_segments(batch):
    emissions, transitions, lengths, gold, _allowed, _ = batch
    if not len(emissions):
        return
    tokens = token_conditionals(emissions, transitions, gold, lengths)
    offset = 0
    for rows, labels in zip(split_rows(emissions, lengths), split_rows(gold, lengths)):
        for position in range(len(rows)):
            for label in range(emissions.shape[1]):
                changed = labels.copy()
                changed[position] = label
                expected = segment_conditional(rows, transitions, changed, position, position + 1)
                assert tokens.log_probabilities[offset + position, label] == pytest.approx(
                    expected, rel=TOLERANCE, abs=TOLERANCE
                )
        offset += len(rows)
    onehot = one_label_each(gold, emissions.shape[1])
    numpy.testing.assert_allclose(tokens.residuals, onehot - numpy.exp(tokens.log_probabilities), atol=TOLERANCE)


def test_marginal_loss_is_loss_minus_conditional_loss():
    generator = numpy.random.default_rng(0)
    emissions, transitions = generator.normal(size=(6, 3)), generator.normal(size=(3, 3))
    gold = generator.integers(0, 3, size=6)
    complete = one_label_each(gold, 3)
    missing = complete.copy()
    missing[2:4] = True
    full = negative_log_likelihood(emissions, transitions, [6], complete).values[0]
    marginal = negative_log_likelihood(emissions, transitions, [6], missing).values[0]
    conditional = -segment_conditional(emissions, transitions, gold, 2, 4)
    assert full - conditional == pytest.approx(marginal, abs=TOLERANCE)


@pytest.mark.parametrize("start,end", [(-1, 1), (2, 2), (1, 4)])
def test_segment_outside_the_sequence(start, end):
    with pytest.raises(ValueError, match="not inside a sequence of 3 tokens"):
        segment_conditional(numpy.zeros((3, 2)), numpy.zeros((2, 2)), numpy.zeros(3, dtype=int), start, end)


def test_residual_survives_certainty():
    """1 - p is 2e-35 here; computed as a difference it would be 0."""
    tokens = token_conditionals(numpy.array([[80.0, 0.0]]), numpy.zeros((2, 2)), numpy.array([0]), [1])
    assert tokens.residuals[0, 0] == pytest.approx(numpy.exp(-80.0), rel=1e-12)


@pytest.mark.parametrize("span", [1.0, 29.0, 200.0])
def test_float32_agrees_with_float64(span):
    generator = numpy.random.default_rng(1)
    lengths = [200, 3, 0, 77]
    emissions = (generator.normal(size=(280, 9)) * 20).astype("float32")
    transitions = generator.uniform(-span / 2, span / 2, size=(9, 9)).astype("float32")
    gold = one_label_each(generator.integers(0, 9, size=280), 9)
    single = negative_log_likelihood(emissions, transitions, lengths, gold)
    double = negative_log_likelihood(emissions.astype("float64"), transitions.astype("float64"), lengths, gold)
    numpy.testing.assert_allclose(single.values, double.values, rtol=1e-5)
    numpy.testing.assert_allclose(single.emissions, double.emissions, atol=1e-4)
    assert single.emissions.dtype == numpy.float32


@pytest.mark.parametrize("labels", [9, 25])
def test_float32_counts_of_pairs_stay_accurate_in_large_batches(labels):
    """A few labels are much likelier than others, so that counts are in the hundreds."""
    generator = numpy.random.default_rng(2)
    emissions = (generator.normal(size=(8 * 512, labels)) * 2).astype("float32")
    transitions = generator.normal(size=(labels, labels)).astype("float32")
    gold = one_label_each(generator.integers(0, labels, size=len(emissions)), labels)
    single = negative_log_likelihood(emissions, transitions, [512] * 8, gold)
    double = negative_log_likelihood(emissions.astype("float64"), transitions.astype("float64"), [512] * 8, gold)
    assert single.transitions.dtype == numpy.float32
    numpy.testing.assert_allclose(single.transitions, double.transitions, rtol=0.0, atol=5e-5)


def test_batches_do_not_change_the_answer():
    generator = numpy.random.default_rng(2)
    lengths = [9, 1, 30, 0, 4]
    emissions, transitions = generator.normal(size=(44, 5)), generator.normal(size=(5, 5))
    gold = generator.integers(0, 5, size=44)
    together = negative_log_likelihood(emissions, transitions, lengths, one_label_each(gold, 5))
    alone = [
        negative_log_likelihood(rows, transitions, [len(rows)], one_label_each(labels, 5))
        for rows, labels in zip(split_rows(emissions, lengths), split_rows(gold, lengths))
    ]
    numpy.testing.assert_allclose(together.values, [part.values[0] for part in alone], atol=1e-12)
    numpy.testing.assert_allclose(together.emissions, numpy.concatenate([part.emissions for part in alone]), atol=1e-12)
    numpy.testing.assert_allclose(together.transitions, sum(part.transitions for part in alone), atol=1e-12)

"""Newton steps of removal against dense linear algebra."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh

from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.removal import LEVERAGE_LIMIT, OwnCurvature, correct_segments, correct_tokens, solve_without
from spacy_seginf.influence.segments import SegmentChains

from .heads import fitted, own_hessian, random_data, random_head, size_of

LENGTHS = [5, 1, 4, 6, 3, 1, 2, 5]
SEGMENTS = [(0, 1, 3), (0, 0, 5), (1, 0, 1), (2, 2, 4), (2, 1, 2), (3, 0, 1), (3, 2, 6), (4, 2, 3), (6, 0, 2)]


def dense_curvature(chains):
    """H_k of each segment, column by column of the identity."""
    size = len(chains.transitions) ** 2 + len(chains.transitions) * (chains.features.shape[1] + 1)
    columns = [
        chains.curvature_product(numpy.repeat(e[None], len(chains), axis=0)).gradients() for e in numpy.eye(size)
    ]
    return numpy.array(columns).transpose(1, 0, 2)


@pytest.fixture(scope="module", params=range(3))
def optimum(request):
    data, labels = random_data(numpy.random.default_rng(request.param), LENGTHS, 3, 4)
    head, matrix, metric = fitted(data, 2.0)
    return data, labels, head, matrix, metric


def test_segments(optimum):
    data, labels, head, matrix, metric = optimum
    chains = SegmentChains(head, data, labels, SEGMENTS)
    found = correct_segments(chains, metric)
    gradients = chains.gradients()
    for number, own in enumerate(dense_curvature(chains)):
        largest = eigh(own, matrix, eigvals_only=True)[-1]
        assert 0.9 * largest <= found.leverage[number] <= largest * (1 + 1e-9)
        assert largest < LEVERAGE_LIMIT  # else this test would test clipping
        x = numpy.linalg.solve(matrix - own, gradients[number])
        size = numpy.linalg.norm(x)
        numpy.testing.assert_allclose(found.steps[number], -x, atol=1e-7 * size)
        corrected = found.factors[number : number + 1].gradients()[0]
        numpy.testing.assert_allclose(metric.apply(corrected[None])[0], x, atol=1e-7 * size)
        assert found.norms[number] == pytest.approx(numpy.sqrt(corrected @ numpy.linalg.solve(matrix, corrected)))
        plain = numpy.sqrt(gradients[number] @ numpy.linalg.solve(matrix, gradients[number]))
        assert found.self_influence[number] == pytest.approx(plain)


def test_own_curvature_is_that_of_the_loss(optimum):
    """What the dense checks rest on: H_k itself, from gradients alone."""
    data, labels, head, _, _ = optimum
    segments = [(0, 1, 3), (1, 0, 1), (3, 2, 6)]
    for own, segment in zip(dense_curvature(SegmentChains(head, data, labels, segments)), segments):
        numpy.testing.assert_allclose(own, own_hessian(head, data, labels, segment), atol=1e-7)


def test_sets(optimum):
    data, labels, head, matrix, metric = optimum
    segments = [(0, 1, 3), (2, 2, 4), (3, 0, 1), (1, 0, 1), (4, 0, 2)]
    owners = numpy.array([0, 1, 0, 1, 2])
    chains = SegmentChains(head, data, labels, segments)
    found = correct_segments(chains, metric, owners)
    gradients, own = chains.gradients(), dense_curvature(chains)
    assert found.steps.shape == (3, head.size)
    for number in range(3):
        removed = owners == number
        x = numpy.linalg.solve(matrix - own[removed].sum(axis=0), gradients[removed].sum(axis=0))
        numpy.testing.assert_allclose(found.steps[number], -x, atol=1e-7 * numpy.linalg.norm(x))
        total = found.factors[numpy.flatnonzero(removed)].gradients().sum(axis=0)
        numpy.testing.assert_allclose(metric.apply(total[None])[0], x, atol=1e-7 * numpy.linalg.norm(x))
        assert found.norms[number] == pytest.approx(numpy.sqrt(total @ x), rel=1e-6)
        largest = eigh(own[removed].sum(axis=0), matrix, eigvals_only=True)[-1]
        assert 0.9 * largest <= found.leverage[number] <= largest * (1 + 1e-9)


def test_any_right_hand_side(optimum):
    data, labels, head, matrix, metric = optimum
    chains = SegmentChains(head, data, labels, [(0, 1, 3), (3, 2, 6)])
    own = dense_curvature(chains).sum(axis=0)
    gradient = numpy.random.default_rng(0).normal(size=head.size)
    found = solve_without(chains, numpy.zeros(2, dtype=int), metric, gradient, 1e-10)
    expected = numpy.linalg.solve(matrix - own, gradient)
    numpy.testing.assert_allclose(found, expected, atol=1e-7 * numpy.linalg.norm(expected))


def test_own_curvature_of_sets_adds_up(optimum):
    data, labels, head, _, _ = optimum
    chains = SegmentChains(head, data, labels, [(0, 1, 3), (2, 2, 4), (3, 0, 1)])
    vectors = numpy.random.default_rng(0).normal(size=(2, head.size))
    dense = dense_curvature(chains)
    found = OwnCurvature(chains, numpy.array([1, 0, 1])).product(vectors)
    numpy.testing.assert_allclose(found, [dense[1] @ vectors[0], (dense[0] + dense[2]) @ vectors[1]], atol=1e-10)


def as_tokens(chains, residuals):
    return TokenFactors(chains.features, residuals, chains.previous, chains.following)


@pytest.mark.parametrize("weight", [1.0, 50.0])
def test_tokens_are_segments_of_one(optimum, weight):
    """With the curvature as it is, and with one so small that the leverage is clipped."""
    data, labels, head, _, metric = optimum
    metric = ExactCurvature(weight * metric.inverse, data.labels, data.width)
    tokens = [(d, t, t + 1) for d, length in enumerate(LENGTHS) for t in range(length)]
    chains = SegmentChains(head, data, labels, tokens)
    plain = chains.factors()
    found = correct_tokens(plain.residuals, chains.chain.unary, metric.leverage(as_tokens(chains, plain.residuals)))
    expected = correct_segments(chains, metric)
    assert numpy.all(expected.leverage <= found.leverage * (1 + 1e-6))
    unclipped = found.leverage < LEVERAGE_LIMIT
    assert unclipped.all() if weight == 1.0 else not unclipped.all()
    numpy.testing.assert_allclose(
        found.residuals[unclipped], expected.factors.residuals[unclipped], atol=1e-6 * abs(found.residuals).max()
    )
    corrected = as_tokens(chains, found.residuals).as_segments().gradients()
    assert numpy.isfinite(corrected).all()
    sizes, plain_sizes = (
        numpy.sqrt(numpy.einsum("np,np->n", rows, metric.apply(rows))) for rows in (corrected, plain.gradients())
    )
    # (I - clipped curvature)^-1 has eigenvalues between 1 and 1 / (1 - limit)
    assert numpy.all(sizes <= plain_sizes / (1 - LEVERAGE_LIMIT) * (1 + 1e-6))
    assert numpy.all(sizes >= plain_sizes * (1 - 1e-6))


@pytest.mark.parametrize("l2", [0.3, 0.03, 1e-3])
def test_clipping_keeps_steps_bounded(l2):
    """Few labels, hardly any penalty: documents are most of their own curvature."""
    clipped = 0
    for seed in range(4):
        data, labels = random_data(numpy.random.default_rng(seed), [4, 6, 5], 3, 3)
        head, matrix, metric = fitted(data, l2)
        segments = [(0, 0, 4), (1, 0, 6), (2, 0, 5), (1, 2, 3), (2, 1, 4)]
        chains = SegmentChains(head, data, labels, segments)
        found = correct_segments(chains, metric)
        assert numpy.isfinite(found.steps).all() and numpy.isfinite(found.factors.gradients()).all()
        for number, own in enumerate(dense_curvature(chains)):
            largest = eigh(own, matrix, eigvals_only=True)[-1]
            clipped += largest > LEVERAGE_LIMIT
            assert 0.9 * largest <= found.leverage[number] <= largest * (1 + 1e-6)
            assert found.norms[number] <= found.self_influence[number] / (1 - LEVERAGE_LIMIT) * 1.1
            assert found.norms[number] >= found.self_influence[number] * (1 - 1e-6)
            # The step solves (H - c H_k) x = g, with as much of H_k as the limit permits.
            x = -found.steps[number]
            share, over = own @ x, matrix @ x - chains.gradients()[number]
            scale = (share @ over) / (share @ share)
            numpy.testing.assert_allclose(over, scale * share, atol=1e-4 * numpy.linalg.norm(share))
            if largest < LEVERAGE_LIMIT:
                assert scale == pytest.approx(1.0, abs=1e-4)
            else:
                assert scale * largest >= LEVERAGE_LIMIT * (1 - 1e-4)
                assert scale * largest < 1.0
    if l2 < 0.01:
        assert clipped


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 20.0), st.integers(2, 4))
def test_random_segments(seed, l2, labels):
    generator = numpy.random.default_rng(seed)
    data, gold = random_data(generator, [3, 1, 4, 2, 5, 3], labels, 3)
    head = random_head(generator, data)
    root = generator.normal(size=(size_of(data), 2 * size_of(data)))
    chains = SegmentChains(head, data, gold, [(0, 0, 3), (1, 0, 1), (2, 1, 3), (4, 4, 5)])
    own = dense_curvature(chains)
    matrix = own.sum(axis=0) + root @ root.T / len(root) / 20 + l2 * numpy.eye(head.size)
    metric = ExactCurvature.from_hessian(matrix, labels, data.width)
    found = correct_segments(chains, metric)
    gradients = chains.gradients()
    for number in range(len(chains)):
        largest = eigh(own[number], matrix, eigvals_only=True)[-1]
        assert found.leverage[number] <= largest * (1 + 1e-6)
        if largest < 0.9 * LEVERAGE_LIMIT:
            x = numpy.linalg.solve(matrix - own[number], gradients[number])
            numpy.testing.assert_allclose(found.steps[number], -x, atol=1e-6 * numpy.linalg.norm(x))


def test_a_certain_segment_needs_no_step(optimum):
    """Zero gradients (nothing to learn from the label) give zero steps, and no division by zero."""
    data, labels, head, _, metric = optimum
    free = type(data)(data.features, numpy.ones_like(data.allowed), data.lengths)  # all labels permitted: g = H_k = 0
    found = correct_segments(SegmentChains(head, free, labels, SEGMENTS), metric)
    assert abs(found.steps).max() < 1e-12 and found.norms.max() < 1e-12
    assert numpy.isfinite(found.leverage).all()

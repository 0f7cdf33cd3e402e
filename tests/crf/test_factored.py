"""Chains in factors say what chains that are written out say, and what enumeration says."""

import numpy
import pytest

from spacy_seginf import budget
from spacy_seginf.crf.covariance import covariance_product, expected_pairs
from spacy_seginf.crf.factored import FactoredChain, any_chain, factored_chain
from spacy_seginf.crf.hessian import Chain, markov_chain

LABELS = 4


def problem(lengths, spread=2.0, seed=0):
    generator = numpy.random.default_rng(seed)
    emissions = spread * generator.normal(size=(sum(lengths), LABELS))
    return emissions, spread * generator.normal(size=(LABELS, LABELS))


@pytest.mark.parametrize("lengths", [[1], [5], [3, 1, 6, 2, 6], [1, 1, 1]])
@pytest.mark.parametrize("spread", [0.1, 2.0, 30.0])
@pytest.mark.parametrize("own_kernels", [False, True])
def test_all_that_a_chain_says(lengths, spread, own_kernels):
    emissions, transitions = problem(lengths, spread)
    dense = markov_chain(emissions, transitions, lengths)
    kernels = numpy.repeat(transitions[None], len(lengths), axis=0) if own_kernels else transitions[None]
    factored = factored_chain(emissions, kernels, lengths)
    numpy.testing.assert_allclose(factored.unary, dense.unary, atol=1e-13)
    numpy.testing.assert_allclose(expected_pairs(factored, lengths), expected_pairs(dense, lengths), atol=1e-12)
    generator = numpy.random.default_rng(1)
    scores = generator.normal(size=emissions.shape), generator.normal(size=(len(lengths), LABELS, LABELS))
    for found, expected in zip(
        covariance_product(factored, lengths, *scores), covariance_product(dense, lengths, *scores)
    ):
        numpy.testing.assert_allclose(found, expected, atol=1e-11)
    ends = numpy.cumsum(lengths)
    for start, end in zip(ends - lengths, ends):
        own, other = factored[start:end], dense[start:end]
        for row in range(end - start):
            for a in range(LABELS):
                for b in range(LABELS):
                    if row + 1 < end - start:
                        assert own.follows(row, a, b) == pytest.approx(other.follows(row, a, b), abs=1e-12)
                        assert factored.follows(start + row, a, b) == own.follows(row, a, b)
                    if row:
                        assert own.precedes(row, a, b) == pytest.approx(other.precedes(row, a, b), abs=1e-12)


@pytest.mark.parametrize("lengths", [[5], [3, 1, 6, 2, 6]])
def test_variances_and_probabilities_of_pairs(lengths):
    emissions, transitions = problem(lengths)
    dense, factored = (
        markov_chain(emissions, transitions, lengths),
        factored_chain(emissions, transitions[None], lengths),
    )
    pairs = dense.unary[:, :, None] * dense.onward
    numpy.testing.assert_allclose(dense.pair_variances(), (pairs * (1 - pairs)).sum(axis=0), atol=1e-13)
    numpy.testing.assert_allclose(factored.pair_variances(), dense.pair_variances(), atol=1e-13)
    left, right = numpy.divmod(numpy.array([0, 5, 15, 6]), LABELS)
    for chain in (dense, factored):
        numpy.testing.assert_allclose(chain.pair_probabilities(left, right), pairs[:, left, right], atol=1e-13)


@pytest.mark.parametrize("own_kernels", [False, True])
def test_labels_that_are_ruled_out(own_kernels):
    lengths = [4, 3]
    emissions, transitions = problem(lengths)
    emissions[[0, 2, 5], 1] = emissions[3, :3] = -numpy.inf
    dense = markov_chain(emissions, transitions, lengths)
    kernels = numpy.repeat(transitions[None], 2, axis=0) if own_kernels else transitions[None]
    factored = factored_chain(emissions, kernels, lengths)
    numpy.testing.assert_allclose(factored.unary, dense.unary, atol=1e-13)
    scores = numpy.ones_like(emissions), numpy.random.default_rng(1).normal(size=(2, LABELS, LABELS))
    for found, expected in zip(
        covariance_product(factored, lengths, *scores), covariance_product(dense, lengths, *scores)
    ):
        numpy.testing.assert_allclose(found, expected, atol=1e-12)


def test_sequences_with_kernels_of_their_own():
    lengths = [4, 1, 3]
    emissions, _ = problem(lengths)
    kernels = numpy.random.default_rng(3).normal(size=(3, LABELS, LABELS))
    factored = factored_chain(emissions, kernels, lengths)
    ends = numpy.cumsum(lengths)
    for number, (start, end) in enumerate(zip(ends - lengths, ends)):
        alone = markov_chain(emissions[start:end], kernels[number], [end - start])
        numpy.testing.assert_allclose(factored.unary[start:end], alone.unary, atol=1e-13)
        numpy.testing.assert_allclose(
            expected_pairs(factored, lengths)[number], expected_pairs(alone, [end - start])[0], atol=1e-13
        )
        if end - start > 1:
            assert factored[start:end].follows(1, 2, 3) == pytest.approx(alone.follows(1, 2, 3), abs=1e-13)


def test_which_kind_is_used(monkeypatch):
    emissions, transitions = problem([3, 2])
    assert isinstance(any_chain(emissions, transitions, [3, 2]), Chain)
    monkeypatch.setattr(budget, "DENSE_LABELS", LABELS - 1)
    assert isinstance(any_chain(emissions, transitions, [3, 2]), FactoredChain)
    steep = 400.0 * numpy.eye(LABELS)  # scaled messages would lose labels
    assert isinstance(any_chain(emissions, steep, [3, 2]), Chain)

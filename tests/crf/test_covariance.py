"""Covariances of label statistics against enumeration and finite differences."""

import numpy
import pytest

from spacy_seginf.crf.covariance import covariance_product, expected_pairs, log_partitions, sum_rows
from spacy_seginf.crf.hessian import markov_chain

from .brute_force import enumerate_paths

LENGTHS = [[4], [1], [3, 1, 5, 2], [1, 1], [0, 3, 0, 2], [2, 0]]


def random_problem(lengths, seed, labels=3, *, ruled_out=False):
    generator = numpy.random.default_rng(seed)
    emissions = 2 * generator.normal(size=(sum(lengths), labels))
    transitions = generator.normal(size=(labels, labels))
    if ruled_out:
        hidden = generator.random(emissions.shape) < 0.4
        hidden[numpy.arange(len(hidden)), generator.integers(0, labels, len(hidden))] = False
        emissions[hidden] = -numpy.inf
    return generator, emissions, transitions


def by_sequence(lengths):
    ends = numpy.cumsum(lengths)
    return [slice(end - length, end) for end, length in zip(ends, lengths)]


def enumerated(emissions, transitions):
    allowed = numpy.isfinite(emissions)
    return enumerate_paths(numpy.where(allowed, emissions, 0.0), transitions, allowed)


@pytest.mark.parametrize("ruled_out", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_expected_pairs(lengths, ruled_out):
    _, emissions, transitions = random_problem(lengths, 1, ruled_out=ruled_out)
    found = expected_pairs(markov_chain(emissions, transitions, lengths), lengths)
    assert found.shape == (len(lengths), 3, 3)
    for number, rows in enumerate(by_sequence(lengths)):
        expected = numpy.zeros((3, 3))
        if lengths[number]:
            expected = enumerated(emissions[rows], transitions).pairs(3)
        numpy.testing.assert_allclose(found[number], expected, atol=1e-12)


@pytest.mark.parametrize("ruled_out", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
def test_covariance_by_enumeration(lengths, ruled_out):
    generator, emissions, transitions = random_problem(lengths, 2, ruled_out=ruled_out)
    along = generator.normal(size=emissions.shape)
    along_pairs = generator.normal(size=(len(lengths), 3, 3))
    chain = markov_chain(emissions, transitions, lengths)
    unary, pairs = covariance_product(chain, lengths, along, along_pairs)
    for number, rows in enumerate(by_sequence(lengths)):
        if not lengths[number]:
            assert not pairs[number].any()
            continue
        every = enumerated(emissions[rows], transitions)
        scores = [
            sum(along[rows][t, y] for t, y in enumerate(path))
            + sum(along_pairs[number][edge] for edge in zip(path, path[1:]))
            for path in every.paths
        ]
        weight = every.probabilities * (numpy.array(scores) - every.probabilities @ scores)
        for token in range(lengths[number]):
            for label in range(3):
                expected = weight[every.paths[:, token] == label].sum()
                assert unary[rows][token, label] == pytest.approx(expected, abs=1e-12)
        expected_counts = numpy.zeros((3, 3))
        for path, value in zip(every.paths, weight):
            for edge in zip(path, path[1:]):
                expected_counts[edge] += value
        numpy.testing.assert_allclose(pairs[number], expected_counts, atol=1e-12)


@pytest.mark.parametrize("ruled_out", [False, True])
def test_covariance_is_the_derivative_of_expectations(ruled_out):
    lengths = [5, 1, 3]
    generator, emissions, transitions = random_problem(lengths, 3, labels=4, ruled_out=ruled_out)
    along, along_pairs = generator.normal(size=emissions.shape), generator.normal(size=(4, 4))

    def expectations(rate):
        chain = markov_chain(emissions + rate * along, transitions + rate * along_pairs, lengths)
        return chain.unary, expected_pairs(chain, lengths)

    chain = markov_chain(emissions, transitions, lengths)
    found = covariance_product(chain, lengths, along, numpy.repeat(along_pairs[None], len(lengths), axis=0))
    for product, above, below in zip(found, expectations(1e-5), expectations(-1e-5)):
        numpy.testing.assert_allclose(product, (above - below) / 2e-5, atol=1e-8)
    assert not found[0][~numpy.isfinite(emissions)].any()


def test_covariance_leaves_its_arguments_alone():
    generator, emissions, transitions = random_problem([3, 2], 4)
    along, along_pairs = generator.normal(size=emissions.shape), generator.normal(size=(2, 3, 3))
    copies = along.copy(), along_pairs.copy()
    covariance_product(markov_chain(emissions, transitions, [3, 2]), [3, 2], along, along_pairs)
    numpy.testing.assert_array_equal(along, copies[0])
    numpy.testing.assert_array_equal(along_pairs, copies[1])


def test_covariance_with_a_constant_is_zero():
    _, emissions, transitions = random_problem([4, 2], 5)
    chain = markov_chain(emissions, transitions, [4, 2])
    unary, pairs = covariance_product(chain, [4, 2], numpy.full((6, 3), 7.0), numpy.full((2, 3, 3), -2.0))
    assert abs(unary).max() < 1e-13 and abs(pairs).max() < 1e-13


@pytest.mark.parametrize("lengths", [[4], [1], [3, 1, 5, 2], [1, 1]])
def test_log_partitions_with_transitions_per_sequence(lengths):
    generator, emissions, _ = random_problem(lengths, 6)
    transitions = 2 * generator.normal(size=(len(lengths), 3, 3))
    found = log_partitions(emissions, transitions, lengths)
    expected = [
        enumerate_paths(emissions[rows], matrix).log_partition
        for rows, matrix in zip(by_sequence(lengths), transitions)
    ]
    numpy.testing.assert_allclose(found, expected, rtol=1e-13)


def test_log_partitions_of_nothing_and_of_large_scores():
    assert log_partitions(numpy.zeros((0, 3)), numpy.zeros((0, 3, 3)), []).shape == (0,)
    emissions = numpy.array([[1e4, 0.0], [-1e4, 5.0], [3.0, 2.0]])
    (found,) = log_partitions(emissions, numpy.array([[[0.0, 900.0], [-900.0, 1.0]]]), [3])
    expected = enumerate_paths(emissions, numpy.array([[0.0, 900.0], [-900.0, 1.0]])).log_partition
    assert found == pytest.approx(expected, rel=1e-14)


def test_sum_rows_of_empty_sequences():
    values = numpy.arange(10.0).reshape(5, 2)
    found = sum_rows(values, [0, 2, 0, 3, 0])
    numpy.testing.assert_array_equal(found, [[0, 0], [2, 4], [0, 0], [18, 21], [0, 0]])
    assert sum_rows(values[:0], [0, 0]).tolist() == [[0, 0], [0, 0]]

"""Label pairs of segments, written out and in factors."""

import numpy
import pytest

from spacy_seginf import budget
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.pair_rows import (
    DROPPED,
    FactoredPairs,
    PairRows,
    concatenated,
    factored,
    large_entries,
    pair_arrays,
    stored_pairs,
    times,
    written_out,
)

LABELS = 5
TERMS = numpy.array([2, 0, 1, 0, 4, 2])


@pytest.fixture
def pairs():
    generator = numpy.random.default_rng(0)
    values = generator.normal(size=(6, LABELS, LABELS)) * 10.0 ** generator.uniform(-12, 0, size=(6, LABELS, LABELS))
    values[3] = 0.0
    values[4, 1:] = 0.0
    return values


@pytest.fixture(params=["few labels", "many labels"])
def many(request, pairs):
    if request.param == "few labels":
        return pairs
    left, right = numpy.random.default_rng(1).normal(size=(2, TERMS.sum(), LABELS))
    return factored(pairs, left, right, TERMS, numpy.random.default_rng(2).random((LABELS, LABELS)))


def test_what_is_dropped(pairs):
    rows = written_out(pairs)
    total = numpy.abs(rows).sum(axis=1)
    sparse = large_entries(rows, total)
    assert (numpy.abs(rows - sparse.toarray()).sum(axis=1) <= (DROPPED + 2.0**-23) * total).all()
    assert 0 < sparse.nnz < (rows != 0).sum()  # and something is


def test_terms_take_the_place_of_entries():
    left, right = numpy.random.default_rng(1).normal(size=(2, TERMS.sum(), LABELS))
    kernel = numpy.random.default_rng(2).random((LABELS, LABELS))
    ends = numpy.cumsum(TERMS)
    products = [kernel * (left[start:end].T @ right[start:end]) for start, end in zip(ends - TERMS, ends)]
    found = factored(numpy.array(products), left, right, TERMS, kernel)
    assert found.entries.nnz == 0 and isinstance(found, FactoredPairs)
    numpy.testing.assert_allclose(written_out(found), written_out(numpy.array(products)), atol=1e-14)


def test_work_like_arrays(pairs, many):
    rows = written_out(pairs)
    numpy.testing.assert_allclose(written_out(many), rows, atol=1e-5)
    numpy.testing.assert_allclose(written_out(many[[4, 0]]), rows[[4, 0]], atol=1e-5)
    numpy.testing.assert_allclose(written_out(many[1:4]), rows[1:4], atol=1e-5)
    vectors = numpy.random.default_rng(3).normal(size=(3, LABELS**2))
    numpy.testing.assert_allclose(times(many, vectors), rows @ vectors.T, atol=1e-4)
    numpy.testing.assert_allclose(written_out(concatenated([many, many[1:3]])), [*rows, *rows[1:3]], atol=1e-5)


def test_parts_of_both_kinds(pairs, many):
    for parts in ([pairs, many[1:3]], [many[1:3], pairs]):
        expected = numpy.concatenate([written_out(part) for part in parts])
        numpy.testing.assert_allclose(written_out(concatenated(parts)), expected, atol=1e-5)


def test_some_are_replaced(pairs, many):
    collected = PairRows(many)
    collected[numpy.array([5, 1])] = many[[0, 4]]
    collected[numpy.array([2])] = many[4:5]
    numpy.testing.assert_allclose(written_out(collected.result()), written_out(pairs)[[0, 4, 4, 3, 4, 0]], atol=1e-5)


@pytest.mark.parametrize(
    "rows", [slice(None), slice(1, 4), slice(2, 2), numpy.array([5, 0, 3, 0]), numpy.array([], int)]
)
def test_stored_and_read(pairs, many, rows):
    stored = pair_arrays(many)
    found = stored_pairs(stored, stored.__getitem__, rows)
    numpy.testing.assert_allclose(written_out(found), written_out(pairs)[rows], atol=1e-5)


def test_tokens_as_segments(monkeypatch):
    """Also where both neighbours write into the same pair."""
    generator = numpy.random.default_rng(2)
    previous, following = numpy.array([-1, 2, 2, -1, 0]), numpy.array([3, -1, 2, -1, 4])
    features, residuals = generator.normal(size=(5, 3)), generator.normal(size=(5, LABELS))
    tokens = TokenFactors(features, residuals, previous, following)
    expected = tokens.as_segments().gradients()
    monkeypatch.setattr(budget, "DENSE_LABELS", LABELS - 1)
    assert isinstance(tokens.as_segments().pairs, FactoredPairs)
    numpy.testing.assert_allclose(tokens.as_segments().gradients(), expected, atol=1e-15)

"""Label pairs of segments, written out and by their large entries."""

import numpy
import pytest
from scipy.sparse import issparse

from spacy_seginf import budget
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.pair_rows import (
    DROPPED,
    PairRows,
    concatenated,
    kept,
    large_entries,
    pair_arrays,
    products,
    stored_pairs,
    times,
    written_out,
)

LABELS = 5


@pytest.fixture
def pairs():
    generator = numpy.random.default_rng(0)
    values = generator.normal(size=(6, LABELS, LABELS)) * 10.0 ** generator.uniform(-12, 0, size=(6, LABELS, LABELS))
    values[3] = 0.0
    values[4, 1:] = 0.0
    return values


@pytest.fixture(params=["few labels", "many labels"])
def form(request, monkeypatch):
    if request.param == "many labels":
        monkeypatch.setattr(budget, "DENSE_LABELS", LABELS - 1)
    return request.param


def test_what_is_dropped(pairs):
    rows = written_out(pairs)
    sparse = large_entries(rows)
    lost = numpy.abs(rows - sparse.toarray()).sum(axis=1)
    assert (lost <= (DROPPED + 2.0**-23) * numpy.abs(rows).sum(axis=1)).all()
    assert 0 < sparse.nnz < (rows != 0).sum()  # and something is


def test_work_like_arrays(pairs, form):
    many = kept(pairs)
    assert issparse(many) == (form == "many labels")
    rows = written_out(pairs)
    numpy.testing.assert_allclose(written_out(many[[4, 0]]), rows[[4, 0]], atol=1e-6)
    vectors = numpy.random.default_rng(1).normal(size=(3, LABELS**2))
    numpy.testing.assert_allclose(times(many, vectors), rows @ vectors.T, atol=1e-5)
    for left in (many, pairs):
        for right in (many, pairs):
            numpy.testing.assert_allclose(products(left, right), rows @ rows.T, atol=1e-5)
    numpy.testing.assert_allclose(written_out(concatenated([many, many[1:3]])), numpy.vstack([rows, rows[1:3]]), atol=1e-6)


def test_some_are_replaced(pairs, form):
    collected = PairRows(pairs)
    collected[numpy.array([5, 1])] = -pairs[:2]
    collected[numpy.array([2])] = pairs[4:5]
    expected = pairs.copy()
    expected[[5, 1]], expected[2] = -pairs[:2], pairs[4]
    numpy.testing.assert_allclose(written_out(collected.result()), written_out(expected), atol=1e-6)


@pytest.mark.parametrize("rows", [slice(None), slice(1, 4), slice(2, 2), numpy.array([5, 0, 3, 0]), numpy.array([], int)])
def test_stored_and_read(pairs, form, rows):
    stored = pair_arrays(kept(pairs))
    found = stored_pairs(stored, stored.__getitem__, rows, LABELS)
    numpy.testing.assert_allclose(written_out(found), written_out(pairs[rows]), atol=1e-6)


def test_tokens_as_segments(monkeypatch):
    """Also where both neighbours write into the same pair."""
    generator = numpy.random.default_rng(2)
    previous, following = numpy.array([-1, 2, 2, -1, 0]), numpy.array([3, -1, 2, -1, 4])
    features, residuals = generator.normal(size=(5, 3)), generator.normal(size=(5, LABELS))
    tokens = TokenFactors(features, residuals, previous, following)
    expected = tokens.as_segments().gradients()
    monkeypatch.setattr(budget, "DENSE_LABELS", LABELS - 1)
    assert issparse(tokens.as_segments().pairs)
    numpy.testing.assert_allclose(tokens.as_segments().gradients(), expected, atol=1e-15)

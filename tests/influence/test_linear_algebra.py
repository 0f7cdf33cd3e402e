"""Factorisations when a routine of LAPACK fails: another one answers, or an error with a code does."""

import numpy
import pytest
import scipy.linalg

from experiments.paper.validity.word_features import principal_directions
from spacy_seginf.influence import linear_algebra
from spacy_seginf.influence.curvature import ExactCurvature, KroneckerCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.fit import fit_head
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.linear_algebra import (
    cholesky,
    decompose,
    eigenvalues,
    invert,
    is_positive,
    largest_eigenvalue_bound,
    solve,
)
from spacy_seginf.influence.removal import correct_tokens

from .heads import fitted, random_data


def positive(generator, size, count=None):
    rows = generator.normal(size=(size, size) if count is None else (count, size, size))
    return rows @ numpy.swapaxes(rows, -1, -2) + 0.1 * numpy.eye(size)


def fail(*arguments, **settings):
    raise numpy.linalg.LinAlgError("the routine did not converge")


def fail_quietly(matrix, **settings):
    """As routines of LAPACK report: by a number."""
    return numpy.full_like(matrix, numpy.nan), 7


@pytest.fixture(params=["all work", "numpy fails", "LAPACK fails"])
def broken(request, monkeypatch):
    """Routines that may fail on some processor, one family at a time."""
    if request.param == "numpy fails":
        for name in ("eigh", "eigvalsh", "solve", "svd", "cholesky", "inv"):
            monkeypatch.setattr(numpy.linalg, name, fail)
    if request.param == "LAPACK fails":
        monkeypatch.setattr(linear_algebra, "dpotrf", fail_quietly)
        monkeypatch.setattr(linear_algebra, "dpotri", fail_quietly)
        monkeypatch.setattr(scipy.linalg, "eigh", fail)
        monkeypatch.setattr(scipy.linalg, "svd", fail)


def test_every_routine_has_a_second_one(broken):
    generator = numpy.random.default_rng(0)
    matrices, right = positive(generator, 6, 5), generator.normal(size=(5, 6, 2))
    for matrix, values in zip(matrices, eigenvalues(matrices)):
        assert (numpy.diff(values) >= 0).all()
        assert values.sum() == pytest.approx(numpy.trace(matrix))
        assert values.prod() == pytest.approx(numpy.linalg.det(matrix))
        again, vectors = decompose(matrix)
        numpy.testing.assert_allclose(again, values)
        numpy.testing.assert_allclose((vectors * again) @ vectors.T, matrix, atol=1e-10)
        factor = numpy.tril(cholesky(matrix))
        numpy.testing.assert_allclose(factor @ factor.T, matrix, atol=1e-10)
        numpy.testing.assert_allclose(invert(matrix) @ matrix, numpy.eye(6), atol=1e-8)
        assert values[-1] <= largest_eigenvalue_bound(matrix) <= 1.02 * values[-1]
    numpy.testing.assert_allclose(matrices @ solve(matrices, right), right, atol=1e-8)
    rows = generator.normal(size=(9, 4))
    strengths, directions = principal_directions(rows)
    numpy.testing.assert_allclose(directions @ directions.T, numpy.eye(4), atol=1e-10)
    numpy.testing.assert_allclose(numpy.linalg.norm(rows @ directions.T, axis=0), strengths)


def test_indices_are_built_all_the_same(broken):
    """With exact curvature, also of documents with missing labels, and with K-FAC."""
    generator = numpy.random.default_rng(1)
    data, _ = random_data(generator, [5, 1, 7, 4], 3, 4)
    head, matrix, metric = fitted(data, 0.5)
    numpy.testing.assert_allclose(metric.inverse @ matrix, numpy.eye(len(matrix)), atol=1e-6)
    steps = HeadEffects(data, head, 0.5, metric).removal([(0, 1, 3), (2, 0, 7)])
    assert numpy.isfinite(steps).all() and abs(steps).max() > 0
    assert isinstance(KroneckerCurvature.from_data(data, head, 0.5).apply(steps), numpy.ndarray)
    partial = HeadData(data.features, data.allowed | (generator.random((17, 1)) < 0.3), data.lengths)
    fit = fit_head(partial, Head.zeros(partial), 0.5)
    assert fit.converged
    assert HeadEffects(partial, fit.head, 0.5, metric).largest_gain ** 2 >= max(numpy.diagonal(metric.inverse))


@pytest.mark.parametrize("size", [1, 2, 40])
def test_the_bound_on_the_largest_eigenvalue_is_proven_and_close(size):
    generator = numpy.random.default_rng(size)
    for values in (
        numpy.ones(size),
        numpy.r_[numpy.full(size - 1, 1.0), 1.0 + 1e-7],  # power iteration hardly turns
        numpy.logspace(-12, 3, size),
        numpy.r_[numpy.zeros(size - 1), 5.0],
    ):
        vectors, _ = numpy.linalg.qr(generator.normal(size=(size, size)))
        matrix = (vectors * values) @ vectors.T
        assert values.max() * (1 - 1e-12) <= largest_eigenvalue_bound(matrix) <= 1.02 * values.max()
    assert largest_eigenvalue_bound(numpy.zeros((size, size))) == 0.0
    assert largest_eigenvalue_bound(numpy.zeros((0, 0))) == 0.0


def test_where_nothing_can_be_computed_a_code_says_so(monkeypatch):
    with pytest.raises(ValueError, match="S051"):
        cholesky(-numpy.eye(3))
    with pytest.raises(ValueError, match="S051"):
        ExactCurvature.from_hessian(numpy.diag([1.0] * 9 + [-1.0] * 3 + [1.0] * 9), 3, 4)
    with pytest.raises(ValueError, match="S051"):
        invert(numpy.full((2, 2), numpy.nan))
    assert not is_positive(numpy.diag([1.0, 0.0]))
    with pytest.raises(ValueError, match="S209"):
        solve(numpy.zeros((1, 2, 2)), numpy.ones((1, 2, 1)))
    for value in (numpy.nan, numpy.inf):
        with pytest.raises(ValueError, match="S209"):
            decompose(numpy.full((2, 2), value))
    monkeypatch.setattr(numpy.linalg, "eigvalsh", fail)
    monkeypatch.setattr(scipy.linalg, "eigh", fail)
    with pytest.raises(ValueError, match=r"S209.*eigenvalues"):
        correct_tokens(numpy.zeros((1, 2)), numpy.full((1, 2), 0.5), numpy.eye(2)[None])

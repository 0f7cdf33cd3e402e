"""Forms for large label sets, and small batches, give what the others give."""

import numpy
import pytest

from spacy_seginf import budget
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.influence import curvature
from spacy_seginf.influence.curvature import KroneckerCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.fit import loss_and_gradient
from spacy_seginf.influence.held_out import leave_one_document_out
from spacy_seginf.influence.pair_rows import FactoredPairs, written_out
from spacy_seginf.influence.removal import correct_segments, correct_tokens
from spacy_seginf.influence.rows import segment_rows, token_rows
from spacy_seginf.influence.token_leverage import FactoredLeverage, norms_under, times, token_leverage

from .heads import fitted, random_data, random_head

SCHEME = TagScheme(("A", "B"), "BIO")
LABELS, WIDTH, L2 = 5, 4, 2.0
LENGTHS = [6, 1, 4, 0, 9, 2, 5] * 3


@pytest.fixture(scope="module", params=["labelled", "missing labels"])
def problem(request):
    data, _ = random_data(numpy.random.default_rng(0), LENGTHS, LABELS, WIDTH)
    head, _, _ = fitted(data, L2)
    if request.param == "missing labels":
        allowed = data.allowed.copy()
        allowed[[2, 3, 30]] = True
        data = HeadData(data.features, allowed, data.lengths)
    return data, head


@pytest.fixture
def few(monkeypatch):
    """Take five labels for many, and little memory for enough."""

    def switch(numbers=500):
        monkeypatch.setattr(budget, "DENSE_LABELS", LABELS - 1)
        monkeypatch.setattr(budget, "NUMBERS", numbers)

    return switch


def rows_of(data, head):
    effects = HeadEffects(data, head, L2, KroneckerCurvature.from_data(data, head, L2))
    held = leave_one_document_out(effects, SCHEME)
    return (
        held,
        token_rows(effects, held.probabilities, corrected=True),
        segment_rows(effects, held, SCHEME, corrected=True),
    )


@pytest.mark.parametrize("numbers", [1, 500, 1 << 22])
def test_rows_of_an_index(problem, few, numbers):
    held, tokens, segments = rows_of(*problem)
    few(numbers)
    other_held, other_tokens, other_segments = rows_of(*problem)
    numpy.testing.assert_allclose(other_held.probabilities, held.probabilities, atol=1e-8)
    assert other_held.missing == held.missing and len(held.missing) > 3
    numpy.testing.assert_array_equal(other_tokens.labels, tokens.labels)
    for name in ("residuals", "norms", "self_influence"):
        numpy.testing.assert_allclose(getattr(other_tokens, name), getattr(tokens, name), atol=1e-6)
    assert (other_tokens.leverage <= tokens.leverage + 1e-9).all()
    numpy.testing.assert_allclose(other_tokens.leverage, tokens.leverage, atol=0.02)
    numpy.testing.assert_array_equal(other_segments.positions, segments.positions)
    assert (segments.factors.lengths > 1).any() and isinstance(other_segments.factors.pairs, FactoredPairs)
    for name in ("norms", "self_influence", "leverage"):
        numpy.testing.assert_allclose(getattr(other_segments, name), getattr(segments, name), atol=1e-7)
    found, expected = written_out(other_segments.factors.pairs), written_out(segments.factors.pairs)
    numpy.testing.assert_allclose(found, expected, atol=1e-5 * numpy.abs(expected).max())


def test_the_loss_does_not_depend_on_batches(problem, few):
    data, head = problem
    expected = loss_and_gradient(data, head, L2)
    few(1)
    found = loss_and_gradient(data, head, L2)
    assert found[0] == pytest.approx(expected[0], rel=1e-13)
    numpy.testing.assert_allclose(found[1], expected[1], atol=1e-11)


def test_most_pairs_of_a_diffuse_segment_are_in_its_terms(few):
    """Where all labels are possible nothing is small: the terms keep what entries would take as much space for."""
    labels = 60
    data, _ = random_data(numpy.random.default_rng(1), [4] * 30, labels, WIDTH)
    head = random_head(numpy.random.default_rng(2), data, 0.1)
    effects = HeadEffects(data, head, 20.0, KroneckerCurvature.from_data(data, head, 20.0))
    chains = effects.chains([(number, 1, 3) for number in range(30)])
    corrected = correct_segments(chains, effects.metric)
    pairs = corrected.factors.pairs
    assert isinstance(pairs, FactoredPairs)
    assert pairs.entries.nnz < 4 * labels * len(pairs)  # of labels^2
    few(1 << 22)  # and written out they are what they would be
    budget.DENSE_LABELS = labels
    expected = correct_segments(effects.chains(chains.segments), effects.metric)
    size = numpy.abs(expected.factors.pairs).sum(axis=(1, 2))
    lost = numpy.abs(written_out(pairs) - written_out(expected.factors.pairs)).sum(axis=1)
    assert (lost <= 1e-5 * size).all()
    numpy.testing.assert_allclose(corrected.norms, expected.norms, rtol=1e-7)


def test_tokens_corrected_without_decompositions(problem, few):
    generator = numpy.random.default_rng(3)
    probabilities = generator.dirichlet(numpy.ones(LABELS), size=20)
    residuals = numpy.eye(LABELS)[generator.integers(LABELS, size=20)] - probabilities
    roots = generator.normal(size=(20, LABELS, LABELS))
    leverage = roots @ roots.transpose(0, 2, 1)
    leverage *= numpy.linspace(0.05, 2.0, 20)[:, None, None]  # the last are clipped
    expected = correct_tokens(residuals, probabilities, leverage)
    few()
    found = correct_tokens(residuals, probabilities, leverage)
    fine = expected.leverage < 0.9
    assert 3 < fine.sum() < 20
    numpy.testing.assert_allclose(found.residuals[fine], expected.residuals[fine], atol=1e-7)
    numpy.testing.assert_allclose(found.leverage, expected.leverage, rtol=0.05)


class TestPairsThatVary:
    """K-FAC's block of T with fewer pairs than there are."""

    @pytest.fixture(params=["dense chains", "chains in factors"])
    def metric(self, request, problem, few, monkeypatch):
        data, head = problem
        if request.param == "chains in factors":
            few()
        monkeypatch.setattr(curvature, "LARGEST_BLOCK", 7)
        return KroneckerCurvature.from_data(data, head, L2)

    def test_block(self, metric, problem, monkeypatch):
        """The largest variances are those of the whole block, whose covariances are kept among them."""
        data, head = problem
        monkeypatch.setattr(curvature, "LARGEST_BLOCK", LABELS**2)
        whole = numpy.linalg.inv(KroneckerCurvature.from_data(data, head, L2).transitions)
        variances = numpy.diag(whole)
        assert set(metric.pairs) == set(numpy.argsort(-variances)[:7])
        expected = numpy.diag(variances)
        expected[numpy.ix_(metric.pairs, metric.pairs)] = whole[numpy.ix_(metric.pairs, metric.pairs)]
        inverse = metric.apply(numpy.eye(head.size))
        w_size = head.size - LABELS**2
        numpy.testing.assert_allclose(inverse[w_size:, w_size:] @ expected, numpy.eye(LABELS**2), atol=1e-10)
        numpy.testing.assert_allclose(inverse, inverse.T, atol=1e-13)
        assert numpy.linalg.eigvalsh(inverse)[0] > 0

    def test_leverage(self, metric, problem):
        inverse = metric.apply(numpy.eye(problem[1].size))
        sides = numpy.array([(a, b) for a in range(-1, LABELS) for b in range(-1, LABELS)] * 2)
        features = numpy.random.default_rng(4).normal(size=(len(sides), WIDTH))
        tokens = TokenFactors(features, numpy.zeros((len(sides), LABELS)), sides[:, 0], sides[:, 1])
        found = metric.leverage(tokens)
        for row in range(len(tokens)):  # A maps head to logits: its rows are gradients for residuals of one label
            units = TokenFactors(
                numpy.repeat(features[row : row + 1], LABELS, axis=0),
                numpy.eye(LABELS),
                numpy.repeat(sides[row, 0], LABELS),
                numpy.repeat(sides[row, 1], LABELS),
            )
            a = units.as_segments().gradients()
            numpy.testing.assert_allclose(found[row], a @ inverse @ a.T, atol=1e-12)

    def test_leverage_in_factors(self, metric, problem, few):
        sides = numpy.array([(a, b) for a in range(-1, LABELS) for b in range(-1, LABELS)])
        generator = numpy.random.default_rng(6)
        features = generator.normal(size=(len(sides), WIDTH))
        residuals = generator.normal(size=(len(sides), LABELS))
        tokens = TokenFactors(features, residuals, sides[:, 0], sides[:, 1])
        matrices = metric.leverage(tokens)
        few()
        factors = token_leverage(metric, tokens)
        assert isinstance(factors, FactoredLeverage)
        chosen = generator.permutation(len(sides))[:20]
        expected = numpy.einsum("nab,nb->na", matrices[chosen], residuals[chosen])
        numpy.testing.assert_allclose(times(factors, residuals[chosen], chosen), expected, atol=1e-12)
        squares = numpy.einsum("na,nab,nb->n", residuals, matrices, residuals)
        numpy.testing.assert_allclose(norms_under(factors, residuals) ** 2, squares, rtol=1e-12)

    def test_other_penalties_and_multiples(self, metric, problem):
        """Of H = C + l2: (C + 7) and 3 (C + l2)."""
        every = numpy.eye(problem[1].size)
        matrix = numpy.linalg.inv(metric.apply(every))
        found = numpy.linalg.inv(metric.under(7.0).apply(every))
        numpy.testing.assert_allclose(found, matrix + (7.0 - L2) * every, atol=1e-9)
        numpy.testing.assert_allclose(metric.scaled(3.0).apply(every), metric.apply(every) / 3.0, atol=1e-13)

    def test_pairs_that_hardly_vary_are_left_out(self, problem, monkeypatch):
        data, head = problem
        monkeypatch.setattr(curvature, "LARGEST_BLOCK", 20)
        exact = KroneckerCurvature.from_data(data, head, L2)
        vectors = numpy.random.default_rng(5).normal(size=(20, head.size))
        monkeypatch.setattr(curvature, "SMALL_VARIANCE", 1.0)
        rough = KroneckerCurvature.from_data(data, head, L2)
        assert 0 < len(rough.pairs) < len(exact.pairs) == 20
        change = numpy.linalg.norm(rough.apply(vectors) - exact.apply(vectors))
        assert 0 < change < 0.2 * numpy.linalg.norm(exact.apply(vectors))

"""Fits reach their optimum, leverage is what explicit matrices give, and predicted removals agree with real refits."""

from __future__ import annotations

import numpy
import pytest
from scipy.optimize import minimize

from spacy_seginf.crf import neighbours
from spacy_seginf.influence.curvature import LEVERAGE_LIMIT, Curvature, removal
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.fit import HeadData, fit_head, hessian, loss_and_gradient, newton
from spacy_seginf.influence.verification import RemovalExperiment, WatchedTokens

LABELS, WIDTH, L2 = 4, 7, 1.0


def make_data(seed=0, missing=0):
    generator = numpy.random.default_rng(seed)
    lengths = [7, 5, 0, 9, 1, 8] * 6
    features = generator.normal(size=(sum(lengths), WIDTH - 1)).astype("float32")
    truth = generator.normal(size=(LABELS, WIDTH - 1))
    labels = (features @ truth.T + generator.gumbel(size=(len(features), LABELS))).argmax(axis=1)
    allowed = labels[:, None] == numpy.arange(LABELS)
    allowed[generator.choice(len(labels), missing, replace=False)] = True
    return HeadData(features, allowed, lengths), labels


@pytest.fixture(scope="module")
def fitted():
    data, labels = make_data()
    fit = fit_head(data, numpy.zeros(LABELS * WIDTH + LABELS**2), L2)
    return data, labels, fit, RemovalExperiment(data, fit, L2)


def random_factors(generator, count):
    previous, following = (generator.integers(-1, LABELS, size=count).astype("int16") for _ in range(2))
    residuals = generator.normal(size=(count, LABELS))
    return TokenFactors(generator.normal(size=(count, WIDTH - 1)), residuals, previous, following)


def test_gradient_of_the_penalised_loss():
    data, _ = make_data(missing=5)
    generator = numpy.random.default_rng(1)
    theta, direction = generator.normal(size=(2, LABELS * WIDTH + LABELS**2))
    _, gradient = loss_and_gradient(data, theta, 3.0)
    up, down = (loss_and_gradient(data, theta + sign * 1e-5 * direction, 3.0)[0] for sign in (1, -1))
    assert (up - down) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-6)


def test_fit_reaches_the_optimum(fitted):
    data, _, fit, experiment = fitted
    assert fit.converged and fit.gradient <= 1e-8
    assert experiment.optimum.gradient <= 1e-10
    numpy.testing.assert_allclose(hessian(data, fit.theta, L2), hessian(data, fit.theta, L2).T, atol=1e-10)


def test_fit_from_elsewhere_ends_at_the_same_place(fitted):
    data, _, fit, _ = fitted
    other = newton(data, fit.theta + 0.3, L2)
    numpy.testing.assert_allclose(other.theta, fit.theta, atol=1e-7)


def test_fit_with_missing_labels():
    data, _ = make_data(missing=20)
    fit = fit_head(data, numpy.zeros(LABELS * WIDTH + LABELS**2), L2)
    assert fit.converged


@pytest.mark.parametrize("l2", [0.0, -1.0])
def test_no_penalty(l2):
    data, _ = make_data()
    with pytest.raises(ValueError, match=r"\[S050\]"):
        fit_head(data, numpy.zeros(LABELS * WIDTH + LABELS**2), l2)


def test_indefinite_hessian():
    with pytest.raises(ValueError, match=r"\[S051\]"):
        Curvature.from_hessian(-numpy.eye(LABELS * WIDTH + LABELS**2), LABELS, WIDTH)


def test_leverage_equals_explicit_matrices(fitted):
    curvature = fitted[3].curvature
    tokens = random_factors(numpy.random.default_rng(2), 12)
    found = curvature.leverage(tokens)
    for number in range(len(tokens)):
        one = tokens[[number] * LABELS]
        logits = curvature.gradients(TokenFactors(one.features, numpy.eye(LABELS), one.previous, one.following))
        numpy.testing.assert_allclose(found[number], logits @ curvature.inverse @ logits.T, atol=1e-12)


def test_correction_solves_the_removal_equation(fitted):
    generator = numpy.random.default_rng(3)
    tokens = random_factors(generator, 9)
    probabilities = generator.dirichlet(numpy.ones(LABELS), size=9)
    leverage = fitted[3].curvature.leverage(tokens)
    result = removal(tokens.residuals, probabilities, leverage)
    for number in range(9):
        p = probabilities[number]
        spread = numpy.diag(p) - numpy.outer(p, p)
        values = numpy.linalg.eigvals(spread @ leverage[number])
        assert result.leverage[number] == pytest.approx(values.real.max())
        if result.leverage[number] < LEVERAGE_LIMIT:
            expected = numpy.linalg.solve(numpy.eye(LABELS) - spread @ leverage[number], tokens.residuals[number])
            numpy.testing.assert_allclose(result.residuals[number], expected, rtol=1e-9)


def test_extreme_leverage_is_clipped():
    result = removal(numpy.ones((1, 2)), numpy.full((1, 2), 0.5), 100.0 * numpy.eye(2)[None])
    assert result.leverage[0] == pytest.approx(50.0)
    assert numpy.isfinite(result.residuals).all()


def test_predicted_removals_agree_with_independent_refits(fitted):
    """The refit here is scipy's, from the optimum, on the loss with the label summed out."""
    data, labels, _, experiment = fitted
    previous, following = neighbours(labels, data.lengths)
    generator = numpy.random.default_rng(4)
    chosen = generator.choice(len(labels), 15, replace=False)
    watched = WatchedTokens(data.features[chosen], labels[chosen], previous[chosen], following[chosen])
    base = watched.losses(experiment.optimum.theta, LABELS)
    predicted, actual = [], []
    for row in generator.choice(len(labels), 6, replace=False):
        changes, converged = experiment.actual(int(row), watched)
        assert converged
        allowed = data.allowed.copy()
        allowed[row] = True
        without = HeadData(data.features, allowed, data.lengths)
        refit = minimize(
            loss_and_gradient_of(without), experiment.optimum.theta, jac=True, method="BFGS", options={"gtol": 1e-7}
        )
        numpy.testing.assert_allclose(changes, watched.losses(refit.x, LABELS) - base, atol=1e-6)
        predicted.append(experiment.predicted(int(row), watched))
        actual.append(changes)
    predicted, actual = numpy.concatenate(predicted), numpy.concatenate(actual)
    assert numpy.corrcoef(predicted, actual)[0, 1] > 0.99
    assert 0.9 < numpy.polyfit(actual, predicted, 1)[0] < 1.1


def loss_and_gradient_of(data):
    return lambda theta: loss_and_gradient(data, theta, L2)


def test_watched_losses_are_conditional_losses(fitted):
    """A label that is likelier under the head has the smaller loss, and the probabilities of all labels sum to 1."""
    data, labels, fit, _ = fitted
    previous, following = neighbours(labels, data.lengths)
    losses = [
        WatchedTokens(data.features, numpy.full(len(labels), label), previous, following).losses(fit.theta, LABELS)
        for label in range(LABELS)
    ]
    numpy.testing.assert_allclose(numpy.exp(-numpy.array(losses)).sum(axis=0), 1.0, rtol=1e-12)

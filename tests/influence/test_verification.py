"""Fits reach their optimum, leverage is what explicit matrices give, and predicted removals agree with real refits."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
from scipy.optimize import minimize

from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import TIGHT, HeadEffects
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.fit import fit_head, hessian, loss_and_gradient, newton, positive_hessian
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.removal import LEVERAGE_LIMIT, correct_segments, correct_tokens

from .heads import random_head

LABELS, WIDTH, L2 = 4, 7, 1.0
START = Head.unpacked(numpy.zeros(LABELS * WIDTH + LABELS**2), LABELS)


def make_data(seed=0, missing=0):
    generator = numpy.random.default_rng(seed)
    lengths = [7, 5, 0, 9, 1, 8] * 6
    features = generator.normal(size=(sum(lengths), WIDTH - 1)).astype("float32")
    truth = generator.normal(size=(LABELS, WIDTH - 1))
    labels = (features @ truth.T + generator.gumbel(size=(len(features), LABELS))).argmax(axis=1)
    allowed = labels[:, None] == numpy.arange(LABELS)
    allowed[generator.choice(len(labels), missing, replace=False)] = True
    return HeadData(features, allowed, lengths), labels


def make_effects(data):
    """Fit a head to its optimum."""
    fit = fit_head(data, START, L2, TIGHT)
    matrix, _ = positive_hessian(data, fit.head, L2)
    return fit, HeadEffects(data, fit.head, L2, ExactCurvature.from_hessian(matrix, LABELS, WIDTH))


@pytest.fixture(scope="module")
def fitted():
    data, labels = make_data()
    return data, labels, *make_effects(data)


def random_factors(generator, count):
    previous, following = (generator.integers(-1, LABELS, size=count).astype("int16") for _ in range(2))
    residuals = generator.normal(size=(count, LABELS))
    return TokenFactors(generator.normal(size=(count, WIDTH - 1)), residuals, previous, following)


def segments_of(data, generator, count, length):
    """Draw segments of a length (document, start, end)."""
    possible = [
        (number, start, start + length)
        for number, size in enumerate(data.lengths)
        for start in range(size - length + 1)
    ]
    return [possible[chosen] for chosen in generator.choice(len(possible), count, replace=False)]


def rows_of(data, segment):
    document, start, end = segment
    return slice(int(data.starts[document]) + start, int(data.starts[document]) + end)


def independent_refit(data, allowed, start):
    """The step of a refit by scipy, on the loss with other permitted labels."""
    changed = replace(data, allowed=allowed)

    def loss(vector):
        return loss_and_gradient(changed, Head.unpacked(vector, LABELS), L2)

    result = minimize(loss, start.packed, jac=True, method="BFGS", options={"gtol": 1e-7})
    return result.x - start.packed


def test_gradient_of_the_penalised_loss():
    data, _ = make_data(missing=5)
    generator = numpy.random.default_rng(1)
    head, direction = random_head(generator, data), generator.normal(size=START.size)
    _, gradient = loss_and_gradient(data, head, 3.0)
    up, down = (loss_and_gradient(data, head.moved(sign * 1e-5 * direction), 3.0)[0] for sign in (1, -1))
    assert (up - down) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-6)


def test_fit_reaches_the_optimum(fitted):
    data, _, fit, effects = fitted
    assert fit.converged and fit.gradient <= 1e-10
    assert fit_head(data, START, L2).gradient <= 1e-8
    matrix = hessian(data, fit.head, L2)
    numpy.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
    numpy.testing.assert_allclose(effects.metric.apply(matrix), numpy.eye(len(matrix)), atol=1e-8)
    _, refit = effects.refit(effects.without([(0, 1, 3)]))
    assert refit.converged and refit.gradient <= 1e-10


def test_fit_from_elsewhere_ends_at_the_same_place(fitted):
    data, _, fit, _ = fitted
    other = newton(data, fit.head.moved(0.3), L2)
    numpy.testing.assert_allclose(other.head.packed, fit.head.packed, atol=1e-7)


def test_fit_with_missing_labels():
    data, labels = make_data(missing=20)
    fit, effects = make_effects(data)
    assert fit.converged
    known = data.allowed.sum(axis=1) == 1
    assert known.sum() == len(labels) - 20
    numpy.testing.assert_array_equal(effects.labels[known], labels[known])


def test_removal_beside_missing_labels():
    """The refit is right with missing labels too; the prediction holds their completion, so it is only near."""
    data, _ = make_data(missing=20)
    fit, effects = make_effects(data)
    generator = numpy.random.default_rng(5)
    watched = effects.watch(data, effects.labels, segments_of(data, generator, 20, 1))
    base = watched.losses()[0]
    predicted, actual = [], []
    for segment in segments_of(data, generator, 6, 1):
        change = effects.without([segment])
        real, refit = effects.refit(change)
        assert refit.converged
        found = independent_refit(data, change.data.allowed, fit.head)
        numpy.testing.assert_allclose(real[0], found, atol=1e-5)
        predicted.append(watched.losses(effects.predict(change))[0] - base)
        actual.append(watched.losses(real)[0] - base)
    assert numpy.corrcoef(numpy.concatenate(predicted), numpy.concatenate(actual))[0, 1] > 0.9


@pytest.mark.parametrize("l2", [0.0, -1.0])
def test_no_penalty(l2):
    data, _ = make_data()
    with pytest.raises(ValueError, match=r"\[S050\]"):
        fit_head(data, START, l2)


def test_indefinite_hessian():
    with pytest.raises(ValueError, match=r"\[S051\]"):
        ExactCurvature.from_hessian(-numpy.eye(LABELS * WIDTH + LABELS**2), LABELS, WIDTH)


def test_leverage_equals_explicit_matrices(fitted):
    metric = fitted[3].metric
    tokens = random_factors(numpy.random.default_rng(2), 12)
    found = metric.leverage(tokens)
    for number in range(len(tokens)):
        one = tokens[[number] * LABELS]
        each = TokenFactors(one.features, numpy.eye(LABELS), one.previous, one.following)
        logits = each.as_segments().gradients()
        numpy.testing.assert_allclose(found[number], logits @ metric.inverse @ logits.T, atol=1e-12)


def test_correction_solves_the_removal_equation(fitted):
    generator = numpy.random.default_rng(3)
    tokens = random_factors(generator, 9)
    probabilities = generator.dirichlet(numpy.ones(LABELS), size=9)
    leverage = fitted[3].metric.leverage(tokens)
    result = correct_tokens(tokens.residuals, probabilities, leverage)
    for number in range(9):
        p = probabilities[number]
        spread = numpy.diag(p) - numpy.outer(p, p)
        values = numpy.linalg.eigvals(spread @ leverage[number])
        assert result.leverage[number] == pytest.approx(values.real.max())
        if result.leverage[number] < LEVERAGE_LIMIT:
            expected = numpy.linalg.solve(numpy.eye(LABELS) - spread @ leverage[number], tokens.residuals[number])
            numpy.testing.assert_allclose(result.residuals[number], expected, rtol=1e-9)


def test_extreme_leverage_is_clipped():
    matrices = 100.0 * numpy.eye(2)[None]
    result = correct_tokens(numpy.ones((1, 2)), numpy.full((1, 2), 0.5), matrices)
    assert result.leverage[0] == pytest.approx(50.0)
    # The residuals that a leverage at the limit would give, not those of its own.
    spread = numpy.full((2, 2), -0.25) + 0.5 * numpy.eye(2)
    held = numpy.linalg.solve(numpy.eye(2) - LEVERAGE_LIMIT / 50 * spread @ matrices[0], numpy.ones(2))
    numpy.testing.assert_allclose(result.residuals[0], held, rtol=1e-9)


def test_extreme_leverage_of_segments_is_clipped(fitted):
    """A metric far too loose for the head: the labels' own curvature outweighs everything."""
    data, _, fit, effects = fitted
    loose = ExactCurvature(1e4 * effects.metric.inverse, LABELS, WIDTH)
    chains = effects.chains([(0, 1, 3), (3, 0, 1), (5, 2, 6)])
    result = correct_segments(chains, loose)
    assert (result.leverage > LEVERAGE_LIMIT).all()
    for number, own in enumerate(own_hessians(data, fit.head, chains)):
        values = numpy.linalg.eigvals(loose.inverse @ own).real
        assert result.leverage[number] <= values.max() * (1 + 1e-9)
        assert result.leverage[number] >= 0.5 * values.max()
    assert numpy.isfinite(result.steps).all()


def own_hessians(data, head, chains):
    """The Hessian of each segment's conditional loss, column by column."""
    unit = numpy.eye(head.size)
    columns = [chains.curvature_product(numpy.repeat(row[None], len(chains), axis=0)).gradients() for row in unit]
    return numpy.stack(columns, axis=1)


@pytest.mark.parametrize("length", [1, 3])
def test_predicted_removals_agree_with_independent_refits(fitted, length):
    """The refit here is scipy's, from the optimum, on the loss with the labels summed out."""
    data, labels, fit, effects = fitted
    generator = numpy.random.default_rng(4)
    watched = effects.watch(data, labels, segments_of(data, generator, 15, 1))
    base = watched.losses()[0]
    predicted, actual = [], []
    for segment in segments_of(data, generator, 6, length):
        change = effects.without([segment])
        real, refit = effects.refit(change)
        assert refit.converged
        allowed = data.allowed.copy()
        allowed[rows_of(data, segment)] = True
        found = independent_refit(data, allowed, fit.head)[None]
        numpy.testing.assert_allclose(watched.losses(real), watched.losses(found), atol=1e-6)
        step = effects.predict(change)
        numpy.testing.assert_allclose(effects.removal([segment]), step, rtol=1e-6, atol=1e-12)
        refined = effects.refine(change, step, 4)
        assert numpy.linalg.norm(refined - real) < 0.01 * numpy.linalg.norm(step - real) + 1e-9
        predicted.append(watched.losses(step)[0] - base)
        actual.append(watched.losses(real)[0] - base)
    predicted, actual = numpy.concatenate(predicted), numpy.concatenate(actual)
    assert numpy.corrcoef(predicted, actual)[0, 1] > 0.99
    assert 0.9 < numpy.polyfit(actual, predicted, 1)[0] < 1.1


def test_predicted_relabellings_agree_with_independent_refits(fitted):
    data, labels, fit, effects = fitted
    generator = numpy.random.default_rng(6)
    watched = effects.watch(data, labels, segments_of(data, generator, 15, 1))
    base = watched.losses()[0]
    predicted, actual = [], []
    for segment in segments_of(data, generator, 6, 2):
        rows = rows_of(data, segment)
        new = (labels[rows] + 1) % LABELS
        change = effects.relabelled(segment, new)
        allowed = data.allowed.copy()
        allowed[rows] = new[:, None] == numpy.arange(LABELS)
        real, refit = effects.refit(change)
        assert refit.converged
        found = independent_refit(data, allowed, fit.head)[None]
        numpy.testing.assert_allclose(watched.losses(real), watched.losses(found), atol=1e-6)
        predicted.append(watched.losses(effects.predict(change))[0] - base)
        actual.append(watched.losses(real)[0] - base)
    predicted, actual = numpy.concatenate(predicted), numpy.concatenate(actual)
    assert numpy.corrcoef(predicted, actual)[0, 1] > 0.98
    assert 0.8 < numpy.polyfit(actual, predicted, 1)[0] < 1.2


def test_watched_losses_are_conditional_losses(fitted):
    """A label that is likelier under the head has the smaller loss, and the probabilities of all labels sum to 1."""
    data, labels, fit, effects = fitted
    singles = [(number, token, token + 1) for number, size in enumerate(data.lengths) for token in range(size)]
    watched = effects.watch(data, labels, singles)
    losses = []
    for label in range(LABELS):
        observed = numpy.zeros_like(data.allowed)
        observed[:, label] = True
        losses.append(watched.at(fit.head, observed).losses()[0])
    numpy.testing.assert_allclose(numpy.exp(-numpy.array(losses)).sum(axis=0), 1.0, rtol=1e-12)
    numpy.testing.assert_array_equal(numpy.array(losses)[labels, numpy.arange(len(labels))], watched.losses()[0])

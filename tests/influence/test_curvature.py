"""Metrics against dense matrices, and Hessians against finite differences."""

import itertools
import warnings

import numpy
import pytest

from spacy_seginf.influence.curvature import (
    ExactCurvature,
    IdentityCurvature,
    KroneckerCurvature,
    load_metric,
    metric_arrays,
)
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.fit import fit_head, hessian, loss_and_gradient, positive_hessian

from .heads import differences, fitted, random_data, random_head, size_of

LABELS, WIDTH = 3, 4
LENGTHS = [5, 1, 4, 6, 3, 2]


def every_neighbourhood(generator):
    """Tokens with every pair of neighbouring labels, edges included."""
    sides = numpy.array(list(itertools.product(range(-1, LABELS), repeat=2)), dtype="int16")
    features = generator.normal(size=(len(sides), WIDTH)).astype("float32")
    return TokenFactors(features, generator.normal(size=(len(sides), LABELS)), sides[:, 0], sides[:, 1])


def logit_map(tokens, row):
    """A of one token: parameters -> logits, entry by entry (labels x P)."""
    weights = numpy.zeros((LABELS, LABELS, WIDTH + 1))
    transitions = numpy.zeros((LABELS, LABELS, LABELS))
    for label in range(LABELS):
        weights[label, label] = [*tokens.features[row].astype(float), 1.0]
        if tokens.previous[row] >= 0:
            transitions[label, tokens.previous[row], label] += 1.0
        if tokens.following[row] >= 0:
            transitions[label, label, tokens.following[row]] += 1.0
    return numpy.concatenate([weights.reshape(LABELS, -1), transitions.reshape(LABELS, -1)], axis=1)


@pytest.fixture(scope="module")
def problem():
    data, labels = random_data(numpy.random.default_rng(0), LENGTHS, LABELS, WIDTH)
    head, matrix, metric = fitted(data, 0.7)
    return data, labels, head, matrix, metric


def make_metric(kind, problem):
    data, _, head, _, metric = problem
    if kind == "identity":
        return IdentityCurvature(LABELS, WIDTH + 1)
    return metric if kind == "exact" else KroneckerCurvature.from_data(data, head, 0.7)


@pytest.mark.parametrize("kind", ["identity", "exact", "kfac"])
def test_leverage_is_that_of_the_dense_inverse(kind, problem):
    metric = make_metric(kind, problem)
    assert (metric.labels, metric.width) == (LABELS, WIDTH + 1)
    inverse = metric.apply(numpy.eye(size_of(problem[0])))
    numpy.testing.assert_allclose(inverse, inverse.T, atol=1e-12)
    assert numpy.linalg.eigvalsh(inverse)[0] > 0
    tokens = every_neighbourhood(numpy.random.default_rng(1))
    found = metric.leverage(tokens)
    for row in range(len(tokens)):
        a = logit_map(tokens, row)
        numpy.testing.assert_allclose(found[row], a @ inverse @ a.T, atol=1e-10, err_msg=str(row))
        gradient = tokens[row : row + 1].as_segments().gradients()[0]
        numpy.testing.assert_allclose(gradient, tokens.residuals[row] @ a, atol=1e-12)


@pytest.mark.parametrize("kind", ["identity", "exact", "kfac"])
def test_leverage_of_no_tokens(kind, problem):
    tokens = every_neighbourhood(numpy.random.default_rng(1))[:0]
    assert make_metric(kind, problem).leverage(tokens).shape == (0, LABELS, LABELS)


def test_exact_is_the_inverse(problem):
    _, _, _, matrix, metric = problem
    vectors = numpy.random.default_rng(2).normal(size=(5, len(matrix)))
    numpy.testing.assert_allclose(metric.apply(vectors) @ matrix, vectors, atol=1e-9)


def test_kfac_has_the_trace_of_the_tokens_own_covariances(problem):
    """Without penalty, the trace of K-FAC's block of W is the sum over tokens of tr(S) |F|^2."""
    data, _, head, _, _ = problem
    kfac = KroneckerCurvature.from_data(data, head, 0.7)
    found = kfac.label_values.sum() * kfac.feature_values.sum()
    expected = 0.0
    for start, length in zip(data.starts, data.lengths):
        features = data.features[start : start + length].astype(float)
        paths = list(itertools.product(range(LABELS), repeat=length))
        pairs = head.transitions
        scores = numpy.array(
            [
                sum(head.weights[y] @ features[t] + head.bias[y] for t, y in enumerate(path))
                + sum(pairs[edge] for edge in zip(path, path[1:]))
                for path in paths
            ]
        )
        probabilities = numpy.exp(scores - numpy.logaddexp.reduce(scores))
        for token in range(length):
            p = [probabilities[[path[token] == y for path in paths]].sum() for y in range(LABELS)]
            expected += (1 - numpy.square(p).sum()) * (features[token] @ features[token] + 1.0)
    assert found == pytest.approx(expected, rel=1e-10)


def test_kfac_has_the_exact_block_of_transitions_between_independent_pairs():
    """In documents of two tokens every pair stands alone, and K-FAC's block of T is the exact one."""
    data, _ = random_data(numpy.random.default_rng(3), [2] * 12, LABELS, WIDTH)
    head = random_head(numpy.random.default_rng(4), data)
    kfac = KroneckerCurvature.from_data(data, head, 0.5)
    exact = hessian(data, head, 0.5)[LABELS * (WIDTH + 1) :, LABELS * (WIDTH + 1) :]
    numpy.testing.assert_allclose(numpy.linalg.inv(kfac.transitions), exact, atol=1e-10)


def test_kfac_is_close_to_exact_for_one_token_documents_of_one_kind():
    """The same features everywhere: then the Kronecker product is the exact block of W."""
    data, _ = random_data(numpy.random.default_rng(3), [1] * 20, LABELS, WIDTH)
    same = HeadData(numpy.repeat(data.features[:1], 20, axis=0), data.allowed, data.lengths)
    head = random_head(numpy.random.default_rng(4), data)
    kfac = KroneckerCurvature.from_data(same, head, 0.5)
    dense = kfac.apply(numpy.eye(head.size))
    numpy.testing.assert_allclose(dense @ hessian(same, head, 0.5), numpy.eye(head.size), atol=1e-8)


@pytest.mark.parametrize("kind", ["identity", "exact", "kfac"])
def test_round_trip(kind, problem, tmp_path):
    metric = make_metric(kind, problem)
    arrays = {}
    for name, array in metric_arrays(metric).items():
        numpy.save(tmp_path / f"{name}.npy", array, allow_pickle=False)
        arrays[name] = numpy.load(tmp_path / f"{name}.npy", allow_pickle=False)
    again = load_metric(kind, arrays, LABELS, WIDTH + 1)
    assert type(again) is type(metric)
    vectors = numpy.random.default_rng(2).normal(size=(3, size_of(problem[0])))
    numpy.testing.assert_array_equal(again.apply(vectors), metric.apply(vectors))
    tokens = every_neighbourhood(numpy.random.default_rng(1))
    numpy.testing.assert_array_equal(again.leverage(tokens), metric.leverage(tokens))


def test_k_fac_of_an_earlier_version(problem):
    """All label pairs were written out then, and nothing said so."""
    metric = make_metric("kfac", problem)
    arrays = {name: array for name, array in metric_arrays(metric).items() if name not in ("pairs", "others")}
    again = load_metric("kfac", arrays, LABELS, WIDTH + 1)
    vectors = numpy.random.default_rng(2).normal(size=(3, size_of(problem[0])))
    numpy.testing.assert_array_equal(again.apply(vectors), metric.apply(vectors))


def dense_hessian(data, head, l2):
    return differences(lambda point: loss_and_gradient(data, point, l2)[1], head)


def with_missing(data, share, seed=0):
    missing = numpy.random.default_rng(seed).random(len(data.allowed)) < share
    return HeadData(data.features, data.allowed | missing[:, None], data.lengths)


def test_hessian_with_missing_labels(problem):
    data, _, head, _, _ = problem
    partial = with_missing(data, 0.3)
    assert partial.allowed.all(axis=1).any() and not partial.allowed.all(axis=1).all()
    matrix, kind = positive_hessian(partial, head, 1.0)
    assert kind == "full"
    numpy.testing.assert_allclose(matrix, dense_hessian(partial, head, 1.0), atol=1e-6)
    assert abs(matrix - hessian(partial, head, 1.0, free=True)).max() > 0.01


def test_hessian_with_partly_missing_labels(problem):
    """Two readings of a token, as behind an entity that may go on."""
    data, _, head, _, _ = problem
    allowed = data.allowed.copy()
    allowed[[1, 3, 8], 0] = allowed[[1, 3, 8], 2] = True
    partial = HeadData(data.features, allowed, data.lengths)
    matrix, kind = positive_hessian(partial, head, 1.0)
    assert kind == "full"
    numpy.testing.assert_allclose(matrix, dense_hessian(partial, head, 1.0), atol=1e-6)


def indefinite():
    """Two labels known of one token, all others missing, hardly any penalty, far from the optimum."""
    data, _ = random_data(numpy.random.default_rng(5), [4, 3], LABELS, WIDTH)
    allowed = numpy.ones_like(data.allowed)
    allowed[1] = [True, False, False]
    head = random_head(numpy.random.default_rng(6), data)
    return HeadData(data.features, allowed, data.lengths), head


def test_indefinite_hessian_is_replaced():
    data, head = indefinite()
    exact = hessian(data, head, 1e-4)
    numpy.testing.assert_allclose(exact, dense_hessian(data, head, 1e-4), atol=1e-6)
    assert numpy.linalg.eigvalsh(exact)[0] < -1e-3
    matrix, kind = positive_hessian(data, head, 1e-4)
    assert kind == "free labels"
    fully = HeadData(data.features, numpy.eye(LABELS, dtype=bool)[numpy.zeros(7, dtype=int)], data.lengths)
    numpy.testing.assert_allclose(matrix, dense_hessian(fully, head, 1e-4), atol=1e-6)
    metric = ExactCurvature.from_hessian(matrix, LABELS, WIDTH + 1)
    assert numpy.isfinite(metric.inverse).all()
    with pytest.raises(ValueError, match=r"\[S051\]"):
        ExactCurvature.from_hessian(exact, LABELS, WIDTH + 1)


def test_all_labels_missing_leaves_the_penalty():
    data, head = indefinite()
    nothing = HeadData(data.features, numpy.ones_like(data.allowed), data.lengths)
    matrix, kind = positive_hessian(nothing, head, 0.25)
    assert kind == "full"
    numpy.testing.assert_allclose(matrix, 0.25 * numpy.eye(head.size), atol=1e-10)


def test_without_penalty_there_is_no_metric():
    """Separable labels and a head that is sure of them: the Hessian vanishes; constant shifts make it singular."""
    generator = numpy.random.default_rng(7)
    data, _ = random_data(generator, [5, 4], LABELS, WIDTH, noise=0.0)
    for size in (0.0, 1.0, 1e3):
        head = random_head(generator, data, size)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            matrix = hessian(data, head, 0.0)
            assert numpy.isfinite(matrix).all()
            with pytest.raises(ValueError, match=r"\[S051\]"):
                ExactCurvature.from_hessian(matrix, LABELS, WIDTH + 1)


@pytest.mark.parametrize("l2", [0.0, -1.0])
def test_fitting_without_penalty(l2, problem):
    with pytest.raises(ValueError, match=r"\[S050\]"):
        fit_head(problem[0], problem[2], l2)

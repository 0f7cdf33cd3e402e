"""What captum and kronfluence compute of the head is what it is meant to be."""

from __future__ import annotations

import gc
import logging
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import numpy
import pytest
import spacy
from scipy.stats import spearmanr

from experiments.methods.rivals import CaptumTracInCPFast, KronfluenceEKFAC
from experiments.methods.rivals.tokens import Tokens, linear_layer
from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.fit import hessian
from spacy_seginf.influence.head import split
from spacy_seginf.influence.penalty import Penalty

from ..influence.heads import fitted, random_data

LABELS, WIDTH, L2 = 4, 6, 1.0
LENGTHS = [7, 1, 12, 30, 2, 25, 23]
METHODS = [CaptumTracInCPFast(), KronfluenceEKFAC()]
each_method = pytest.mark.parametrize("method", METHODS, ids=["captum", "kronfluence"])


def single_tokens(lengths):
    return numpy.array([[number, at, at + 1] for number, length in enumerate(lengths) for at in range(length)])


@pytest.fixture(scope="module")
def context():
    """A fitted head whose features differ in scale, as those of encoders do; every token is a segment."""
    generator = numpy.random.default_rng(0)
    data, gold = random_data(generator, LENGTHS, LABELS, WIDTH, noise=1.0)
    mixed = data.features * numpy.geomspace(0.2, 3.0, WIDTH) @ generator.normal(size=(WIDTH, WIDTH))
    data = HeadData((mixed + generator.normal(size=WIDTH)).astype("float32"), data.allowed, data.lengths)
    head, _, metric = fitted(data, L2)
    return Context(
        spacy.blank("en"), "crf_tagger", Texts([], data, gold, single_tokens(LENGTHS)), head, Penalty(L2), metric
    )


@pytest.fixture(scope="module")
def ekfac(context):
    return KronfluenceEKFAC().prepare(context)


def queries_of(context, segments=None):
    """Other texts under the same head, at labels that the head may find improbable."""
    data, gold = random_data(numpy.random.default_rng(1), [9, 3, 14], LABELS, WIDTH)
    return Texts([], data, gold, single_tokens(data.lengths) if segments is None else numpy.array(segments))


def rank_correlation(found, expected):
    return spearmanr(found.ravel(), expected.ravel()).statistic


def emission_gradients(texts, head):
    """Minus the gradients of the conditional losses of single tokens with respect to W and b (float64, n x part)."""
    return texts.chains(head).gradients()[:, : texts.data.labels * texts.data.width]


def extended_gradients(texts, head):
    """The same of a layer that reads features, 1 and both neighbours in one-hot form; token by token, from p as
    defined."""
    data, labels = texts.data, texts.labels
    weights, transitions = split(head.packed, data.labels)
    eye, found = numpy.eye(data.labels), []
    for document, token, _ in texts.segments:
        row = data.starts[document] + token
        left = eye[labels[row - 1]] if token else numpy.zeros(data.labels)
        right = eye[labels[row + 1]] if token + 1 < data.lengths[document] else numpy.zeros(data.labels)
        features = numpy.concatenate([data.features[row].astype("float64"), [1.0]])
        scores = weights @ features + left @ transitions + transitions @ right
        residual = eye[labels[row]] - numpy.exp(scores - numpy.logaddexp.reduce(scores))
        found.append(numpy.outer(residual, numpy.concatenate([features, left, right])).ravel())
    return numpy.array(found)


def test_the_layer_has_the_conditional_probabilities(context):
    tokens = Tokens.of_segments(context.training)
    layer = linear_layer(context.head)
    found = layer(tokens.inputs).softmax(dim=1).detach().numpy()
    expected = context.training.chains(context.head).chain.unary
    numpy.testing.assert_allclose(found, expected, atol=1e-5)


def test_captum_scores_are_inner_products_of_the_extended_gradients(context):
    queries = queries_of(context)
    found = CaptumTracInCPFast().prepare(context).scores(queries)
    expected = extended_gradients(queries, context.head) @ extended_gradients(context.training, context.head).T
    assert found.dtype == numpy.float64
    numpy.testing.assert_allclose(found, expected, atol=1e-5 * abs(expected).max())


@pytest.fixture(scope="module")
def by_definition(context):
    """Influence on other texts' tokens through W and b: with the exact Hessian's block, and with the identity."""
    part = LABELS * (WIDTH + 1)
    inverse = numpy.linalg.inv(hessian(context.training.data, context.head, L2)[:part, :part])
    left, right = (emission_gradients(texts, context.head) for texts in (queries_of(context), context.training))
    return left @ inverse @ right.T, left @ right.T


def test_kronfluence_ranks_as_the_exact_hessian_of_the_emissions_does(context, ekfac, by_definition):
    exact, identity = by_definition
    found = ekfac.scores(queries_of(context))
    assert rank_correlation(identity, exact) < 0.3  # the head is one on which curvature matters
    assert rank_correlation(found, exact) > 0.75
    assert (found * exact).sum() / (exact * exact).sum() == pytest.approx(1.0, abs=0.25)  # the scale is right too


@each_method
def test_a_token_supports_itself(method, context):
    own = method.prepare(context).scores(context.training).diagonal()
    assert (own > 0).all()


@each_method
def test_scores_do_not_depend_on_what_is_asked_with_them(method, context):
    queries, attribution = queries_of(context), method.prepare(context)
    together, order = attribution.scores(queries), numpy.random.default_rng(2).permutation(len(queries))
    tolerance = {"rtol": 1e-4, "atol": 1e-5 * abs(together).max()}
    shuffled = attribution.scores(replace(queries, segments=queries.segments[order]))
    numpy.testing.assert_allclose(shuffled, together[order], **tolerance)
    alone = attribution.scores(replace(queries, segments=queries.segments[3:4]))
    numpy.testing.assert_allclose(alone, together[3:4], **tolerance)


@each_method
def test_segments_are_sums_of_their_tokens(method, context):
    training = numpy.array([[0, 0, 3], [0, 3, 4], [2, 1, 5]])
    asked = [[0, 2, 4], [2, 0, 1], [2, 11, 14]]
    found = method.prepare(replace(context, training=replace(context.training, segments=training)))
    tokens = method.prepare(context).scores(queries_of(context))
    rows = [[2, 3], [12], [23, 24, 25]]
    columns = [[0, 1, 2], [3], [9, 10, 11, 12]]  # the documents before the third have 8 tokens
    expected = numpy.array([[tokens[numpy.ix_(row, column)].sum() for column in columns] for row in rows])
    scores = found.scores(queries_of(context, asked))
    numpy.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-5 * abs(tokens).max())
    assert found.bytes_per_segment == 4 * (WIDTH + 1 + 2 * LABELS) * 8 / 3


@each_method
def test_nothing_to_score(method, context):
    empty = numpy.zeros((0, 3), dtype="int64")
    assert method.prepare(context).scores(queries_of(context, empty)).shape == (0, sum(LENGTHS))
    nothing = method.prepare(replace(context, training=replace(context.training, segments=empty)))
    assert nothing.scores(queries_of(context)).shape == (26, 0)


def test_kronfluence_is_repeatable_quiet_and_leaves_nothing_behind(
    context, ekfac, capfd, recwarn, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    level = logging.root.level
    again = KronfluenceEKFAC().prepare(context)
    assert list(tmp_path.iterdir())
    numpy.testing.assert_array_equal(again.scores(queries_of(context)), ekfac.scores(queries_of(context)))
    del again
    gc.collect()
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)
    assert logging.root.level == level


def test_kronfluence_without_a_penalty_is_damped(context, by_definition):
    exact, identity = by_definition
    found = KronfluenceEKFAC().prepare(replace(context, penalty=Penalty(0.0))).scores(queries_of(context))
    assert rank_correlation(found, exact) > 0.5 > rank_correlation(identity, exact) + 0.2


@pytest.mark.parametrize(("method", "package"), [(METHODS[0], "captum"), (METHODS[1], "kronfluence")])
def test_a_missing_library_is_named(method, package, context, monkeypatch):
    for name in [package, *(name for name in sys.modules if name.startswith(package + "."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=rf"\[S096\].*pip install {package}"):
        method.prepare(context)


def test_a_config_block_describes_them():
    config = {
        "first": {"@misc": "spacy_seginf.CaptumTracInCPFast.v1"},
        "second": {"@misc": "spacy_seginf.KronfluenceEKFAC.v1", "damping": 0.5, "seed": 3},
    }
    found = spacy.registry.resolve(config)
    assert found == {"first": CaptumTracInCPFast(), "second": KronfluenceEKFAC(damping=0.5, seed=3)}


def test_what_a_developer_installs_contains_the_libraries():
    """Without them the tests above would fail rather than not run."""
    assert any(line.startswith("captum") and 'extra == "dev"' in line for line in distribution("spacy_seginf").requires)
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf8")
    assert "--no-deps kronfluence" in makefile

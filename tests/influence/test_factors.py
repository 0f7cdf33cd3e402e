"""Factored gradients equal explicit ones, and those that autograd finds for the conditional loss."""

from __future__ import annotations

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import Model

from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.factors import TokenFactors, inner_products, squared_norms
from spacy_seginf.influence.segments import SegmentChains
from spacy_seginf.tagger.crf_head import CRFHead
from spacy_seginf.tagger.head import head_of

from .rows import explicit_gradients, random_factors


@st.composite
def pairs_of_factors(draw):
    generator = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels, width = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    return tuple(random_factors(generator, draw(st.integers(1, 6)), labels, width) for _ in range(2))


def in_double(factors):
    return TokenFactors(
        factors.features.astype("float64"), factors.residuals.astype("float64"), factors.previous, factors.following
    )


@settings(max_examples=150, deadline=None)
@given(pairs_of_factors())
def test_inner_products_and_norms_equal_explicit_vectors(pair):
    left, right = pair
    expected = explicit_gradients(left) @ explicit_gradients(right).T
    numpy.testing.assert_allclose(inner_products(in_double(left), in_double(right)), expected, atol=1e-11)
    lengths = numpy.linalg.norm(explicit_gradients(left), axis=1)
    numpy.testing.assert_allclose(squared_norms(left), lengths**2, atol=1e-11)
    single = inner_products(left, right)
    assert single.dtype == numpy.float32
    scale = lengths[:, None] * numpy.linalg.norm(explicit_gradients(right), axis=1)
    assert (abs(single - expected) <= 1e-5 * scale + 1e-12).all()


def tagger_of(weights, bias, transitions, factor):
    """Wrap parameters as the head of a model; the stored values are those divided by the factor."""
    head = CRFHead(len(bias), weights.shape[1], learn_rate_factor=factor)
    for name, value in (("W", weights), ("b", bias), ("T", transitions)):
        head.set_param(name, (value / factor).astype("float32"))
    return Model("tagger", lambda model, X, is_train: (X, lambda d: d), refs={"output_layer": head})


def autograd(weights, bias, transitions, features, labels):
    """Differentiate CL(token | neighbours) = log Z(all labels at this token) - score, token by token."""
    wide = torch.tensor(numpy.column_stack([weights, bias]), dtype=torch.float64, requires_grad=True)
    pairs = torch.tensor(transitions, dtype=torch.float64, requires_grad=True)
    found = []
    for position, rows in enumerate(torch.tensor(features, dtype=torch.float64)):
        logits = wide @ torch.cat([rows, torch.ones(1, dtype=torch.float64)])
        if position:
            logits = logits + pairs[labels[position - 1]]
        if position + 1 < len(labels):
            logits = logits + pairs[:, labels[position + 1]]
        loss = torch.logsumexp(logits, 0) - logits[labels[position]]
        gradients = torch.autograd.grad(loss, (wide, pairs), allow_unused=True, materialize_grads=True)
        found.append(-torch.cat([gradient.ravel() for gradient in gradients]).numpy())
    return found


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 5),
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any),
    factor=st.sampled_from([1.0, 8.0]),
)
def test_gradients_of_a_head_equal_autograd(seed, count, lengths, factor):
    generator = numpy.random.default_rng(seed)
    width = 3
    weights, bias, transitions = (
        generator.normal(size=shape).astype("float32") for shape in [(count, width), (count,), (count, count)]
    )
    features = [generator.normal(size=(length, width)).astype("float32") for length in lengths]
    labels = generator.integers(0, count, size=sum(lengths))
    head = head_of(tagger_of(weights, bias, transitions, factor))
    data = HeadData(numpy.concatenate(features), labels[:, None] == numpy.arange(count), lengths)
    tokens = [(number, token, token + 1) for number, length in enumerate(lengths) for token in range(length)]
    chains = SegmentChains(head, data, labels, tokens)
    residuals = chains.factors().residuals.astype("float32")
    factors = TokenFactors(chains.features, residuals, chains.previous, chains.following)
    expected, offset = [], 0
    for rows in features:
        held = labels[offset : offset + len(rows)]
        expected += autograd(weights, bias, transitions, rows, held) if len(rows) else []
        offset += len(rows)
    expected = numpy.array(expected)
    numpy.testing.assert_allclose(chains.gradients(), expected, atol=2e-6)
    numpy.testing.assert_allclose(explicit_gradients(factors), expected, atol=2e-6)
    numpy.testing.assert_allclose(factors.as_segments().gradients(), expected, atol=2e-6)
    numpy.testing.assert_allclose(inner_products(factors, factors), expected @ expected.T, rtol=1e-4, atol=2e-5)
    numpy.testing.assert_allclose(squared_norms(factors), (expected**2).sum(axis=1), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("other", [-1, 0, 2])
def test_a_missing_neighbour_equals_nothing(other):
    """Nor is it the last label, which an index of -1 would select."""
    generator = numpy.random.default_rng(3)
    residuals = generator.normal(size=(2, 3))
    features = generator.normal(size=(2, 4))
    alone = TokenFactors(features[:1], residuals[:1], numpy.array([-1]), numpy.array([-1]))
    second = TokenFactors(features[1:], residuals[1:], numpy.array([other]), numpy.array([other]))
    expected = (residuals[0] @ residuals[1]) * (features[0] @ features[1] + 1.0)
    assert inner_products(alone, second)[0, 0] == pytest.approx(expected, rel=1e-12)
    assert squared_norms(alone)[0] == pytest.approx((residuals[0] ** 2).sum() * ((features[0] ** 2).sum() + 1.0))


def test_head_keeps_its_own_copy_of_the_parameters():
    model = tagger_of(numpy.ones((2, 1)), numpy.zeros(2), numpy.zeros((2, 2)), 1.0)
    head = head_of(model)
    model.get_ref("output_layer").set_param("W", numpy.full((2, 1), 5.0, dtype="float32"))
    assert head.emissions(numpy.ones((1, 1), dtype="float32")).tolist() == [[1.0, 1.0]]

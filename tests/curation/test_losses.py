"""Losses, entropies and gradient norms against enumeration and finite differences."""

import numpy
import pytest

from spacy_seginf.curation import losses, norms

from ..influence.heads import scaled
from . import definitions


def test_conditional_losses_and_entropies(source):
    expected = [definitions.conditional(source, *place) for place in definitions.tokens(source)]
    own = [p[label] for p, label in zip(expected, source.labels)]
    entropies = [-(p * numpy.log(p)).sum() for p in expected]
    numpy.testing.assert_allclose(losses.conditional_losses(source), -numpy.log(own), rtol=1e-9)
    numpy.testing.assert_allclose(losses.conditional_entropies(source), entropies, rtol=1e-9)


def test_marginal_losses_and_entropies(source):
    expected = definitions.marginals(source)
    own = expected[numpy.arange(len(expected)), source.labels]
    numpy.testing.assert_allclose(losses.marginal_losses(source), -numpy.log(own), rtol=1e-9)
    numpy.testing.assert_allclose(
        losses.marginal_entropies(source), -(expected * numpy.log(expected)).sum(axis=1), rtol=1e-9
    )


def test_confident_tokens_still_have_an_order(source):
    sure = type(source)(**{**vars_of(source), "head": scaled(source.head, 40)})
    for compute in (losses.conditional_losses, losses.marginal_losses):
        found = compute(sure)
        low = numpy.sort(found)[:5]
        assert (low > 0).all() and low[0] < 1e-17 and len(numpy.unique(low)) == 5


def test_document_losses(source):
    for document, length in enumerate(source.data.lengths):
        expected = definitions.document_loss(source, document) if length else 0.0
        assert losses.document_losses(source)[document] == pytest.approx(expected, rel=1e-9)


def test_held_out_losses(source):
    found = losses.held_out_losses(source)
    numpy.testing.assert_allclose(found, -numpy.log(source.held_out), rtol=1e-12)
    known = source.data.allowed.sum(axis=1) == 1
    gain = (found - losses.marginal_losses(source))[known]
    assert (gain > 0).mean() > 0.8 and gain.mean() > 0.1  # its own labels no longer help a document


SEGMENTS = numpy.array([(0, 1, 4), (3, 0, 6), (4, 0, 1), (1, 4, 5), (5, 1, 3), (0, 0, 2)])


def test_segment_losses(source):
    expected = [definitions.segment_loss(source.head, source.data, source.labels, tuple(s)) for s in SEGMENTS.tolist()]
    numpy.testing.assert_allclose(losses.segment_losses(source, SEGMENTS), expected, rtol=1e-9)
    assert losses.segment_losses(source, SEGMENTS[:0]).shape == (0,)


def test_gradient_norms(source):
    some = definitions.tokens(source)[::5]
    expected = [numpy.linalg.norm(definitions.gradient(source, (d, t, t + 1))) for _, d, t in some]
    numpy.testing.assert_allclose(norms.gradient_norms(source)[::5], expected, rtol=1e-6)


def test_segment_gradient_norms(source):
    expected = [numpy.linalg.norm(definitions.gradient(source, tuple(s))) for s in SEGMENTS.tolist()]
    numpy.testing.assert_allclose(norms.segment_gradient_norms(source, SEGMENTS), expected, rtol=1e-6)


def test_document_gradient_norms(source):
    found = norms.document_gradient_norms(source)
    for document in (2, 3, 4, 5):
        expected = 0.0
        if source.data.lengths[document]:
            gradient = definitions.differences(
                lambda head, document=document: definitions.document_loss(source, document, head), source.head
            )
            expected = numpy.linalg.norm(gradient)
        assert found[document] == pytest.approx(expected, rel=1e-6)


def test_self_influences(source):
    matrix = definitions.inverse(source)
    found = norms.self_influences(source)
    for row, document, token in definitions.tokens(source)[::4]:
        gradient = definitions.gradient(source, (document, token, token + 1))
        assert found[row] == pytest.approx(numpy.sqrt(gradient @ matrix @ gradient), rel=1e-6)


def test_segment_self_influences(source):
    matrix = definitions.inverse(source)
    gradients = [definitions.gradient(source, tuple(s)) for s in SEGMENTS.tolist()]
    expected = [numpy.sqrt(gradient @ matrix @ gradient) for gradient in gradients]
    numpy.testing.assert_allclose(norms.segment_self_influences(source, SEGMENTS), expected, rtol=1e-6)


def test_blocks_change_nothing(source, monkeypatch):
    before = [compute(source) for compute in (norms.self_influences, norms.document_gradient_norms)]
    before += [compute(source, SEGMENTS) for compute in (losses.segment_losses, norms.segment_gradient_norms)]
    monkeypatch.setattr(losses, "SEGMENTS", 2)
    monkeypatch.setattr(norms, "GRADIENTS", 2)
    monkeypatch.setattr(norms, "DOCUMENT_TOKENS", 6)
    after = [compute(source) for compute in (norms.self_influences, norms.document_gradient_norms)]
    after += [compute(source, SEGMENTS) for compute in (losses.segment_losses, norms.segment_gradient_norms)]
    for one, other in zip(before, after):
        numpy.testing.assert_allclose(one, other, rtol=1e-10)


def vars_of(source):
    """The fields of a source, without what it has computed."""
    return {name: getattr(source, name) for name in source.__dataclass_fields__}

"""Neighbours against a loop, and opposition of documents against explicit gradients."""

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.curation import misannotation
from spacy_seginf.curation.misannotation import document_trusted_opposition, trusted_neighbours
from spacy_seginf.curation.scores import document_scores, label_scores
from spacy_seginf.influence.curvature import IdentityCurvature

from . import definitions


@pytest.mark.parametrize("top", [1, 4, 10, 40])
def test_trusted_neighbours(source, top):
    trusted = source.trusted
    expected = []
    for features, label in zip(source.data.features.astype(float), source.labels):
        others = trusted.data.features[trusted.labels != label].astype(float)
        products = sorted((float(features @ other) for other in others), reverse=True)
        expected.append(numpy.mean([max(product, 0.0) for product in products[:top]]))
    found = trusted_neighbours(source, top)
    assert len(numpy.unique(trusted.labels)) == 3 and max(expected) > 0
    numpy.testing.assert_allclose(found, expected, rtol=1e-5)


def test_blocks_change_nothing(source, monkeypatch):
    before = trusted_neighbours(source), document_trusted_opposition(source, 2)
    monkeypatch.setattr(misannotation, "COMPARED", 30)
    monkeypatch.setattr(misannotation, "DOCUMENTS", 1)
    for one, other in zip(before, (trusted_neighbours(source), document_trusted_opposition(source, 2))):
        numpy.testing.assert_allclose(one, other, rtol=1e-5)


def test_tokens_of_trusted_segments_only(source):
    rows = [0, 5, 7]
    trusted = replace(source.trusted, segments=source.trusted.segments[rows])
    found = trusted_neighbours(replace(source, trusted=trusted))
    places = numpy.arange(len(source.trusted.labels))[rows]
    for row in range(0, len(found), 5):
        others = [place for place in places if source.trusted.labels[place] != source.labels[row]]
        products = [float(source.data.features[row] @ source.trusted.data.features[place]) for place in others]
        expected = numpy.mean([max(product, 0.0) for product in products]) if others else 0.0
        assert found[row] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("top", [1, 2, 10])
@pytest.mark.parametrize("metric", ["exact", "identity"])
def test_document_trusted_opposition(source, metric, top):
    matrix = definitions.inverse(source)
    if metric == "identity":
        source = replace(source, metric=IdentityCurvature(source.data.labels, source.data.width))
        matrix = numpy.eye(len(matrix))
    trusted = source.trusted
    whole = [(number, 0, length) for number, length in enumerate(trusted.data.lengths) if length]
    theirs = numpy.array([definitions.gradient(source, each, trusted.data, trusted.labels) for each in whole])
    found = document_trusted_opposition(source, top)
    assert found.shape == (len(source.data.lengths),)
    for document in (2, 3, 4, 5):
        expected = 0.0
        if source.data.lengths[document]:
            mine = definitions.differences(
                lambda head, document=document: definitions.document_loss(source, document, head), source.head
            )
            opposing = sorted((max(-float(mine @ matrix @ other), 0.0) for other in theirs), reverse=True)
            expected = numpy.mean(opposing[:top])
        assert found[document] == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert found.max() > 0


def test_the_registry_has_both(source):
    tokens = label_scores(source, ["trusted_neighbours", "document_trusted_opposition"])
    documents = document_scores(source, ["document_trusted_opposition"])["document_trusted_opposition"]
    assert (tokens["trusted_neighbours"] == trusted_neighbours(source) * source.known).all()
    assert (documents == document_trusted_opposition(source)).all()
    rows = numpy.repeat(documents, source.data.lengths) * source.known
    assert (tokens["document_trusted_opposition"] == rows).all()


def test_nothing_trusted_says_nothing(source):
    empty = replace(source, trusted=replace(source.trusted, segments=numpy.zeros((0, 3), dtype=int)))
    assert not trusted_neighbours(empty).any() and not document_trusted_opposition(empty).any()

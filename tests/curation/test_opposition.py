"""Opposition to trusted labels against explicit gradients, and neighbours against a loop."""

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.curation import neighbours, opposition
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.segments import SegmentChains

from ..influence.heads import scaled
from . import definitions

SEGMENTS = numpy.array([(0, 1, 4), (3, 0, 6), (4, 0, 1), (5, 1, 3)])


def influences(source, segments, matrix):
    """g_q^T H^-1 g_k of every training segment and trusted segment (training x trusted)."""
    trusted = source.trusted
    mine = numpy.array([definitions.gradient(source, tuple(s)) for s in segments.tolist()])
    theirs = SegmentChains(source.head, trusted.data, trusted.labels, trusted.segments).gradients()
    numpy.testing.assert_allclose(
        -theirs[0], definitions.gradient(source, tuple(trusted.segments[0]), trusted.data, trusted.labels), atol=1e-8
    )
    return -mine @ matrix @ theirs.T


def strongest(values, top):
    """The mean of the most negative influences of each row, positive where it opposes."""
    return numpy.maximum(numpy.sort(-values, axis=1)[:, ::-1][:, :top], 0.0).mean(axis=1)


@pytest.mark.parametrize("metric", ["exact", "identity"])
@pytest.mark.parametrize("top", [1, 3, 10, 50])
def test_clean_opposition(source, metric, top):
    matrix = definitions.inverse(source)
    if metric == "identity":
        source = replace(source, metric=IdentityCurvature(source.data.labels, source.data.width))
        matrix = numpy.eye(len(matrix))
    places = definitions.tokens(source)[::3]
    expected = strongest(influences(source, numpy.array([(d, t, t + 1) for _, d, t in places]), matrix), top)
    found = opposition.trusted_opposition(source, top)
    assert found.shape == source.labels.shape and expected.max() > 10 * expected.min()
    numpy.testing.assert_allclose(found[::3], expected, rtol=1e-4, atol=1e-6)


def test_segments_oppose_too(source):
    expected = strongest(influences(source, SEGMENTS, definitions.inverse(source)), 4)
    numpy.testing.assert_allclose(opposition.segment_trusted_opposition(source, SEGMENTS, 4), expected, rtol=1e-4)


def test_high_is_suspicious(source):
    """A trusted copy of a token with another label is opposed; with the same label, supported."""
    row, document, token = next(place for place in definitions.tokens(source) if source.known[place[0]])
    for shift, opposes in ((0, False), (1, True)):
        labels = source.labels.copy()
        labels[row] = (labels[row] + shift) % 3
        trusted = replace(
            source.trusted, data=source.data, labels=labels, segments=numpy.array([[document, token, token + 1]])
        )
        found = opposition.trusted_opposition(replace(source, trusted=trusted))
        assert (found[row] > 0) == opposes


def test_blocks_and_order_change_little(source, monkeypatch):
    before = opposition.trusted_opposition(source, 3), opposition.trusted_disagreement(source, 3)
    shuffled = numpy.random.default_rng(1).permutation(len(source.trusted.segments))
    source = replace(source, trusted=replace(source.trusted, segments=source.trusted.segments[shuffled]))
    for module, name, size in ((opposition, "QUERIES", 2), (opposition, "ROWS", 3), (neighbours, "COMPARED", 40)):
        monkeypatch.setattr(module, name, size)
    after = opposition.trusted_opposition(source, 3), opposition.trusted_disagreement(source, 3)
    for one, other in zip(before, after):
        numpy.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_bound_leaves_labels_out(source, monkeypatch):
    monkeypatch.setattr(opposition, "QUERIES", 1)
    scored = []
    original = opposition._in_float32
    monkeypatch.setattr(opposition, "_in_float32", lambda tokens: scored.append(len(tokens)) or original(tokens))
    everything = numpy.array([(d, t, t + 1) for _, d, t in definitions.tokens(source)])
    trusted = replace(source.trusted, data=source.data, labels=source.labels, segments=everything)
    source = replace(source, head=scaled(source.head, 4), trusted=trusted)  # most gradients are small
    found = opposition.trusted_opposition(source, 1)
    assert 0 < sum(scored) < 0.5 * len(everything) ** 2
    gradients = source.chains(everything).gradients()
    scores = gradients @ source.metric.apply(gradients).T
    numpy.testing.assert_allclose(found, numpy.maximum(-scores.min(axis=0), 0.0), rtol=1e-3, atol=1e-7)


def test_nothing_trusted_opposes_nothing(source):
    empty = replace(source, trusted=replace(source.trusted, segments=numpy.zeros((0, 3), dtype=int)))
    assert not opposition.trusted_opposition(empty).any()
    assert not opposition.segment_trusted_opposition(empty, SEGMENTS).any()
    assert not opposition.trusted_disagreement(empty).any()


@pytest.mark.parametrize("nearest", [1, 4, 40])
def test_trusted_disagreement(source, nearest):
    trusted = source.trusted
    found = opposition.trusted_disagreement(source, nearest)
    expected = []
    for features, label in zip(source.data.features.astype(float), source.labels):
        cosines = [
            features @ other / numpy.linalg.norm(features) / numpy.linalg.norm(other)
            for other in trusted.data.features.astype(float)
        ]
        best = numpy.argsort(cosines)[::-1][:nearest]
        weights = [max(cosines[place], 1e-12) for place in best]
        other = [weight for weight, place in zip(weights, best) if trusted.labels[place] != label]
        expected.append(sum(other) / sum(weights))
    numpy.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.min() < 0.3 and found.max() > 0.7


def test_only_trusted_segments_count(source):
    rows = [0, 5, 7]
    segments = source.trusted.segments[rows]
    found = opposition.trusted_disagreement(replace(source, trusted=replace(source.trusted, segments=segments)), 3)
    same = numpy.isin(source.labels, source.trusted.labels[rows])
    assert numpy.allclose(found[~same], 1.0, rtol=1e-14) and (found[same] < 1.0 - 1e-13).all()

"""The registry: what each name means at tokens, segments and documents; missing labels; what scores need."""

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.curation.dynamics import low_confidence, variability
from spacy_seginf.curation.levels import by_document, by_segment
from spacy_seginf.curation.losses import conditional_losses, document_losses, segment_losses
from spacy_seginf.curation.scores import SCORES, document_scores, label_scores, segment_scores
from spacy_seginf.influence.data import HeadData

from ..influence.heads import scaled
from . import definitions

NAMES = list(SCORES)


def test_every_score_at_every_level(source):
    tokens, documents = label_scores(source, NAMES), document_scores(source, NAMES)
    segments = segment_scores(source, NAMES, source.units)
    assert list(tokens) == list(documents) == list(segments) == NAMES
    for name in NAMES:
        assert tokens[name].shape == source.labels.shape
        assert documents[name].shape == (len(source.data.lengths),)
        assert segments[name].shape == (len(source.units),)
        for found in (tokens[name], documents[name], segments[name]):
            assert found.dtype == numpy.float64
            assert numpy.isfinite(found).all() and (found >= 0).all()
        assert not tokens[name][~source.known].any()
        assert documents[name][2] == 0.0  # without tokens
        assert len(numpy.unique(tokens[name])) > 10


def test_entities_share_a_value_and_other_tokens_have_their_own(source):
    found = label_scores(source, ["segment_loss"])["segment_loss"]
    owners = [(d, t) for _, d, t in definitions.tokens(source)]
    inside = numpy.zeros(len(owners), dtype=bool)
    assert len(source.entities) > 5 and (source.entities[:, 2] - source.entities[:, 1] > 1).any()
    for document, start, end in source.entities.tolist():
        rows = [owners.index((document, token)) for token in range(start, end)]
        inside[rows] = True
        loss = definitions.segment_loss(source.head, source.data, source.labels, (document, start, end))
        numpy.testing.assert_allclose(found[rows], loss, rtol=1e-9)
    outside = ~inside & source.known
    assert outside.any()
    numpy.testing.assert_allclose(found[outside], conditional_losses(source)[outside], rtol=1e-9)


def test_units_hold_every_token_once(source):
    covered = [(d, t) for d, start, end in source.units.tolist() for t in range(start, end)]
    assert covered == [(d, t) for _, d, t in definitions.tokens(source)]
    assert {tuple(entity) for entity in source.entities.tolist()} <= {tuple(unit) for unit in source.units.tolist()}


def test_segments_may_be_any(source):
    segments = numpy.array([(0, 2, 6), (3, 1, 2), (0, 3, 4)])  # row 3, token 3 of document 0, is not annotated
    found = segment_scores(source, ["segment_loss", "conditional_loss", "document_loss"], segments)
    numpy.testing.assert_allclose(found["segment_loss"][:2], segment_losses(source, segments[:2]))
    tokens = conditional_losses(source) * source.known
    starts = source.data.starts
    expected = [tokens[starts[d] + start : starts[d] + end].max() for d, start, end in segments.tolist()]
    numpy.testing.assert_allclose(found["conditional_loss"], expected)
    numpy.testing.assert_allclose(found["document_loss"][:2], document_losses(source)[[0, 3]])
    assert [values[2] for values in found.values()] == [0.0, 0.0, 0.0]
    average = segment_scores(source, ["conditional_loss"], segments, how="mean")["conditional_loss"]
    assert average[0] == pytest.approx(tokens[2:6].mean())
    with pytest.raises(ValueError, match="S029"):
        segment_scores(source, ["segment_loss"], numpy.array([(0, 5, 9)]))


def test_documents_in_another_order(source):
    """Scores belong to labels, not to places."""
    names = [name for name in NAMES if name not in ("random", "low_confidence", "variability")]
    order = numpy.random.default_rng(3).permutation(len(source.data.lengths))
    rows = source.data.rows(order)
    data = HeadData(
        source.data.features[rows], source.data.allowed[rows], [source.data.lengths[number] for number in order]
    )
    words = [source.words[number] for number in order]
    shuffled = replace(source, data=data, labels=source.labels[rows], words=words)
    before, after = label_scores(source, names), label_scores(shuffled, names)
    for name in names:
        numpy.testing.assert_allclose(after[name], before[name][rows], rtol=1e-4, atol=1e-6, err_msg=name)


def test_documents_by_themselves(source):
    names = [name for name in NAMES if SCORES[name].needs != "checkpoints" and name != "random"]
    for name in ("held_out_loss", "form_loss", "document_form_loss"):
        names.remove(name)  # are about the head without the document, whichever others there are
    rows = source.data.rows(numpy.array([3, 4]))
    alone = HeadData(source.data.features[rows], source.data.allowed[rows], [6, 1])
    before = label_scores(source, names)
    after = label_scores(replace(source, data=alone, labels=source.labels[rows]), names)
    for name in names:
        numpy.testing.assert_allclose(after[name], before[name][rows], rtol=1e-4, atol=1e-6, err_msg=name)


def test_what_scores_need(source):
    with pytest.raises(ValueError, match=r"S106.*'nonsense'.*segment_loss"):
        label_scores(source, ["conditional_loss", "nonsense"])
    bare = replace(source, trusted=None, checkpoints=(), words=())
    for name, score in SCORES.items():
        if score.needs in ("trusted", "checkpoints", "words"):
            for compute in (label_scores, document_scores):
                with pytest.raises(ValueError, match=rf"S107.*{name}.*{score.needs}"):
                    compute(bare, [name])


def test_training_dynamics():
    checkpoints = [numpy.array([0.9, 0.1, 0.5], dtype="float32"), numpy.array([1.0, 0.0, 0.9])]
    numpy.testing.assert_allclose(low_confidence(checkpoints), [0.05, 0.95, 0.3], atol=1e-7)
    numpy.testing.assert_allclose(variability(checkpoints), [0.05, 0.05, 0.2], atol=1e-7)


def test_chance_is_seeded(source):
    one, same, other = (label_scores(replace(source, seed=seed), ["random"])["random"] for seed in (0, 0, 1))
    assert (one == same).all() and not (one == other).all()


def test_cleanlab_against_its_definitions(source):
    names = ["cleanlab_self_confidence", "cleanlab_normalized_margin"]
    found = label_scores(source, names)
    p = definitions.marginals(source)
    own = p[numpy.arange(len(p)), source.labels]
    others = numpy.where(numpy.arange(3) == source.labels[:, None], -1.0, p).max(axis=1)
    numpy.testing.assert_allclose(found[names[0]], (1 - own) * source.known, atol=1e-9)
    numpy.testing.assert_allclose(found[names[1]], (1 - (own - others + 1) / 2) * source.known, atol=1e-9)


def test_cleanlab_does_not_suspect_sure_predictions(source):
    sure = replace(source, head=scaled(source.head, 40))
    p = sure.marginals[numpy.arange(len(sure.labels)), sure.labels]
    surest = (p > 1 - 1e-14) & sure.known
    found = label_scores(sure, ["cleanlab_confidence_weighted_entropy"])["cleanlab_confidence_weighted_entropy"]
    assert surest.sum() > 3 and found[surest].max() < 1e-4 < found[(p < 0.1) & sure.known].min()


def test_without_cleanlab(source, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cleanlab.token_classification.rank", None)
    with pytest.raises(ValueError, match=r"S105.*pip install"):
        label_scores(source, ["cleanlab_self_confidence"])


def test_levels():
    values, lengths = numpy.array([1.0, 3.0, -1.0, 5.0]), [2, 0, 1, 1]
    assert by_document(values, lengths).tolist() == [3.0, 0.0, -1.0, 5.0]
    assert by_document(values, lengths, "mean").tolist() == [2.0, 0.0, -1.0, 5.0]
    segments = numpy.array([(0, 0, 2), (0, 1, 2), (3, 0, 1), (0, 0, 1)])
    assert by_segment(values, lengths, segments).tolist() == [3.0, 3.0, 5.0, 1.0]
    assert by_segment(values, lengths, segments, "mean").tolist() == [2.0, 3.0, 5.0, 1.0]
    assert by_segment(values, lengths, segments[:0]).shape == (0,)
    with pytest.raises(ValueError, match="S109"):
        by_document(values, lengths, "median")


def test_names_of_version_0_1(source):
    old, new = "segment_clean_opposition", "segment_trusted_opposition"
    numpy.testing.assert_array_equal(label_scores(source, [old])[old], label_scores(source, [new])[new])

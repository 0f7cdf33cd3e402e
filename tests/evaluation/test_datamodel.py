"""The linear datamodelling score, where the answer is known."""

from __future__ import annotations

import numpy

from spacy_seginf.evaluation.datamodel import datamodelling_scores, draw_halves


def test_a_linear_world_is_predicted_perfectly():
    generator = numpy.random.default_rng(0)
    kept = draw_halves(generator, 20, 30)
    effects = generator.normal(size=(4, 20))
    losses = 5.0 - kept @ effects.T  # what supports lowers the loss where it is kept
    scores = numpy.stack([effects[0], -effects[1], 3 * effects[2], numpy.zeros(20)])
    numpy.testing.assert_allclose(datamodelling_scores(scores, kept, losses), [1, -1, 1, 0], atol=1e-12)


def test_it_is_the_rank_correlation():
    from scipy.stats import spearmanr

    generator = numpy.random.default_rng(1)
    kept = draw_halves(generator, 9, 15)
    scores, losses = generator.normal(size=(2, 9)), generator.normal(size=(15, 2))
    expected = [spearmanr(kept @ scores[query], -losses[:, query])[0] for query in range(2)]
    numpy.testing.assert_allclose(datamodelling_scores(scores, kept, losses), expected)


def test_halves():
    kept = draw_halves(numpy.random.default_rng(5), 11, 6)
    assert kept.sum(axis=1).tolist() == [5] * 6
    assert (kept[:3] == draw_halves(numpy.random.default_rng(5), 11, 3)).all()

"""Experiments on word embeddings, by their definitions."""

from __future__ import annotations

import numpy
import pytest

from experiments.words.cancellation import BIAS, FIRST, LAST, TRANSITIONS, WEIGHTS, cancellation, documents, stages_of
from experiments.words.top_words import agreement, measure, plot
from spacy_seginf.influence.head import split
from spacy_seginf.tagger.checkpoints import read_checkpoints

from .conftest import short_texts
from .reference import hash_embed_cnn, head_gradients, word_sums


def expected_ratios(gradients):
    """By definition, of gradients as rows (float64, n x weights)."""
    total = gradients.sum(axis=0)
    return {
        "weights": numpy.abs(gradients).sum() / numpy.abs(total).sum(),
        "vectors": numpy.linalg.norm(gradients, axis=1).sum() / numpy.linalg.norm(total),
    }


def written_out(sums):
    """Word gradients of segments as rows over all words that any of them has (float64, n x weights)."""
    keys = sorted(set().union(*sums))
    width = len(next(vector for words in sums for vector in words.values()))
    return numpy.stack([numpy.concatenate([words.get(key, numpy.zeros(width)) for key in keys]) for words in sums])


def test_cancellation_against_autograd(texts):
    context, _ = texts
    training, head = context.training, context.head
    found = cancellation(stages_of(context.nlp, training, None), training)
    tok2vec = context.nlp.get_pipe("crf_tagger").model.get_ref("tok2vec")
    features, leaves, ids, _ = hash_embed_cnn(tok2vec, training.docs)
    sums = word_sums(training, features, leaves, ids, head)
    last = head_gradients(training, features, head)
    weights, transitions = split(last, head.labels)
    count = len(training)
    expected = {
        FIRST: written_out(sums),
        LAST: last,
        WEIGHTS: weights[..., :-1].reshape(count, -1),
        BIAS: weights[..., -1],
        TRANSITIONS: transitions.reshape(count, -1),
    }
    for layer, gradients in expected.items():
        assert found[layer] == pytest.approx(expected_ratios(gradients), rel=1e-4), layer
    assert all(value >= 1 for ratios in found.values() for value in ratios.values())
    assert len(found) > len(expected), "tables of their own"


def test_one_gradient_cancels_nothing(texts):
    context, _ = texts
    training = context.training
    alone = type(training)(training.docs, training.data, training.labels, training.segments[:1])
    found = cancellation(stages_of(context.nlp, alone, None), alone)
    assert all(value == pytest.approx(1.0) for ratios in found.values() for value in ratios.values())


def test_stages_count_by_their_rates(run_folder, run_nlp, train_examples):
    training = short_texts(run_nlp, train_examples[:3])
    folder = run_folder / "checkpoints"
    stages = stages_of(run_nlp, training, str(folder))
    assert [stage.learn_rate for stage in stages] == [c.learn_rate for c in read_checkpoints(folder) if c.learn_rate]
    gradients = [stage.learn_rate * stage.factors(training).gradients() for stage in stages]
    expected = expected_ratios(numpy.concatenate(gradients))
    assert cancellation(stages, training)[LAST] == pytest.approx(expected, rel=1e-6)


def test_whole_documents(texts):
    training = texts[0].training
    whole = documents(training)
    assert whole.segments.tolist() == [[number, 0, length] for number, length in enumerate(training.data.lengths)]


def test_more_words_agree_better(texts, tmp_path):
    context, queries = texts
    found = measure(context.nlp, context.training, queries, (1, 1000))
    assert found["1000"]["top_overlap"] == found["all"]["top_overlap"] == found["all"]["first_agrees"] == 1.0
    assert found["1"]["rank_correlation"] < found["1000"]["rank_correlation"] == pytest.approx(1.0)
    assert found["1"]["bytes_per_segment"] < found["all"]["bytes_per_segment"] == found["1000"]["bytes_per_segment"]
    plot(found, tmp_path / "words.png")
    assert (tmp_path / "words.png").stat().st_size > 1000


def test_agreement():
    full = numpy.array([[4.0, -3.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0]])
    scores = numpy.array([[4.0, 0.0, 2.0, 0.0], [1.0, 2.0, 3.0, 4.0]])
    found = agreement(scores, full, top=2)
    assert found["top_overlap"] == pytest.approx(0.75) and found["first_agrees"] == 1.0
    assert found["rank_correlation"] < 1.0

"""A training is a function of label weights: repeatable, and of nothing else of what is dropped."""

from __future__ import annotations

import numpy
import pytest
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config
from thinc.api import use_ops

from experiments.referee.corpora import MISSING, read_corpus
from experiments.referee.plan import batch_plan
from experiments.referee.recipe import Recipe
from experiments.referee.training import (
    OPS,
    TAGGER,
    make_docs,
    parameters,
    put_averages,
    split_documents,
    train,
    weighted_gradient,
)

RECIPE = Recipe(epochs=2, words=300)


@pytest.fixture(scope="module")
def corpus():
    return read_corpus("embedded", None).first(12)


@pytest.fixture(scope="module")
def base(corpus):
    return train(corpus, RECIPE, 0)


def dropped(corpus, *numbers):
    weights = numpy.ones(len(corpus.train))
    weights[list(numbers)] = 0.0
    return weights


def unlabelled(corpus, *numbers):
    """The corpus with all labels of some documents missing."""
    train = list(corpus.train)
    for number in numbers:
        train[number] = train[number]._replace(labels=[MISSING] * len(train[number].tokens))
    return type(corpus)(corpus.name, corpus.labels, train, corpus.dev, corpus.test)


def test_runs_are_the_same_bit_by_bit(corpus, base):
    again = train(corpus, RECIPE, 0, numpy.ones(len(corpus.train)))
    assert numpy.array_equal(parameters(base), parameters(again))
    assert not numpy.array_equal(parameters(base), parameters(train(corpus, RECIPE, 1)))


def test_weight_zero_is_a_missing_label(corpus, base):
    weighted = parameters(train(corpus, RECIPE, 0, dropped(corpus, 1, 5)))
    assert numpy.array_equal(weighted, parameters(train(unlabelled(corpus, 1, 5), RECIPE, 0)))
    assert not numpy.array_equal(weighted, parameters(base))


def test_labels_of_weight_zero_are_not_read(corpus):
    train_documents = list(corpus.train)
    train_documents[1] = train_documents[1]._replace(labels=["O"] * len(train_documents[1].tokens))
    other = type(corpus)(corpus.name, corpus.labels, train_documents, corpus.dev, corpus.test)
    weights = dropped(corpus, 1)
    assert numpy.array_equal(
        parameters(train(corpus, RECIPE, 0, weights)), parameters(train(other, RECIPE, 0, weights))
    )


def test_it_is_how_spacy_trains(corpus, base):
    fix_random_seed(0)
    with use_ops("numpy", **OPS):
        nlp = load_model_from_config(RECIPE.config(corpus.labels), auto_fill=True)
    examples = [
        Example(Doc(nlp.vocab, words=d.tokens), Doc(nlp.vocab, words=d.tokens, ents=d.labels)) for d in corpus.train
    ]
    optimizer = nlp.initialize(lambda: examples)
    fix_random_seed(0)
    lengths = [len(document.tokens) for document in corpus.train]
    for epoch in batch_plan([document.identifier for document in corpus.train], lengths, 0, 2, 300):
        for batch in epoch:
            nlp.update([examples[number] for number in batch], sgd=optimizer, drop=RECIPE.dropout)
            optimizer.step_schedules()
    put_averages(nlp.get_pipe(TAGGER).model, optimizer)
    assert numpy.array_equal(parameters(nlp), parameters(base))


def test_gradients_are_weighted_sums(corpus, base):
    tagger = base.get_pipe(TAGGER)
    documents = corpus.train[:4]
    scores, _ = tagger.model.begin_update(make_docs(base, documents))
    allowed = split_documents(corpus.allowed(documents), documents)
    weights = numpy.array([0.5, 1.0, 0.0, 0.5])
    found = weighted_gradient(scores, allowed, weights)
    single = [weighted_gradient(scores, allowed, one) for one in numpy.eye(4)]
    for name in ("emissions", "transitions"):
        expected = sum(weight * getattr(part, name) for weight, part in zip(weights, single))
        assert getattr(found, name) == pytest.approx(expected, abs=1e-6)
        assert numpy.abs(getattr(found, name)).max() > 0.01


def test_window_counts_the_last_epochs_only(corpus, base):
    weights = dropped(corpus, 2, 3)
    last = Recipe(epochs=2, words=300, window=1)
    assert numpy.array_equal(parameters(train(corpus, last, 0)), parameters(base))
    windowed = parameters(train(corpus, last, 0, weights))
    assert not numpy.array_equal(windowed, parameters(base))
    assert not numpy.array_equal(windowed, parameters(train(corpus, RECIPE, 0, weights)))
    whole = Recipe(epochs=2, words=300, window=2)
    assert numpy.array_equal(
        parameters(train(corpus, whole, 0, weights)), parameters(train(corpus, RECIPE, 0, weights))
    )


def test_batches_follow_from_seed_and_ids():
    identifiers, lengths = [f"d{number}" for number in range(40)], [10 + number % 7 for number in range(40)]
    plan = batch_plan(identifiers, lengths, 3, 2, 100)
    named = [[[identifiers[number] for number in batch] for batch in epoch] for epoch in plan]
    turned = batch_plan(identifiers[::-1], lengths[::-1], 3, 2, 100)
    assert named == [[[identifiers[::-1][number] for number in batch] for batch in epoch] for epoch in turned]
    assert [sorted(number for batch in epoch for number in batch) for epoch in plan] == [list(range(40))] * 2
    assert plan[0] != plan[1] and plan != batch_plan(identifiers, lengths, 4, 2, 100)
    assert max(sum(lengths[number] for number in batch) for epoch in plan for batch in epoch) <= 120
    with pytest.raises(ValueError, match="ids of their own"):
        batch_plan(["a", "a"], [1, 1], 0, 1, 100)

"""TracIn equals inner products of gradients that torch's autograd finds in float64, from encoders written anew."""

from dataclasses import replace

import numpy
import pytest
import spacy
import torch
from spacy.util import registry

from spacy_seginf.attribution.method import Texts
from spacy_seginf.attribution.tracin import TracIn, TracInLast
from spacy_seginf.tagger.checkpoints import read_checkpoints
from spacy_seginf.tagger.head import head_of

from ..influence.heads import scaled
from .contexts import make_context, make_texts
from .reference import cosine_error, hash_embed_cnn, head_gradients, segment_losses

SINGLE = 2e-6  # of the product of the norms: encoders compute in float32


def tok2vec(nlp):
    return nlp.get_pipe("crf_tagger").model.get_ref("tok2vec")


def given_features(texts):
    lengths = list(texts.data.lengths)
    return list(torch.tensor(texts.data.features.astype("float64")).split(lengths))


def all_gradients(texts, model, head):
    features, _, _, parameters = hash_embed_cnn(model, texts.docs)
    head = torch.tensor(head.packed, requires_grad=True)
    rows = []
    for loss in segment_losses(texts, features, head):
        found = torch.autograd.grad(loss, [head, *parameters.values()], retain_graph=True)
        rows.append(numpy.concatenate([part.numpy().ravel() for part in found]))
    return numpy.stack(rows)


def squares(rows):
    return (rows**2).sum(axis=1)


def test_last_against_autograd(texts):
    context, queries = texts
    left, right = (head_gradients(part, given_features(part), context.head) for part in (queries, context.training))
    found = TracInLast().prepare(context)
    scores = found.scores(queries)
    assert scores.shape == (len(queries), len(context.training)) and found.bytes_per_segment > 0
    assert cosine_error(scores, left @ right.T, squares(left), squares(right)) < 1e-6
    assert numpy.abs(scores).max() > 0.1


def test_all_parameters_against_autograd(texts):
    context, queries = texts
    model = tok2vec(context.nlp)
    left, right = (all_gradients(part, model, context.head) for part in (queries, context.training))
    scores = TracIn().prepare(context).scores(queries)
    assert cosine_error(scores, left @ right.T, squares(left), squares(right)) < SINGLE


def test_queries_in_blocks(texts, monkeypatch):
    context, queries = texts
    expected = TracIn().prepare(context).scores(queries)
    monkeypatch.setattr("spacy_seginf.attribution.tracin.QUERY_BYTES", 1)
    assert numpy.allclose(TracIn().prepare(context).scores(queries), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [TracInLast, TracIn])
def test_a_segment_supports_itself(texts, method):
    context, _ = texts
    scores = method().prepare(context).scores(context.training)
    assert (numpy.diag(scores) > 0).all() and numpy.allclose(scores, scores.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", [TracInLast, TracIn])
def test_one_query_at_a_time(texts, method):
    context, queries = texts
    ready = method().prepare(context)
    alone = [Texts(queries.docs, queries.data, queries.labels, queries.segments[i : i + 1]) for i in range(3)]
    together = ready.scores(queries)[:3]
    assert numpy.allclose(numpy.concatenate([ready.scores(query) for query in alone]), together, rtol=1e-5, atol=1e-6)
    assert ready.scores(Texts([], queries.data, queries.labels, numpy.zeros((0, 3), int))).shape[0] == 0


@pytest.mark.parametrize("method", [TracInLast, TracIn])
def test_sum_over_checkpoints(run_folder, run_nlp, train_examples, method):
    segments = [(0, 0, 2), (0, 3, 4), (1, 0, 1), (1, 2, 4)]
    training, queries = (make_texts(run_nlp, part, segments) for part in (train_examples[:2], train_examples[2:4]))
    folder = run_folder / "checkpoints"
    scores = method(str(folder)).prepare(make_context(run_nlp, training)).scores(queries)
    expected = numpy.zeros_like(scores)
    for checkpoint in read_checkpoints(folder):
        nlp = spacy.load(checkpoint.path)
        parts = [make_texts(nlp, examples, segments) for examples in (train_examples[:2], train_examples[2:4])]
        alone = method().prepare(make_context(nlp, parts[0])).scores(parts[1])
        expected += checkpoint.learn_rate * alone
    assert numpy.allclose(scores, expected, rtol=1e-5, atol=1e-8)
    assert not numpy.allclose(scores, method().prepare(make_context(run_nlp, training)).scores(queries))


def test_the_pipeline_is_left_alone(texts):
    context, queries = texts
    model = context.nlp.get_pipe("crf_tagger").model
    before = context.nlp.to_bytes()
    grads = {(node.id, name): node.get_grad(name).copy() for node in model.walk() for name in node.grad_names}
    functions = [node._func for node in model.walk()]
    TracIn().prepare(context).scores(queries)
    assert context.nlp.to_bytes() == before
    assert [node._func for node in model.walk()] == functions
    after = {(node.id, name): node.get_grad(name) for node in model.walk() for name in node.grad_names}
    assert grads.keys() == after.keys() and all((after[key] == grads[key]).all() for key in grads)


def test_the_pipeline_is_put_back_after_a_failure(texts):
    """At once, not when the exception is forgotten."""
    context, queries = texts

    def failing(work):
        yield next(iter(work))
        raise KeyboardInterrupt

    nodes = list(tok2vec(context.nlp).walk())
    before = [node._params for node in nodes]
    ready = TracIn().prepare(replace(context, progress=failing))
    with pytest.raises(KeyboardInterrupt):
        try:
            ready.scores(queries)
        finally:
            assert all(node._params is params for node, params in zip(nodes, before))


@pytest.mark.parametrize("method", [TracInLast, TracIn])
def test_no_checkpoints(texts, tmp_path, method):
    with pytest.raises(ValueError, match=r"\[S090\]"):
        method(str(tmp_path)).prepare(texts[0])


@pytest.mark.parametrize(("name", "method"), [("TracInLast", TracInLast), ("TracIn", TracIn)])
def test_registered(name, method):
    block = {"method": {"@misc": f"spacy_seginf.{name}.v1", "checkpoints": "somewhere"}}
    made = registry.resolve(block)["method"]
    assert isinstance(made, method) and made.checkpoints == "somewhere" and not made.stored


def test_the_head_of_the_context_counts(texts):
    """A head that was refit is the head that is explained."""
    context, queries = texts
    head = scaled(head_of(context.nlp.get_pipe("crf_tagger").model), 0.5)
    other = type(context)(context.nlp, context.tagger, context.training, head, 1.0, context.metric)
    left, right = (head_gradients(part, given_features(part), head) for part in (queries, context.training))
    scores = TracInLast().prepare(other).scores(queries)
    assert cosine_error(scores, left @ right.T, squares(left), squares(right)) < 1e-6

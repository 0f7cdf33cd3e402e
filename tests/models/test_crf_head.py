"""The head: its gradients against torch autograd, and that a model survives a round trip through bytes."""

import numpy
import pytest
import torch
from spacy.util import registry
from thinc.api import Adam, Model, NumpyOps

from spacy_seginf.crf import negative_log_likelihood
from spacy_seginf.tagger import CRFHead, CRFScores, head_parameters, set_head_parameters

LABELS, WIDTH = 4, 6


def make_head(learn_rate_factor, seed=0):
    generator = numpy.random.default_rng(seed)
    head = CRFHead(LABELS, WIDTH, learn_rate_factor=learn_rate_factor)
    head.initialize()
    for name, shape in (("W", (LABELS, WIDTH)), ("b", (LABELS,)), ("T", (LABELS, LABELS))):
        head.set_param(name, (generator.normal(size=shape) / learn_rate_factor).astype("float32"))
    return head


def make_batch(lengths, seed=1):
    generator = numpy.random.default_rng(seed)
    features = [generator.normal(size=(length, WIDTH)).astype("float32") for length in lengths]
    gold = generator.integers(0, LABELS, size=sum(lengths))
    allowed = gold[:, None] == numpy.arange(LABELS)
    return features, allowed


def torch_loss(features, allowed, W, b, T, factor):
    """The loss from its definition, by the plain forward algorithm; independent of the package."""
    total = torch.zeros((), dtype=torch.float64)
    offset = 0
    for rows in features:
        permitted = torch.from_numpy(allowed[offset : offset + len(rows)])
        offset += len(rows)
        if not len(rows):
            continue
        emissions = factor * (rows @ W.T + b)
        for sign, scores in ((1, emissions), (-1, emissions.masked_fill(~permitted, -1e30))):
            state = scores[0]
            for row in scores[1:]:
                state = torch.logsumexp(state[:, None] + factor * T, dim=0) + row
            total = total + sign * torch.logsumexp(state, dim=0)
    return total


@pytest.mark.parametrize("factor", [1.0, 50.0])
@pytest.mark.parametrize("lengths", [[5], [3, 0, 7, 1], [0, 2, 0]])
@pytest.mark.parametrize("missing", [False, True])
def test_backprop_equals_autograd(factor, lengths, missing):
    head = make_head(factor)
    features, allowed = make_batch(lengths)
    if missing:
        allowed[1] = True
    scores, backprop = head.begin_update(features)
    loss = negative_log_likelihood(scores.emissions, scores.transitions, scores.lengths, allowed)
    d_features = backprop(CRFScores(loss.emissions, loss.transitions, scores.lengths))

    parameters = [torch.from_numpy(head.get_param(name).astype("float64")).requires_grad_() for name in "WbT"]
    inputs = [torch.from_numpy(rows.astype("float64")).requires_grad_() for rows in features]
    expected = torch_loss(inputs, allowed, *parameters, factor)
    expected.backward()
    assert float(loss.values.sum()) == pytest.approx(expected.item(), rel=1e-5)
    for name, parameter in zip("WbT", parameters):
        wanted = parameter.grad.numpy() if parameter.grad is not None else numpy.zeros(parameter.shape)
        numpy.testing.assert_allclose(head.get_grad(name), wanted, atol=1e-5 * factor, err_msg=name)
        assert numpy.abs(head.get_grad(name)).max() > 0.0
    assert [len(rows) for rows in d_features] == lengths
    for rows, tensor in zip(d_features, inputs):
        wanted = tensor.grad.numpy() if tensor.grad is not None else numpy.zeros(tensor.shape)
        numpy.testing.assert_allclose(rows, wanted, atol=1e-5)


def test_gradients_add_up_over_batches():
    head, together = make_head(5.0), make_head(5.0)
    features, allowed = make_batch([4, 2, 3])
    for model, batches in ((head, [slice(0, 1), slice(1, 3)]), (together, [slice(0, 3)])):
        for batch in batches:
            scores, backprop = model.begin_update(features[batch])
            start = sum(len(rows) for rows in features[: batch.start])
            permitted = allowed[start : start + sum(scores.lengths)]
            loss = negative_log_likelihood(scores.emissions, scores.transitions, scores.lengths, permitted)
            backprop(CRFScores(loss.emissions, loss.transitions, scores.lengths))
    for name in "WbT":
        numpy.testing.assert_allclose(head.get_grad(name), together.get_grad(name), atol=1e-4)


def test_starts_from_zero():
    head = CRFHead()
    head.initialize(X=[numpy.ones((2, WIDTH), dtype="float32")], Y=numpy.zeros((1, LABELS), dtype="float32"))
    scores = head.predict([numpy.ones((2, WIDTH), dtype="float32")])
    assert scores.emissions.shape == (2, LABELS) and not scores.emissions.any()
    assert scores.transitions.shape == (LABELS, LABELS) and not scores.transitions.any()


def test_width_is_read_past_empty_documents():
    """Transformers give documents without tokens a width of 0."""
    head = CRFHead(LABELS)
    empty = numpy.zeros((0, 0), dtype="float32")
    head.initialize(X=[empty, numpy.ones((2, WIDTH), dtype="float32")])
    assert head.get_dim("nI") == WIDTH
    assert head.predict([empty, numpy.ones((2, WIDTH), dtype="float32"), empty]).lengths == [0, 2, 0]


def test_batch_without_tokens():
    head = make_head(1.0)
    scores, backprop = head.begin_update([numpy.zeros((0, WIDTH), dtype="float32")] * 2)
    assert scores.emissions.shape == (0, LABELS) and scores.lengths == [0, 0]
    gradient = backprop(CRFScores(scores.emissions, numpy.zeros_like(scores.transitions), scores.lengths))
    assert [len(rows) for rows in gradient] == [0, 0]
    assert not head.get_grad("W").any()


def test_parameters_are_copies_in_units_of_the_scores():
    head = make_head(50.0)
    W, b, T = head_parameters(head)
    features, _ = make_batch([3])
    scores = head.predict(features)
    numpy.testing.assert_allclose(scores.emissions, features[0] @ W.T + b, atol=1e-5)
    numpy.testing.assert_allclose(scores.transitions, T, atol=1e-6)
    W[:] = b[:] = T[:] = 0.0
    assert all(head.get_param(name).all() for name in "WbT")


def test_bytes_round_trip():
    head = make_head(50.0)
    copy = CRFHead(learn_rate_factor=50.0).from_bytes(head.to_bytes())
    features, _ = make_batch([3, 0, 2])
    expected, actual = head.predict(features), copy.predict(features)
    assert copy.get_dim("nO") == LABELS and copy.get_dim("nI") == WIDTH
    numpy.testing.assert_array_equal(actual.emissions, expected.emissions)
    numpy.testing.assert_array_equal(actual.transitions, expected.transitions)


def test_learn_rate_factor_travels_in_the_bytes():
    copy = CRFHead(learn_rate_factor=1.0).from_bytes(make_head(50.0).to_bytes())
    assert copy.attrs["learn_rate_factor"] == 50.0


@pytest.mark.parametrize("factor", [1.0, 50.0])
def test_first_step_of_adam_is_factor_times_as_long(factor):
    head = CRFHead(LABELS, WIDTH, learn_rate_factor=factor)
    head.initialize()
    features, allowed = make_batch([21])  # no label or pair occurs exactly as often as expected, so no gradient is 0
    scores, backprop = head.begin_update(features)
    loss = negative_log_likelihood(scores.emissions, scores.transitions, scores.lengths, allowed)
    backprop(CRFScores(loss.emissions, loss.transitions, scores.lengths))
    head.finish_update(Adam(0.001, grad_clip=0.0, L2=0.0))
    for array in head_parameters(head):
        numpy.testing.assert_allclose(numpy.abs(array), 0.001 * factor, rtol=1e-3)


def test_architecture_from_the_registry():
    make_tok2vec = registry.get("architectures", "spacy.HashEmbedCNN.v2")
    tok2vec = make_tok2vec(
        width=16, depth=1, embed_size=50, window_size=1, maxout_pieces=2, subword_features=True, pretrained_vectors=None
    )
    model = registry.get("architectures", "spacy_seginf.CRFTagger.v1")(tok2vec, nO=3, learn_rate_factor=2.0)
    assert isinstance(model, Model) and isinstance(model.ops, NumpyOps)
    head = model.get_ref("output_layer")
    assert model.get_ref("tok2vec") is tok2vec
    assert (head.get_dim("nO"), head.get_dim("nI"), head.attrs["learn_rate_factor"]) == (3, 16, 2.0)


@pytest.mark.parametrize("factor", [1.0, 8.0])
def test_setting_what_was_read(factor):
    """Also on a head that has no size yet, and from float64."""
    read = [array.astype("float64") for array in head_parameters(make_head(factor))]
    head = CRFHead(learn_rate_factor=factor)
    set_head_parameters(head, *read)
    assert (head.get_dim("nO"), head.get_dim("nI")) == (LABELS, WIDTH)
    for array, expected in zip(head_parameters(head), read):
        assert array.dtype == numpy.float32
        numpy.testing.assert_allclose(array, expected, rtol=1e-6)

"""Every kind of encoder: its own tok2vec, a shared one, a transformer; and those that can't be differentiated."""

import numpy
import pytest
import spacy
import torch
from spacy.util import fix_random_seed

from spacy_seginf.attribution.encoder_gradients import Encoder, Window
from spacy_seginf.attribution.method import Texts
from spacy_seginf.attribution.tracin import TracIn, TracInLast
from spacy_seginf.attribution.tracin_we import TracInWE
from spacy_seginf.attribution.word_rows import PIECES
from spacy_seginf.tagger import set_head_parameters
from spacy_seginf.tagger.head import head_of

from ..conftest import TINY_TOK2VEC, copy_pipeline, make_tagger
from ..tiny_encoders import write_encoder
from .conftest import short_texts
from .contexts import make_context, make_texts
from .reference import cosine_error, segment_losses, word_products

TRANSFORMER = {
    "@architectures": "spacy-transformers.TransformerModel.v3",
    "get_spans": {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 8, "stride": 6},
}
POOLING = {"@layers": "reduce_mean.v1"}
LISTENER = {"@architectures": "spacy-transformers.TransformerListener.v1", "grad_factor": 0.0, "pooling": POOLING}
INLINE = {**TRANSFORMER, "@architectures": "spacy-transformers.Tok2VecTransformer.v3", "pooling": POOLING}
INLINE["tokenizer_config"] = {"use_fast": True}
ALL = {"dtype": "float32", "bytes_per_segment": None}


@pytest.fixture(scope="module", params=["component", "inline"])
def transformer_nlp(request, train_examples, tmp_path_factory):
    """A random transformer in float64 under a random head; documents take several spans that overlap."""
    folder = tmp_path_factory.mktemp("encoder") / "bert"
    write_encoder("bert", folder)
    fix_random_seed(0)
    nlp = spacy.blank("en")
    if request.param == "component":
        nlp.add_pipe("transformer", config={"model": {**TRANSFORMER, "name": str(folder)}})
        encoder = LISTENER
    else:
        encoder = {**INLINE, "name": str(folder)}
    nlp.add_pipe("crf_tagger", config={"model": {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": encoder}})
    nlp.initialize(lambda: train_examples)
    tagger = nlp.get_pipe("crf_tagger")
    generator = numpy.random.default_rng(0)
    labels = len(tagger.tags)
    shapes = ((labels, 16), (labels,), (labels, labels))
    set_head_parameters(tagger.model.get_ref("output_layer"), *(generator.normal(size=shape) for shape in shapes))
    Encoder(nlp, tagger).transformer.transformer.double()
    return nlp


def run_transformer(nlp, texts):
    """Repeat spacy-transformers on single spans: features of documents, and the embedded pieces by span with ids."""
    node = Encoder(nlp, nlp.get_pipe("crf_tagger")).transformer
    bert, tokenizer = node.transformer, node.tokenizer
    was_training = bert.training
    bert.eval()
    features, leaves, ids = [], {}, {}
    for number, doc in enumerate(texts.docs):
        aligned = [[] for _ in doc]
        for place, span in enumerate(node.attrs["get_spans"]([doc])[0]):
            coded = tokenizer(span.text, return_offsets_mapping=True)
            keys = torch.tensor([coded["input_ids"]])
            embedded = bert.get_input_embeddings()(keys).detach().requires_grad_(True)
            rows = bert(inputs_embeds=embedded, attention_mask=torch.ones_like(keys)).last_hidden_state[0]
            leaves[number, place], ids[number, place] = embedded, keys[0].tolist()
            for piece, (start, end) in enumerate(coded["offset_mapping"]):
                for token in span:
                    first = token.idx - span.start_char
                    if start < first + len(token) and end > first:
                        aligned[token.i].append(rows[piece])
        features.append(torch.stack([torch.stack(pieces).mean(dim=0) for pieces in aligned]))
    bert.train(was_training)
    return features, leaves, ids


def pieces(texts, nlp, head, special):
    features, leaves, ids = run_transformer(nlp, texts)
    sums = []
    head = torch.tensor(head.packed)
    names = list(leaves)
    skipped = set() if special else set(Encoder(nlp, nlp.get_pipe("crf_tagger")).transformer.tokenizer.all_special_ids)
    for loss in segment_losses(texts, features, head):
        words = {}
        found = torch.autograd.grad(loss, [leaves[n] for n in names], retain_graph=True, allow_unused=True)
        for name, gradient in zip(names, found):
            for key, row in zip(ids[name], [] if gradient is None else gradient[0].numpy()):
                if key not in skipped:
                    words[key] = words.get(key, 0.0) + row
        sums.append(words)
    return sums


def squares(sums):
    return [sum(float(vector @ vector) for vector in words.values()) for words in sums]


@pytest.mark.slow
@pytest.mark.parametrize("special", [False, True])
def test_word_pieces_against_autograd(transformer_nlp, train_examples, special):
    nlp = transformer_nlp
    context = make_context(nlp, short_texts(nlp, train_examples[:4]))
    queries = short_texts(nlp, train_examples[4:6])
    assert context.training.data.features.dtype == numpy.float64
    left, right = (pieces(part, nlp, context.head, special) for part in (queries, context.training))
    ready = TracInWE(special_tokens=special, **ALL).prepare(context)
    scores = ready.scores(queries)
    assert cosine_error(scores, word_products(left, right), squares(left), squares(right)) < 1e-6
    strongest = numpy.unravel_index(numpy.abs(scores).argmax(), scores.shape)
    split = ready.words(queries, *(int(number) for number in strongest))
    assert sum(value for _, value in split) == pytest.approx(scores[strongest], rel=1e-6)
    assert ("[SEP]" in dict(split)) == special


@pytest.mark.slow
def test_all_parameters_of_a_transformer(transformer_nlp, train_examples):
    nlp = transformer_nlp
    context = make_context(nlp, make_texts(nlp, train_examples[:3], [(0, 0, 2), (1, 0, 1), (2, 2, 4)]))
    queries = make_texts(nlp, train_examples[4:6], [(0, 0, 2), (1, 3, 4)])
    bert = Encoder(nlp, nlp.get_pipe("crf_tagger")).transformer.transformer
    rows = []
    for part in (queries, context.training):
        features, _, _ = run_transformer(nlp, part)
        head = torch.tensor(context.head.packed, requires_grad=True)
        # The pieces are leaves there, so the table's own part comes from TracIn-WE, special tokens included.
        named = [value for name, value in bert.named_parameters() if "word_embeddings" not in name]
        found = []
        for loss in segment_losses(part, features, head):
            grads = torch.autograd.grad(loss, [head, *named], retain_graph=True, allow_unused=True)
            found.append(numpy.concatenate([g.numpy().ravel() for g in grads if g is not None]))
        rows.append(numpy.stack(found))
    words = TracInWE(special_tokens=True, **ALL).prepare(context).scores(queries)
    scores = TracIn().prepare(context).scores(queries)
    expected = rows[0] @ rows[1].T + words
    assert cosine_error(scores, expected, *((part**2).sum(axis=1) for part in rows)) < 1e-6


@pytest.mark.slow
def test_a_transformer_is_left_alone(transformer_nlp, train_examples):
    nlp = transformer_nlp
    context = make_context(nlp, make_texts(nlp, train_examples[:2], [(0, 0, 2), (1, 0, 1)]))
    bert = Encoder(nlp, nlp.get_pipe("crf_tagger")).transformer.transformer
    state = {name: value.clone() for name, value in bert.state_dict().items()}
    bert.train()
    for value in bert.parameters():
        value.grad = torch.ones_like(value)
    for method in (TracInWE(), TracIn(), TracInLast()):
        method.prepare(context).scores(context.training)
        assert bert.training and all(module.training for module in bert.modules())
        assert all(value.requires_grad and (value.grad == 1).all() for value in bert.parameters())
    assert all((value == state[name]).all() for name, value in bert.state_dict().items())
    assert not any(module._forward_hooks for module in bert.modules())


@pytest.mark.slow
def test_any_batch_of_replicas(transformer_nlp, train_examples):
    """Replicas of the same document do not mix, whatever they are in a batch with."""
    nlp = transformer_nlp
    encoder = Encoder(nlp, nlp.get_pipe("crf_tagger"))
    docs = [make_texts(nlp, train_examples[n : n + 1], []).docs[0] for n in (0, 4)]
    generator = numpy.random.default_rng(0)
    batch = [docs[0], docs[1], docs[0], docs[0]]
    with encoder.word_gradients() as run:
        features, backward = run(batch)
        gradients = [generator.normal(size=rows.shape) for rows in features]
        (together,) = backward(gradients)
        assert together.table == PIECES
        for number, (doc, gradient) in enumerate(zip(batch, gradients)):
            (rows,), backward = run([doc])
            assert numpy.allclose(rows, features[number], atol=1e-9)
            (alone,) = backward([gradient])
            own = together.texts == number
            assert (together.keys[own] == alone.keys).all()
            assert numpy.allclose(together.gradients[own], alone.gradients, atol=1e-9)


@pytest.fixture(scope="module")
def listening_nlp(unsure_nlp, train_examples):
    """The unsure pipeline's tok2vec as a component of its own, and a tagger that listens to it."""
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32}
    nlp.add_pipe("crf_tagger", config={"model": {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": listener}})
    nlp.initialize(lambda: train_examples)
    source = unsure_nlp.get_pipe("crf_tagger").model
    nlp.get_pipe("tok2vec").model.from_bytes(source.get_ref("tok2vec").to_bytes())
    head = head_of(source)
    layer = nlp.get_pipe("crf_tagger").model.get_ref("output_layer")
    set_head_parameters(layer, head.weights, head.bias, head.transitions)
    return nlp


@pytest.mark.parametrize("method", [TracInLast, TracIn, TracInWE])
def test_shared_tok2vec(unsure_nlp, listening_nlp, train_examples, method):
    scores = []
    for nlp in (unsure_nlp, listening_nlp):
        context = make_context(nlp, short_texts(nlp, train_examples[:3]))
        scores.append(method().prepare(context).scores(short_texts(nlp, train_examples[3:5])))
    assert numpy.allclose(*scores, rtol=1e-3, atol=1e-4) and numpy.abs(scores[0]).max() > 0.1


@pytest.mark.parametrize("method", [TracInLast, TracIn, TracInWE])
def test_checkpoints_of_a_shared_tok2vec(listening_nlp, train_examples, tmp_path, method):
    listening_nlp.to_disk(tmp_path / "step-7")
    listing = '{"checkpoints": [{"folder": "step-7", "step": 7, "learn_rate": 0.5}]}'
    (tmp_path / "checkpoints.json").write_text(listing)
    context = make_context(listening_nlp, short_texts(listening_nlp, train_examples[:3]))
    queries = short_texts(listening_nlp, train_examples[3:5])
    tensors = [doc.tensor for doc in queries.docs]
    scores = method(str(tmp_path)).prepare(context).scores(queries)
    assert numpy.allclose(scores, 0.5 * method().prepare(context).scores(queries), rtol=1e-3, atol=1e-4)
    assert all(doc.tensor is tensor or (doc.tensor == tensor).all() for doc, tensor in zip(queries.docs, tensors))


def test_components_before_the_encoder(unsure_nlp, train_examples):
    """They run on copies: documents belong to the caller."""
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("sentencizer", first=True)
    context = make_context(nlp, short_texts(nlp, train_examples[:2]))
    expected = TracInWE().prepare(make_context(unsure_nlp, context.training)).scores(context.training)
    assert numpy.allclose(TracInWE().prepare(context).scores(context.training), expected, rtol=1e-3, atol=1e-4)
    assert not any(doc.has_annotation("SENT_START") for doc in context.training.docs)


@pytest.mark.parametrize("depth", [0, 2])
def test_windows_of_local_encoders(train_examples, depth):
    model = {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": {**TINY_TOK2VEC, "depth": depth or 1}}
    nlp = make_tagger(train_examples, model=model)
    encoder = Encoder(nlp, nlp.get_pipe("crf_tagger"))
    reach = depth or 1
    assert encoder.reach == reach and encoder.isolated
    assert encoder.tables == ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
    (doc,) = make_texts(nlp, train_examples[11:12], []).docs
    with encoder.word_gradients() as run:
        (whole,), _ = run([doc])
        (part, _), _ = run([Window(doc, 2, 9), Window(doc, 0, 3)])
    inside = slice(reach, len(part) - reach)
    assert numpy.allclose(part[inside], whole[2:9][inside], atol=1e-5)
    assert not numpy.allclose(part[0], whole[2], atol=1e-5)


def encoder_model(**encode):
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 16, "attrs": ["LOWER", 67], "rows": [50, 50]}
    tok2vec = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {**embed, "include_static_vectors": False},
        "encode": encode,
    }
    return {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": tok2vec}


ENCODERS = {
    "mish": {"@architectures": "spacy.MishWindowEncoder.v2", "width": 16, "depth": 2, "window_size": 1},
    "lstm": {"@architectures": "spacy.TorchBiLSTMEncoder.v1", "width": 16, "depth": 2, "dropout": 0.5},
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_other_encoders(train_examples, kind):
    """Whole documents where an encoder may read far, one at a time where texts of a batch leak into each other."""
    nlp = make_tagger(train_examples, model=encoder_model(**ENCODERS[kind]), steps=2)
    encoder = Encoder(nlp, nlp.get_pipe("crf_tagger"))
    assert (encoder.reach, encoder.isolated) == {"mish": (2, False), "lstm": (None, True)}[kind]
    assert encoder.tables[0] == "LOWER"
    texts = make_texts(nlp, train_examples[:1], [(0, 0, 1), (0, 3, 4), (0, 0, 3), (0, 6, 7)])
    context = make_context(nlp, texts)
    scores = TracInWE(**ALL).prepare(context).scores(texts)
    expected = differences(nlp, texts, context.head)
    assert cosine_error(scores, expected, numpy.diag(expected), numpy.diag(expected)) < 0.01  # float32 and its kinks


def differences(nlp, texts, head, step=2e-3):
    """Products of central differences in the vectors of words. Outputs of tables are moved, in all places of a word."""
    encoder = Encoder(nlp, nlp.get_pipe("crf_tagger"))
    tagger = nlp.get_pipe("crf_tagger")
    tables = [node for node in encoder.nodes if node.name == "hashembed"]
    found = [{} for _ in range(len(texts))]

    def losses():
        rows = numpy.concatenate(tagger.model.get_ref("tok2vec").predict(texts.docs))
        data = type(texts.data)(rows, texts.data.allowed, texts.data.lengths)
        moved = Texts(texts.docs, data, texts.labels, texts.segments).chains(head)
        return moved.losses()[0]

    for number, (node, name) in enumerate(zip(tables, encoder.tables)):
        original = node._func
        for key in {int(k) for doc in texts.docs for k in doc.to_array([name]).astype("uint64").ravel()}:
            for column in range(16):
                values = []
                for sign in (step, -step):

                    def moved(model, ids, is_train, sign=sign, key=key, column=column, original=original):
                        output, backprop = original(model, ids, is_train)
                        output[numpy.asarray(ids).ravel() == numpy.uint64(key), column] += sign
                        return output, backprop

                    node._func = moved
                    values.append(losses())
                node._func = original
                slopes = (values[0] - values[1]) / (2 * step)
                for segment, slope in enumerate(slopes):
                    found[segment].setdefault((number, key), numpy.zeros(16))[column] = slope
    return word_products(found, found)


def test_dropout_is_off_and_put_back(train_examples):
    nlp = make_tagger(train_examples, model=encoder_model(**ENCODERS["lstm"]), steps=2)
    droppers = [node for node in nlp.get_pipe("crf_tagger").model.walk() if "dropout_rate" in node.attrs]
    for node in droppers:
        node.attrs["dropout_rate"] = 0.5
    context = make_context(nlp, make_texts(nlp, train_examples[:1], [(0, 0, 1)]))
    first, second = (TracInWE(**ALL).prepare(context).scores(context.training) for _ in range(2))
    assert (first == second).all()
    rates = {
        node.attrs["dropout_rate"] for node in nlp.get_pipe("crf_tagger").model.walk() if "dropout_rate" in node.attrs
    }
    assert rates == {0.5}


def test_no_word_embeddings(train_examples):
    embed = {"@architectures": "spacy.CharacterEmbed.v2", "width": 16, "rows": 50, "nM": 8, "nC": 4}
    model = encoder_model(**ENCODERS["mish"])
    model["tok2vec"]["embed"] = {**embed, "include_static_vectors": False, "feature": "LOWER"}
    nlp = make_tagger(train_examples, model=model)
    assert Encoder(nlp, nlp.get_pipe("crf_tagger")).tables == ["LOWER"]  # beside its characters
    for node in nlp.get_pipe("crf_tagger").model.walk():
        if node.name == "hashembed":  # a layer of somebody else's
            original = node._func
            node._func = lambda model, ids, is_train, original=original: original(model, ids, is_train)
    context = make_context(nlp, make_texts(nlp, train_examples[:1], [(0, 0, 1)]))
    with pytest.raises(ValueError, match=r"\[S094\].*no table of word embeddings"):
        TracInWE().prepare(context)
    assert TracInLast().prepare(context).scores(context.training).shape == (1, 1)


def test_nothing_but_subwords(train_examples):
    model = encoder_model(**ENCODERS["mish"])
    model["tok2vec"]["embed"]["attrs"] = ["SHAPE", "SUFFIX"]
    nlp = make_tagger(train_examples, model=model, steps=2)
    context = make_context(nlp, make_texts(nlp, train_examples[:1], [(0, 0, 1)]))
    with pytest.raises(ValueError, match=r"\[S094\].*but of SHAPE, SUFFIX"):
        TracInWE(subwords=False).prepare(context)
    assert TracInWE().prepare(context).scores(context.training)[0, 0] > 0


def test_nobody_upstream(listening_nlp):
    nlp = copy_pipeline(listening_nlp)
    with nlp.select_pipes(disable="tok2vec"), pytest.raises(ValueError, match=r"\[S094\].*listens to '\*'"):
        Encoder(nlp, nlp.get_pipe("crf_tagger"))

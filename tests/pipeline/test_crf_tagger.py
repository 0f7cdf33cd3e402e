"""The crf_tagger: labels, training, missing annotation, prediction, listeners, saving and loading."""

import pickle
import re

import numpy
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed
from thinc.api import Adam

from ..conftest import TEXTS, TINY_MODEL, TINY_TOK2VEC, copy_pipeline, make_examples, make_tagger

LISTENER_MODEL = {
    "@architectures": "spacy_seginf.CRFTagger.v1",
    "learn_rate_factor": 5.0,
    "tok2vec": {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "*"},
}


def blank_tagger(**config):
    nlp = spacy.blank("en")
    return nlp, nlp.add_pipe("crf_tagger", config={"model": TINY_MODEL, **config})


def example_with(nlp, words, ents=None):
    """An example; without ents the annotation is missing."""
    return Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, ents=ents))


def entities(docs):
    return [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs]


def fresh_docs(nlp, examples):
    return [Doc(nlp.vocab, words=[token.text for token in example.reference]) for example in examples]


def predicted(nlp, examples):
    return entities(nlp.pipe(fresh_docs(nlp, examples)))


def gold(examples):
    return entities(example.reference for example in examples)


def head_of(nlp):
    return nlp.get_pipe("crf_tagger").model.get_ref("output_layer")


def head_weights(nlp):
    return [head_of(nlp).get_param(name).copy() for name in "WbT"]


def randomize_head(nlp, seed, scale=3.0):
    generator = numpy.random.default_rng(seed)
    for name in "WbT":
        shape = head_of(nlp).get_param(name).shape
        head_of(nlp).set_param(name, (generator.normal(size=shape) * scale).astype("float32"))


def listening_pipeline(examples, steps=0):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    encode = {k: v for k, v in TINY_TOK2VEC.items() if k != "@architectures"}
    nlp.add_pipe("tok2vec", config={"model": {"@architectures": "spacy.HashEmbedCNN.v2", **encode}})
    nlp.add_pipe("crf_tagger", config={"model": LISTENER_MODEL})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, drop=0.0)
    return nlp


@pytest.fixture(scope="module")
def listener_nlp(train_examples):
    """tok2vec and a crf_tagger that listens to it, trained. Do not change it."""
    return listening_pipeline(train_examples, steps=40)


# Labels


def test_initialize_examples(train_examples):
    nlp, tagger = blank_tagger()
    nlp.initialize(lambda: train_examples)
    assert tagger.labels == ("LOC", "ORG", "PER")
    assert tagger.tags == ("O", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER")
    assert head_of(nlp).get_param("W").shape == (7, 32)


@pytest.mark.parametrize("get_examples", [None, lambda: None, lambda: [], [1]])
def test_initialize_examples_invalid(get_examples):
    _nlp, tagger = blank_tagger()
    with pytest.raises(TypeError):
        tagger.initialize(get_examples)


def test_initialize_keeps_the_order_of_given_labels(train_examples):
    nlp, tagger = blank_tagger()
    tagger.initialize(lambda: train_examples, nlp=nlp, labels=["PER", "LOC", "ORG"])
    assert tagger.labels == ("PER", "LOC", "ORG")
    assert tagger.tags[1] == "B-PER" and tagger.tags[3] == "B-LOC"


def test_label_data_initializes_the_same_tags(train_examples):
    nlp, tagger = blank_tagger(scheme="BILUO")
    nlp.initialize(lambda: train_examples)
    other, copy = blank_tagger(scheme="BILUO")
    copy.initialize(lambda: train_examples, nlp=other, labels=tagger.label_data)
    assert copy.tags == tagger.tags


def test_labels_from_the_initialize_block(train_examples):
    nlp, tagger = blank_tagger()
    nlp.config["initialize"]["components"]["crf_tagger"] = {"labels": ["PER", "ORG", "LOC", "MISC"]}
    nlp.initialize(lambda: train_examples)
    assert tagger.labels == ("PER", "ORG", "LOC", "MISC")


def test_labels_beyond_the_first_examples(train_examples):
    """Labels come from all examples, not only from the sample that sets the shapes."""
    nlp, tagger = blank_tagger()
    late = example_with(nlp, ["Tarnby", "Cup", "begins"], ["B-EVENT", "I-EVENT", "O"])
    nlp.initialize(lambda: [*train_examples, late])
    assert "EVENT" in tagger.labels


def test_implicit_and_explicit_label():
    nlp, tagger = blank_tagger()
    tagger.add_label("PER")
    examples = [example_with(nlp, ["Ada", "in", "Osted"], ["B-PER", "O", "B-LOC"])]
    nlp.initialize(lambda: examples)
    assert tagger.labels == ("PER", "LOC")


def test_label_types():
    _nlp, tagger = blank_tagger()
    assert tagger.add_label("PER") == 1
    assert tagger.add_label("PER") == 0
    with pytest.raises(ValueError, match="E187"):
        tagger.add_label(9)
    assert tagger.labels == ("PER",)


def test_no_label():
    nlp, _tagger = blank_tagger()
    with pytest.raises(ValueError, match=r"\[S004\].*\[initialize\.components\.crf_tagger\.labels\]"):
        nlp.initialize()


def test_no_entities_in_the_examples():
    nlp, _tagger = blank_tagger()
    examples = [example_with(nlp, ["It", "rained"], ["O", "O"])]
    with pytest.raises(ValueError, match=r"\[S004\]"):
        nlp.initialize(lambda: examples)


def test_no_resize(tagger_nlp):
    tagger = tagger_nlp.get_pipe("crf_tagger")
    assert tagger.add_label("PER") == 0
    with pytest.raises(ValueError, match=r"\[S005\].*'EVENT'.*LOC, ORG, PER"):
        tagger.add_label("EVENT")
    assert tagger.labels == ("LOC", "ORG", "PER")


@pytest.mark.parametrize("labels", [["PER", "PER"], ["O"], [""], ["PER", "B-PER"], ["B-PER", "PER"]])
def test_contradicting_labels(train_examples, labels):
    nlp, tagger = blank_tagger()
    with pytest.raises(ValueError, match=r"\[S002\].*'crf_tagger'"):
        tagger.initialize(lambda: train_examples, nlp=nlp, labels=labels)


def test_contradicting_label_is_not_added():
    _nlp, tagger = blank_tagger()
    tagger.add_label("PER")
    with pytest.raises(ValueError, match=r"\[S002\]"):
        tagger.add_label("I-PER")
    assert tagger.labels == ("PER",)


def test_unknown_scheme():
    with pytest.raises(ValueError, match=r"\[S001\].*IOB2"):
        blank_tagger(scheme="IOB2")


def test_unknown_label_in_update(tagger_nlp):
    tagger = tagger_nlp.get_pipe("crf_tagger")
    example = example_with(tagger_nlp, ["Tarnby", "Cup"], ["B-EVENT", "I-EVENT"])
    with pytest.raises(ValueError, match=r"\[S003\].*'EVENT'.*LOC, ORG, PER"):
        tagger.update([example])


# Training


@pytest.mark.parametrize("scheme", ["BIO", "BILUO", "IO"])
def test_overfitting_IO(train_examples, scheme, tmp_path):
    nlp = make_tagger(train_examples, steps=40, scheme=scheme)
    assert predicted(nlp, train_examples) == gold(train_examples)

    nlp.to_disk(tmp_path)
    from_disk = spacy.load(tmp_path)
    assert from_disk.get_pipe("crf_tagger").tags == nlp.get_pipe("crf_tagger").tags
    copies = {"disk": from_disk, "bytes": copy_pipeline(nlp), "pickle": pickle.loads(pickle.dumps(nlp))}
    new_texts = ["Mira Lind of Norvik United flew to Brekke Bay .", "", "Harrow , Osted and Reyl ."]
    docs = [nlp(text) for text in new_texts]
    for how, copy in copies.items():
        assert entities(copy(text) for text in new_texts) == entities(docs), how
        assert predicted(copy, train_examples) == gold(train_examples), how
        for ours, theirs in zip(head_weights(nlp), head_weights(copy)):
            assert_array_equal(ours, theirs, err_msg=how)


def test_component_round_trip(tagger_nlp, tmp_path):
    """The component alone: a new one takes labels, scheme and the size of the output layer from the data."""
    tagger = tagger_nlp.get_pipe("crf_tagger")
    tagger.to_disk(tmp_path / "tagger")
    for load in (lambda new: new.from_bytes(tagger.to_bytes()), lambda new: new.from_disk(tmp_path / "tagger")):
        nlp, new = blank_tagger(scheme="IO")
        assert load(new) is new
        assert new.labels == tagger.labels and new.tags == tagger.tags
        text = "Ada Lind visited Tarnby ."
        assert entities([nlp(text)]) == entities([tagger_nlp(text)]) != [[]]


def test_saving_an_untrained_tagger():
    nlp, tagger = blank_tagger(scheme="BILUO")
    tagger.add_label("PER")
    copy = copy_pipeline(nlp).get_pipe("crf_tagger")
    assert copy.labels == ("PER",) and copy.tags == tagger.tags
    assert copy.add_label("LOC") == 1


def test_loss_falls_and_is_reported_under_the_name(train_examples):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", name="people", config={"model": TINY_MODEL})
    optimizer = nlp.initialize(lambda: train_examples)
    values = []
    for _ in range(3):
        losses = {}
        nlp.update(train_examples, sgd=optimizer, losses=losses)
        values.append(losses["people"])
    assert list(losses) == ["people"] and isinstance(values[0], float)
    assert values[0] > values[1] > values[2] > 0.0
    tokens = sum(len(example.reference) for example in train_examples)
    assert values[0] == pytest.approx(tokens * numpy.log(7), rel=1e-5)  # a head of zeros: all 7 tags alike


def test_update_without_optimizer_changes_nothing(tagger_nlp, train_examples):
    nlp = copy_pipeline(tagger_nlp)
    before = nlp.to_bytes()
    nlp.get_pipe("crf_tagger").update(train_examples)
    assert nlp.to_bytes() == before


def test_predict_changes_nothing(tagger_nlp, train_examples):
    nlp = copy_pipeline(tagger_nlp)
    docs = fresh_docs(nlp, train_examples)
    nlp.get_pipe("crf_tagger").predict(docs)
    assert entities(docs) == [[]] * len(docs)
    assert all(not doc.user_data for doc in docs)


def test_no_features_are_left_on_documents(tagger_nlp):
    assert not tagger_nlp("Ada Lind visited Tarnby .").user_data


def test_rehearse_does_nothing(tagger_nlp, train_examples):
    nlp = copy_pipeline(tagger_nlp)
    before = nlp.to_bytes()
    nlp.resume_training()
    nlp.rehearse(train_examples[:2])
    assert nlp.to_bytes() == before


def test_score(tagger_nlp, train_examples):
    scores = tagger_nlp.evaluate(train_examples)
    assert scores["ents_f"] == scores["ents_p"] == scores["ents_r"] == 1.0
    assert set(scores["ents_per_type"]) == {"PER", "ORG", "LOC"}
    wrong = make_examples(["Ada Lind visited [Tarnby]/LOC on Monday ."])  # the person is left out
    assert tagger_nlp.evaluate(wrong)["ents_p"] == 0.5


def test_default_score_weights():
    nlp, tagger = blank_tagger()
    assert isinstance(tagger, TrainablePipe)
    meta = nlp.get_pipe_meta("crf_tagger")
    assert meta.default_score_weights["ents_f"] == 1.0
    assert "doc.ents" in meta.assigns


def test_use_params(train_examples):
    nlp = make_tagger(train_examples)
    optimizer = Adam(0.01, use_averages=True)
    for _ in range(20):
        nlp.update(train_examples, sgd=optimizer)
    last = head_weights(nlp)
    with nlp.use_params(optimizer.averages):
        averaged = head_weights(nlp)
        assert_allclose(averaged[0], optimizer.averages[(head_of(nlp).id, "W")])
        assert predicted(nlp, train_examples[:3])
    assert numpy.abs(averaged[0] - last[0]).max() > 1e-3
    for before, after in zip(last, head_weights(nlp)):
        assert_array_equal(before, after)


# Missing annotation


def test_missing_annotation_has_no_gradient(tagger_nlp):
    nlp = copy_pipeline(tagger_nlp)
    losses = {}
    missing = example_with(nlp, ["Ada", "Lind", "left"])
    nlp.get_pipe("crf_tagger").update([missing], losses=losses)
    assert losses["crf_tagger"] == pytest.approx(0.0, abs=1e-6)
    for node in nlp.get_pipe("crf_tagger").model.walk():
        for name in node.param_names:
            if node.has_grad(name):
                assert_allclose(node.get_grad(name), 0.0, atol=1e-5)


def test_incomplete_data(train_examples):
    """Documents without annotation beside complete ones: the rest is learned, and they add nothing to the loss."""
    nlp = make_tagger(train_examples)
    missing = example_with(nlp, ["Nobody", "annotated", "this"])
    alone = nlp.get_pipe("crf_tagger").update(train_examples)["crf_tagger"]
    beside = nlp.get_pipe("crf_tagger").update([missing, *train_examples])["crf_tagger"]
    assert beside == pytest.approx(alone, rel=1e-6)
    nlp = make_tagger([*train_examples, missing], steps=40)
    assert predicted(nlp, train_examples) == gold(train_examples)


def test_partially_missing_annotation(tagger_nlp):
    """The gradient at a missing token is that of the marginal loss: nothing is learned about its own tag."""
    words = ["Ada", "Lind", "left", "Tarnby", "today"]
    reference = Doc(tagger_nlp.vocab, words=words)
    reference.set_ents([Span(reference, 0, 2, label="PER")], missing=[Span(reference, 3, 5)], default="outside")
    tagger = tagger_nlp.get_pipe("crf_tagger")
    allowed = tagger.allowed_tags(Example(Doc(tagger_nlp.vocab, words=words), reference))
    permitted = [{tagger.tags[tag] for tag in row.nonzero()[0]} for row in allowed]
    assert permitted == [{"B-PER"}, {"I-PER"}, {"O"}, set(tagger.tags), set(tagger.tags)]


def test_training_with_missing_labels_learns_the_rest():
    nlp = spacy.blank("en")
    examples = []
    for words in (["Ada", "saw", "Veltra"], ["Tomas", "saw", "Veltra"]):
        reference = Doc(nlp.vocab, words=words)
        reference.set_ents([Span(reference, 0, 1, label="PER")], missing=[Span(reference, 2, 3)], default="outside")
        examples.append(Example(Doc(nlp.vocab, words=words), reference))
    complete = example_with(nlp, ["Shares", "of", "Veltra", "fell"], ["O", "O", "B-ORG", "O"])
    trained = make_tagger([*examples, complete], steps=40)
    assert predicted(trained, examples) == [[(0, 1, "PER"), (2, 3, "ORG")]] * 2


def test_misaligned_tokens_are_missing():
    nlp, tagger = blank_tagger()
    tagger.add_label("LOC")
    reference = Doc(nlp.vocab, words=["to", "Pelham", "Bay", "now"], ents=["O", "B-LOC", "I-LOC", "O"])
    example = Example(Doc(nlp.vocab, words=["to", "Pelham", "Baynow"], spaces=[True, True, False]), reference)
    allowed = tagger.allowed_tags(example)
    assert allowed[0].tolist() == [True, False, False]
    assert allowed[2].all()


def test_other_tokenization_of_the_prediction():
    """Entities that align are learned even if the predicted document has other tokens."""
    nlp, tagger = blank_tagger()
    tagger.add_label("LOC")
    reference = Doc(nlp.vocab, words=["to", "Pelham", "Bay"], ents=["O", "B-LOC", "I-LOC"])
    example = Example(Doc(nlp.vocab, words=["to", "Pelham Bay"]), reference)
    assert tagger.allowed_tags(example).tolist() == [[True, False, False], [False, True, False]]


# Empty documents and batches


def test_no_data(train_examples):
    """Training on documents without annotation, with a given label, does not fail."""
    nlp, tagger = blank_tagger()
    tagger.add_label("PER")
    examples = [example_with(nlp, ["Ada", "left"]), example_with(nlp, ["He", "left"])]
    optimizer = nlp.initialize()
    losses = {}
    for _ in range(2):
        nlp.update(examples, sgd=optimizer, losses=losses)
    assert losses["crf_tagger"] == pytest.approx(0.0, abs=1e-6)


def test_empty_documents_in_a_batch(tagger_nlp):
    words = [[], ["Ada", "Lind", "."], []]
    docs = list(tagger_nlp.pipe([Doc(tagger_nlp.vocab, words=each) for each in words]))
    assert entities(docs) == [[], [(0, 2, "PER")], []]

    nlp = copy_pipeline(tagger_nlp)
    tagger = nlp.get_pipe("crf_tagger")
    full = example_with(nlp, words[1], ["B-PER", "I-PER", "O"])
    empty = example_with(nlp, [], [])
    alone, beside = tagger.update([full])["crf_tagger"], tagger.update([empty, full, empty])["crf_tagger"]
    assert beside == pytest.approx(alone, rel=1e-5)
    nlp.update([empty, full], sgd=nlp.resume_training())
    assert entities(nlp.pipe(["", "Ada Lind ."])) == [[], [(0, 2, "PER")]]


def test_batch_of_empty_documents(tagger_nlp):
    nlp = copy_pipeline(tagger_nlp)
    docs = list(nlp.pipe(["", ""]))
    assert entities(docs) == [[], []]
    assert [len(prediction.tags) for prediction in nlp.get_pipe("crf_tagger").predict(docs)] == [0, 0]
    before = head_weights(nlp)
    losses = nlp.update([example_with(nlp, [], [])], sgd=nlp.resume_training())
    assert losses == {"crf_tagger": 0.0}
    for ours, theirs in zip(before, head_weights(nlp)):
        assert_array_equal(ours, theirs)


def test_no_documents(tagger_nlp):
    assert tagger_nlp.get_pipe("crf_tagger").predict([]) == []
    assert list(tagger_nlp.pipe([])) == []


def test_initialize_with_an_empty_document_first(train_examples):
    nlp = spacy.blank("en")
    nlp = make_tagger([example_with(nlp, [], []), *train_examples])
    assert head_of(nlp).get_dim("nI") == 32


# Prediction


@pytest.mark.parametrize("scheme", ["BIO", "BILUO"])
def test_predictions_are_valid(train_examples, scheme):
    nlp = make_tagger(train_examples, scheme=scheme)
    tagger = nlp.get_pipe("crf_tagger")
    mask = tagger.scheme.mask
    used = set()
    for seed in range(10):
        randomize_head(nlp, seed)
        docs = fresh_docs(nlp, train_examples)
        for doc, prediction in zip(docs, tagger.predict(docs)):
            tags = prediction.tags.tolist()
            used.update(tags)
            assert len(tags) == len(doc)
            assert mask.start[tags[0]] and mask.end[tags[-1]]
            assert all(mask.follow[pair] for pair in zip(tags, tags[1:]))
            tagger.set_annotations([doc], [prediction])
            assert scheme == "BIO" or [token.ent_iob_ == "B" for token in doc] == [
                tagger.tags[tag][0] in "BU" for tag in tags
            ]
    assert len(used) == len(tagger.tags)


def test_tokens_outside_entities_are_marked_outside(tagger_nlp):
    doc = tagger_nlp("Ada Lind visited Tarnby .")
    assert [token.ent_iob_ for token in doc] == ["B", "I", "O", "B", "O"]


def test_entities_of_the_input_stay(tagger_nlp):
    """As with spaCy's own ner: those of an entity ruler, say. Predictions are the best beside them."""
    doc = Doc(tagger_nlp.vocab, words=["Ada", "Lind", "left", "."], ents=["O", "O", "B-ORG", "O"])
    assert entities([tagger_nlp(doc)]) == [[(0, 2, "PER"), (2, 3, "ORG")]]
    nlp = copy_pipeline(tagger_nlp)
    ruler = nlp.add_pipe("entity_ruler", before="crf_tagger")
    ruler.add_patterns([{"label": "HORSE", "pattern": "Lind", "id": "lind"}, {"label": "ORG", "pattern": "Tarnby"}])
    doc = nlp("Ada Lind visited Tarnby .")
    assert [(ent.text, ent.label_, ent.ent_id_) for ent in doc.ents if ent.text != "Ada"] == [
        ("Lind", "HORSE", "lind"),
        ("Tarnby", "ORG", ""),
    ]
    tagger = nlp.get_pipe("crf_tagger")
    ruled = ruler(nlp.make_doc("Ada Lind visited Tarnby ."))
    (prediction,) = tagger.predict([ruled])
    assert prediction.tags[1] == 0 and tagger.tags[prediction.tags[3]] == "B-ORG"
    blocked = nlp.make_doc("Ada Lind visited Tarnby .")
    blocked.set_ents([], blocked=[blocked[3:4]])
    tagged = tagger_nlp(blocked)
    assert entities([tagged]) == [[(0, 2, "PER")]]
    assert tagged[3].ent_iob == 3 and not tagged[3].ent_type


@pytest.mark.parametrize("scheme", ["BIO", "BILUO", "IO"])
def test_no_entity_begins_or_ends_with_white_space(train_examples, scheme):
    nlp = make_tagger(train_examples, steps=30, scheme=scheme)
    texts = ["   ", "Ada  Lind visited  Tarnby\n\nVeltra fell .", "\n\n", " Mira \n Solano", "Veltra  \n  Ada  Lind ."]
    found = list(nlp.pipe(texts))
    assert sum(len(doc.ents) for doc in found) > 2
    for doc, text in zip(found, texts):
        for ent in doc.ents:
            assert ent.text == ent.text.strip()
        assert [token.ent_type_ for token in nlp(text)] == [token.ent_type_ for token in doc]
        (prediction,) = nlp.get_pipe("crf_tagger").predict([nlp.make_doc(text)])
        tags = nlp.get_pipe("crf_tagger").scheme.entities(prediction.tags)
        assert tags == [(ent.start, ent.end, ent.label_) for ent in doc.ents]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_batches_and_order_do_not_matter(tagger_nlp, train_examples, size):
    nlp = copy_pipeline(tagger_nlp)
    randomize_head(nlp, seed=0, scale=1.0)
    tagger = nlp.get_pipe("crf_tagger")
    generator = numpy.random.default_rng(size)
    together = tagger.update(train_examples)["crf_tagger"]
    docs = fresh_docs(nlp, train_examples)
    expected = [prediction.tags.tolist() for prediction in tagger.predict(docs)]
    order = generator.permutation(len(docs)).tolist()
    losses, actual = {}, {}
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        tagger.update([train_examples[i] for i in batch], losses=losses)
        predictions = tagger.predict([docs[i] for i in batch])
        actual.update((i, prediction.tags.tolist()) for i, prediction in zip(batch, predictions))
    assert losses["crf_tagger"] == pytest.approx(together, rel=1e-5)
    assert [actual[i] for i in range(len(docs))] == expected


def test_processes(tagger_nlp, train_examples):
    texts = [example.reference.text for example in train_examples]
    single = entities(tagger_nlp.pipe(texts))
    assert entities(tagger_nlp.pipe(texts, n_process=2, batch_size=5)) == single
    assert any(single)


def test_untrained_tagger():
    nlp, tagger = blank_tagger()
    for act in (lambda: nlp("Ada Lind ."), lambda: tagger.predict([nlp.make_doc("Ada")])):
        with pytest.raises(ValueError, match=r"\[S011\].*'crf_tagger'"):
            act()


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_loss_is_not_a_number(tagger_nlp, train_examples, value):
    nlp = copy_pipeline(tagger_nlp)
    head_of(nlp).get_param("b")[0] = value
    before = head_weights(nlp)[0]
    with pytest.raises(ValueError, match=r"\[S012\]"), numpy.errstate(invalid="ignore"):
        nlp.update(train_examples[:3])
    assert_array_equal(head_weights(nlp)[0], before)


# Listeners


def test_listener_learns_and_is_saved(listener_nlp, train_examples, tmp_path):
    assert predicted(listener_nlp, train_examples) == gold(train_examples)
    listener_nlp.to_disk(tmp_path)
    assert predicted(spacy.load(tmp_path), train_examples) == gold(train_examples)
    assert entities(listener_nlp.pipe(["", "Ada Lind ."])) == [[], [(0, 2, "PER")]]


def test_disabled_upstream(listener_nlp):
    with listener_nlp.select_pipes(disable=["tok2vec"]):
        for text in ("Ada Lind left .", "."):
            with pytest.raises(ValueError, match=rf"\[S010\].*'crf_tagger'.*upstream.*Text: '{re.escape(text)}'"):
                listener_nlp(text)
        assert entities([listener_nlp("")]) == [[]]
    assert entities([listener_nlp("Ada Lind left .")]) == [[(0, 2, "PER")]]


def test_replace_listeners(listener_nlp, train_examples, tmp_path):
    nlp = copy_pipeline(listener_nlp)
    nlp.replace_listeners("tok2vec", "crf_tagger", ["model.tok2vec"])
    with nlp.select_pipes(disable=["tok2vec"]):
        assert predicted(nlp, train_examples) == gold(train_examples)
        nlp.update(train_examples[:4], sgd=Adam(0.001))
    nlp.remove_pipe("tok2vec")
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.pipe_names == ["crf_tagger"]
    assert predicted(loaded, train_examples) == predicted(nlp, train_examples)


def test_frozen_upstream(listener_nlp, train_examples):
    """Only the head learns; tok2vec runs as an annotating component."""
    nlp = copy_pipeline(listener_nlp)
    randomize_head(nlp, seed=0, scale=0.1)
    before = nlp.get_pipe("tok2vec").model.to_bytes()
    weights = head_weights(nlp)
    optimizer = Adam(0.01)
    values = []
    for _ in range(5):
        losses = {}
        nlp.update(train_examples, sgd=optimizer, losses=losses, exclude=["tok2vec"], annotates=["tok2vec"])
        values.append(losses["crf_tagger"])
    assert values[-1] < values[0] / 2
    assert nlp.get_pipe("tok2vec").model.to_bytes() == before
    assert numpy.abs(head_weights(nlp)[0] - weights[0]).max() > 1e-3


def test_two_taggers_on_one_upstream(train_examples):
    """The gradients of both reach the shared tok2vec."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    encode = {k: v for k, v in TINY_TOK2VEC.items() if k != "@architectures"}
    nlp.add_pipe("tok2vec", config={"model": {"@architectures": "spacy.HashEmbedCNN.v2", **encode}})
    nlp.add_pipe("crf_tagger", config={"model": LISTENER_MODEL})
    nlp.add_pipe("crf_tagger", name="second", config={"model": LISTENER_MODEL, "scheme": "BILUO"})
    optimizer = nlp.initialize(lambda: train_examples)
    optimizer.learn_rate = 0.01
    first, last = {}, {}
    nlp.update(train_examples, sgd=optimizer, losses=first)
    for _ in range(20):
        last = nlp.update(train_examples, sgd=optimizer)
    assert last["crf_tagger"] < first["crf_tagger"] / 4
    assert last["second"] < first["second"] / 4


def test_fixture_examples_have_ids(train_examples):
    ids = [example.reference.user_data["id"] for example in train_examples]
    assert len(set(ids)) == len(TEXTS)


def test_the_mask_is_moved_once_and_follows_the_scheme(tagger_nlp):
    tagger = copy_pipeline(tagger_nlp).get_pipe("crf_tagger")
    mask = tagger._mask()
    assert tagger._mask() is mask
    assert (mask.follow == tagger.scheme.mask.follow).all()
    tagger.from_bytes(tagger.to_bytes())
    assert tagger._mask() is not mask

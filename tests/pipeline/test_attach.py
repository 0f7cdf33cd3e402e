"""Attaching: a component that was trained without this package is explained through a head on its frozen encoder."""

from __future__ import annotations

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_seginf.api.attach import attach_index as attach
from spacy_seginf.api.index import build_index as index
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.indexing.attach import SCHEMES, add_tagger, check_labels, find_component
from spacy_seginf.indexing.fidelity import compare, decode
from spacy_seginf.influence.fit import loss_and_gradient
from spacy_seginf.tagger.corpus import TrainingText, read_corpus
from spacy_seginf.tagger.encoding import encode
from spacy_seginf.tagger.head import head_of

from ..cli.running import run
from ..conftest import TINY_TOK2VEC, make_tagger
from ..tiny_encoders import write_encoder

LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 32, "upstream": "tok2vec"}
PARSER = {"@architectures": "spacy.TransitionBasedParser.v2", "state_type": "ner", "hidden_width": 32}
MODELS = {
    "ner": {**PARSER, "extra_state_tokens": False, "maxout_pieces": 2, "use_upper": True},
    "tagger": {"@architectures": "spacy.Tagger.v2"},
}
TEXTS = ["Ada Lind visited Osted United .", "Shares of Veltra fell in Pelham Bay ."]


def train(examples, *components, listening, steps=30):
    """Train spaCy's own components for some updates: enough to predict something, too few to be always right."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    if listening:
        nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})
    for name in components:
        nlp.add_pipe(name, config={"model": {**MODELS[name], "tok2vec": LISTENER if listening else TINY_TOK2VEC}})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, drop=0.0)
    return nlp


@pytest.fixture(scope="module")
def examples(train_examples):
    """The shared examples with fine-grained tags: capitalised words, numbers, punctuation, others."""
    made = []
    for example in train_examples:
        reference = example.reference.copy()
        for token in reference:
            token.tag_ = "NNP" if token.text.istitle() else "NN" if token.is_alpha else "."
        made.append(Example(Doc(reference.vocab, words=[token.text for token in reference]), reference))
    return made


@pytest.fixture(scope="module")
def corpus(examples, tmp_path_factory):
    path = tmp_path_factory.mktemp("attach") / "train.spacy"
    DocBin(docs=[example.reference for example in examples], store_user_data=True).to_disk(path)
    return path


@pytest.fixture(scope="module", params=[("ner", False), ("ner", True), ("tagger", True)], ids=str)
def attached(request, examples, corpus, tmp_path_factory):
    """Component, folder of the pipeline before, folder after, and the report."""
    component, listening = request.param
    folder = tmp_path_factory.mktemp("attached")
    train(examples, component, listening=listening).to_disk(folder / "before")
    report = attach(str(folder / "before"), corpus, folder / "after")
    return component, folder / "before", folder / "after", report


def listening(nlp):
    return "tok2vec" in nlp.pipe_names


def unset(doc):
    """Take the entities off a document that its upstream has seen."""
    copy = doc.copy()
    copy.set_ents([], default="missing")
    return copy


def predictions(docs):
    return [[(token.tag_, token.ent_iob_, token.ent_type_) for token in doc] for doc in docs]


def test_predictions_and_scores_stay(attached, examples):
    _, before, after, _ = attached
    original, explained = spacy.load(before), spacy.load(after)
    texts = [*TEXTS, *(example.reference.text for example in examples)]
    expected = predictions(original.pipe(texts))
    assert predictions(explained.pipe(texts)) == expected
    assert any(triple != ("", "O", "") for triples in expected for triple in triples)
    scores = original.evaluate(examples)
    again = explained.evaluate(examples)
    assert {key: value for key, value in again.items() if key != "speed"} == {
        key: value for key, value in scores.items() if key != "speed"
    }
    weights = [nlp.config["training"]["score_weights"] for nlp in (original, explained)]
    assert {key: value for key, value in weights[1].items() if value is not None or key in weights[0]} == weights[0]


def test_explanations_name_the_component_and_follow_it(attached):
    component, _, after, _ = attached
    nlp = spacy.load(after)
    tagger = nlp.get_pipe("crf_tagger")
    assert tagger.explains == component
    assert nlp.get_pipe("influence").index.manifest.explains == tagger.explained["explains"]
    for doc in nlp.pipe([*TEXTS, ""]):
        assert doc._.seginf["explains"] == {"component": component}
        labels = [entry.label for entry in doc._.influencers]
        if component == "tagger":
            assert labels == [token.tag_ for token in doc]
            assert doc._.seginf["entities"] == []
        else:
            assert [label[2:] for label in labels] == [token.ent_type_ for token in doc]
            assert [ent._.influencers.label for ent in doc.ents] == [ent.label_ for ent in doc.ents]
        assert all(len(entry) for entry in doc._.influencers)


def test_features_are_the_components_own(attached, examples):
    component, before, after, _ = attached
    original, explained = spacy.load(before), spacy.load(after)
    doc = original(TEXTS[0])
    pipe = original.get_pipe(component)
    ours = encode(explained, explained.get_pipe("crf_tagger"), [explained.make_doc(TEXTS[0])])[0]
    if component == "tagger":
        theirs = pipe.model.get_ref("tok2vec").predict([doc])[0]
    else:  # follow the transition system step by step
        states = pipe.moves.init_batch([original.make_doc(TEXTS[0])] if not listening(original) else [unset(doc)])
        step = pipe.model.predict([doc])
        theirs = numpy.zeros_like(ours)
        for number in range(len(doc)):
            tokens = step.get_token_ids(states)
            theirs[number] = step.state2vec.predict(tokens)[0]
            pipe.transition_states(states, step.predict(states))
    numpy.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_head_begins_as_the_component(attached, examples):
    """Its scores are the component's own: the best of the tags that the component may choose is what it chose."""
    component, _, after, _ = attached
    nlp = spacy.load(after)
    tagger = nlp.get_pipe("crf_tagger")
    head = head_of(tagger.model)
    assert not head.transitions.any()
    for doc in nlp.pipe([*TEXTS, *(example.reference.text for example in examples)], disable=["influence"]):
        scores = head.emissions(tagger.encode([doc])[0])
        followed = [tagger.tags[tag] for tag in tagger.followed_tags(doc)]
        for number, (row, tag) in enumerate(zip(scores, followed)):
            last, inside = number == len(doc) - 1, tag[0] in "IL"
            kinds = ("L" if last else "IL") if inside else ("UO" if last else "BUO")
            possible = [n for n, name in enumerate(tagger.tags) if component == "tagger" or name[0] in kinds]
            if component == "ner" and inside:
                possible = [n for n in possible if tagger.tags[n][2:] == tag[2:]]
            assert tagger.tags[max(possible, key=lambda n: row[n])] == tag


def test_optimum_and_agreement(attached, corpus):
    """The head that explains is at its optimum, pulled towards the component's; the report counts what it predicts."""
    component, _, after, report = attached
    refit = report.indexed.refit
    assert refit.converged and refit.gradient <= 1e-8
    nlp = spacy.load(after)
    index, tagger = nlp.get_pipe("influence").index, nlp.get_pipe("crf_tagger")
    numpy.testing.assert_allclose(index.penalty.centre.packed, head_of(tagger.model).packed)
    assert numpy.abs(loss_and_gradient(index.data, index.head, index.penalty)[1]).max() < 1e-2  # float16 features
    texts = read_corpus(nlp, corpus, tagger.target)
    docs = list(nlp.pipe([text.example.predicted for text in texts], disable=["influence"]))
    agreement = refit.corpora["training"]
    entities = sum(len(doc) if component == "tagger" else len(doc.ents) for doc in docs)
    assert agreement.predicted == entities
    followed = numpy.concatenate([tagger.followed_tags(doc) for doc in docs])
    best = compare(tagger.scheme, index.data, followed, decode(tagger.scheme, index.data, index.penalty.centre))
    # Tags that are best together are not those of an untrained ner, which decides about one after another.
    assert agreement.share >= 0.98 * best.share > (0.9 if component == "tagger" else 0.4)
    assert agreement.predicted - agreement.shared == sum(agreement.missed.values())
    scores = nlp.evaluate([text.example for text in texts])
    assert agreement.score == pytest.approx(scores["tag_acc" if component == "tagger" else "ents_f"])


def test_the_pipeline_can_be_indexed_again(attached, corpus, tmp_path):
    component, _, after, _ = attached
    index(str(after), corpus, tmp_path / "again")
    assert spacy.load(tmp_path / "again")(TEXTS[0])._.seginf["explains"]["component"] == component


def test_it_does_not_train(attached, examples):
    component, _, after, _ = attached
    nlp = spacy.load(after)
    tagger = nlp.get_pipe("crf_tagger")
    for learn in (lambda: tagger.update(examples), lambda: tagger.initialize(lambda: examples)):
        with pytest.raises(ValueError, match=rf"\[S066\].*'crf_tagger'.*'{component}'.*seginf attach"):
            learn()


def test_component_that_did_not_run(attached):
    component, _, after, _ = attached
    with pytest.raises(ValueError, match=rf"\[S068\].*'{component}'"):
        spacy.load(after, exclude=[component])(TEXTS[0])


def test_unknown_prediction(attached):
    component, _, after, _ = attached
    nlp = spacy.load(after)
    tagger = nlp.get_pipe("crf_tagger")
    doc = Doc(nlp.vocab, words=["Bo"], tags=["NEW"], ents=["B-NEW"])
    with pytest.raises(ValueError, match=rf"\[S065\] Component '{component}' predicted the label 'NEW'"):
        tagger.followed_tags(doc)


def test_development_corpus_and_printing(examples, corpus, tmp_path):
    train(examples, "ner", "tagger", listening=True).to_disk(tmp_path / "before")
    arguments = ("seginf", "attach", tmp_path / "before", corpus, tmp_path / "after")
    code, printed = run(*arguments)
    assert code == 1 and "[S061]" in printed and "ner, tagger" in printed and not (tmp_path / "after").exists()
    code, printed = run(*arguments, "--component", "tagger", "--dev", corpus)
    assert code == 0
    agreement = spacy.load(tmp_path / "after").get_pipe("influence").index.manifest.agreement["development"]
    counts = f"{agreement['shared']:,} of the pipeline's {agreement['predicted']:,} predictions"
    flat = " ".join(printed.split())
    for words in (f"On the training corpus it predicts {counts}", f"On the development corpus it predicts {counts}"):
        assert words in flat
    assert run(*arguments, "-c", "tagger")[0] == 1  # exists
    code, printed = run("seginf", "explain", tmp_path / "after", TEXTS[0], "--html", tmp_path / "page.html")
    sentence = "The predictions are those of the component 'tagger', explained through a CRF head"
    assert code == 0 and sentence in printed and "visited NN" in printed
    assert "those of the component &#39;tagger&#39;" in (tmp_path / "page.html").read_text()
    assert run(*arguments, "-c", "tagger", "--force", "--quiet") == (0, "")


def test_choosing_a_component(examples):
    with pytest.raises(ValueError, match=r"\[S060\]"):
        find_component(spacy.blank("en"))
    with pytest.raises(ValueError, match=r"\[S063\].*'crf_tagger'.*seginf index"):
        find_component(make_tagger(examples))
    nlp = train(examples, "ner", "tagger", listening=True, steps=0)
    assert find_component(nlp, "ner") == "ner"
    with pytest.raises(ValueError, match=r"\[S062\].*'tok2vec'.*ner, tagger"):
        find_component(nlp, "tok2vec")
    nlp.disable_pipe("tagger")
    assert find_component(nlp) == "ner"


def test_labels_of_the_corpus(examples):
    tagger = add_tagger(train(examples, "ner", listening=False, steps=0), "ner")
    vocab = examples[0].reference.vocab
    for ents, code in ((["B-NEW"], "S064"), (["O"], "S070")):
        reference = Doc(vocab, words=["Bo"], ents=ents)
        with pytest.raises(ValueError, match=rf"\[{code}\].*some\.spacy"):
            check_labels(tagger, [TrainingText(Example(Doc(vocab, words=["Bo"]), reference), "1")], "some.spacy")


def test_a_model_without_an_encoder(examples):
    nlp = train(examples, "ner", listening=False, steps=0)
    nlp.get_pipe("ner").model.set_ref("tok2vec", None)
    with pytest.raises(ValueError, match=r"\[S067\].*'ner'"):
        add_tagger(nlp, "ner")


def test_single_document(examples, tmp_path):
    train(examples, "ner", listening=False).to_disk(tmp_path / "before")
    DocBin(docs=[examples[4].reference]).to_disk(tmp_path / "one.spacy")
    report = attach(str(tmp_path / "before"), tmp_path / "one.spacy", tmp_path / "after")
    assert report.indexed.documents == 1 and report.indexed.refit.converged


def test_settings_of_the_config_and_of_the_command(examples, corpus, tmp_path):
    nlp = train(examples, "ner", listening=False, steps=5)
    nlp.add_pipe("influence", config={"dtype": "float32", "curvature": "identity"})
    nlp.to_disk(tmp_path / "before")
    attach(str(tmp_path / "before"), corpus, tmp_path / "after", l2=3.0)
    after = spacy.load(tmp_path / "after")
    manifest, config = after.get_pipe("influence").index.manifest, after.config["components"]["influence"]
    assert (manifest.dtype, manifest.curvature, manifest.l2) == ("float32", "identity", 3.0)
    assert (config["dtype"], config["curvature"], config["l2"]) == ("float32", "identity", 3.0)


@pytest.mark.slow
def test_transformer(examples, corpus, tmp_path):
    """The head listens to the transformer that the component listens to."""
    write_encoder("bert", tmp_path / "encoder")
    nlp = spacy.blank("en")
    pooling = {"@layers": "reduce_mean.v1"}
    nlp.add_pipe("transformer", config={"model": {"name": str(tmp_path / "encoder")}})
    listener = {"@architectures": "spacy-transformers.TransformerListener.v1", "pooling": pooling}
    nlp.add_pipe("ner", config={"model": {**MODELS["ner"], "tok2vec": listener}})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.005
    for _ in range(20):
        nlp.update(examples, sgd=optimizer, drop=0.0)
    expected = predictions(nlp.pipe(TEXTS))
    nlp.to_disk(tmp_path / "before")
    report = attach(str(tmp_path / "before"), corpus, tmp_path / "after")
    assert report.indexed.refit.converged
    explained = spacy.load(tmp_path / "after")
    assert explained.get_pipe("transformer").listening_components == ["ner", "crf_tagger"]
    docs = list(explained.pipe(TEXTS))
    assert predictions(docs) == expected
    assert all(len(entry) for doc in docs for entry in doc._.influencers)


def test_tag_scheme():
    scheme = TagScheme(("NN", "O", "-"), "TAG")
    assert scheme.tags == ("NN", "O", "-") and scheme.mask is None
    allowed = scheme.allowed_tags(["-", "", "O", None])
    assert allowed.tolist() == [[False, False, True], [True] * 3, [False, True, False], [True] * 3]
    assert scheme.entities([0, 1, 2]) == []
    with pytest.raises(KeyError, match="X"):
        scheme.allowed_tags(["X"])


def test_tag_scheme_is_for_explaining():
    with pytest.raises(ValueError, match=r"\[S069\]"):
        spacy.blank("en").add_pipe("crf_tagger", config={"scheme": SCHEMES["tagger"]})


def test_white_space(attached):
    """Single tags begin and end nothing at blanks; entities do."""
    _, _, after, _ = attached
    doc = spacy.load(after)("Ada  Lind visited\n\nOsted .")
    assert len(doc._.influencers) == len(doc)

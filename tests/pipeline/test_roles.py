"""Semantic roles: the encoder is told the predicate, everywhere a text is read; one document for each predicate."""

import warnings

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.util import fix_random_seed, registry

from spacy_seginf import SeginfError, build_index, find_label_issues, find_roles, init_config, propositions
from spacy_seginf.api.apply import apply_decisions
from spacy_seginf.api.index_report import report_index
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.review.decide import Answer, decide
from spacy_seginf.tagger.encoding import read_as
from spacy_seginf.tagger.given import PropositionCorpus, give
from spacy_seginf.tagger.predicates import build_predicate_tok2vec, distance_classes

from ..conftest import TINY_TOK2VEC
from ..roles import MODEL, make_propositions, make_role_examples, make_roles_tagger, make_sentence


@pytest.fixture(scope="module")
def roles_path(tmp_path_factory):
    """A folder with a trained pipeline, its corpus and its index."""
    folder = tmp_path_factory.mktemp("roles")
    nlp = make_roles_tagger()
    nlp.add_pipe("influence", config={"families": 2, "explain": "entities"})
    nlp.config["corpora"]["train"] = {"@readers": "spacy_seginf.PropositionCorpus.v1", "path": None}
    nlp.to_disk(folder / "model")
    DocBin(docs=make_propositions(nlp.vocab), store_user_data=True).to_disk(folder / "train.spacy")
    build_index(str(folder / "model"), folder / "train.spacy", folder / "indexed", l2=1.0)
    return folder


def test_the_page_about_an_index_of_roles(roles_path, tmp_path):
    page = tmp_path / "page.html"
    train = roles_path / "train.spacy"
    found = report_index(str(roles_path / "indexed"), train, page)
    assert found.check.pairs and found.check.agreement.pearson > 0.9 and "Labels behind everything" in page.read_text()


def test_distances_from_the_predicate():
    doc = Doc(spacy.blank("en").vocab, words=["w"] * 16)
    doc.spans["predicate"] = [doc[2:4]]
    assert distance_classes(doc, "predicate").tolist() == [3, 4, 5, 5, 6, 7, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10]


def test_gradients_of_the_encoder_are_those_of_finite_differences():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    docs = [make_sentence(nlp.vocab, 0), Doc(nlp.vocab, words=["Ada", "left"]), Doc(nlp.vocab, words=[])]
    docs[0].spans["predicate"] = [docs[0][4:5]]
    docs[1].spans["predicate"] = [docs[1][1:2]]
    tok2vec = registry.resolve({"model": TINY_TOK2VEC})["model"]
    model = build_predicate_tok2vec(tok2vec, width=8, depth=1)
    model.initialize(X=docs)
    found, backprop = model(docs, True)
    generator = numpy.random.default_rng(0)
    weights = [generator.normal(size=one.shape).astype("float32") for one in found]
    backprop(weights)
    parameters = [(node, name) for node in model.walk() for name in ("E", "W") if node.has_param(name)]
    assert len(parameters) > 6
    for node, name in parameters:
        gradient, values = node.get_grad(name), node.get_param(name)
        place = numpy.unravel_index(numpy.abs(gradient).argmax(), gradient.shape)
        losses = []
        for sign in (1e-3, -1e-3):
            moved = values.copy()
            moved[place] += sign
            node.set_param(name, moved)
            losses.append(sum(float((a * b).sum()) for a, b in zip(model.predict(docs), weights)))
        node.set_param(name, values)
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-3, rel=0.05)


def test_roles_of_each_predicate_are_learned(roles_path):
    nlp = spacy.load(roles_path / "model")
    examples = list(PropositionCorpus(roles_path / "train.spacy")(nlp))
    assert nlp.evaluate(examples)["spans_roles_f"] == 1.0
    # The same words with the other predicate have other roles.
    doc = make_sentence(nlp.vocab, 5)
    ((found, parts),) = find_roles(nlp, [doc])
    assert found is doc and [part.spans["predicate"][0].start for part in parts] == [1, 4]
    wanted = make_sentence(nlp.vocab, 5)
    assert [(role.start, role.label_, role.id_) for role in doc.spans["roles"]] == [
        (role.start, role.label_, role.id_) for role in wanted.spans["roles"]
    ]


def test_roles_are_found_in_their_sentences(roles_path):
    nlp = spacy.load(roles_path / "model")
    first, second = make_sentence(nlp.vocab, 1), make_sentence(nlp.vocab, 2)
    words = [token.text for doc in (first, second) for token in doc]
    both = Doc(nlp.vocab, words=words, sent_starts=[token in (0, 7) for token in range(14)])
    both.spans["predicate"] = [both[place : place + 1] for place in (1, 4, 8, 11)]
    empty = Doc(nlp.vocab, words=["Nobody", "."])
    empty.spans["predicate"] = []
    found = list(find_roles(nlp, [both, empty], batch_size=1))
    assert [len(part) for part in found[0][1]] == [7] * 4 and found[1][1] == []
    wanted = [(role.start, role.label_, role.id_) for role in first.spans["roles"]]
    wanted += [(role.start + 7, role.label_, str(int(role.id_) + 7)) for role in second.spans["roles"]]
    assert [(role.start, role.label_, role.id_) for role in both.spans["roles"]] == wanted
    assert list(empty.spans["roles"]) == []


def test_the_second_reading_knows_the_predicate(roles_path):
    nlp, influence = load_indexed(str(roles_path / "indexed"))
    part = make_propositions(nlp.vocab)[1]  # the second predicate of its sentence
    asked = Doc(nlp.vocab, words=[token.text for token in part])
    give(["predicate"], part, asked)
    doc = nlp(asked)
    role = doc.spans["roles"][1]
    assert role._.probability > 0.5
    first = role._.influencers
    again = influence.explain(doc, role)
    assert [(one.doc_id, one.start) for one in again.supporting] == [
        (one.doc_id, one.start) for one in first.supporting
    ]
    assert again.probability == pytest.approx(first.probability, abs=1e-6)
    shown = next(family for family in first.account.families if family.supports)
    assert shown.label == role.label_
    index = influence.explainer().index
    tagger = nlp.get_pipe("crf_tagger")
    number = next(n for n, name in enumerate(index.data.lengths) if index.place(n, 0)[0] == part.user_data["id"])
    start = int(index.data.starts[number])
    (features,) = tagger.encode([asked])
    assert numpy.allclose(index.data.features[start : start + len(asked)], features, atol=1e-2)


def test_label_issues_of_roles_are_found_and_applied(roles_path, tmp_path):
    docs = make_propositions(spacy.blank("en").vocab)
    wrong = docs[7]
    wrong.spans["roles"] = [Span(wrong, span.start, span.end, label="A1") for span in wrong.spans["roles"]]
    train = tmp_path / "train.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(train)
    build_index(str(roles_path / "model"), train, tmp_path / "indexed", l2=1.0)
    ranking = find_label_issues(str(tmp_path / "indexed"), train, tmp_path / "issues.jsonl", top=5)
    issue = ranking.issues[0]
    assert issue.document == wrong.user_data["id"]
    assert (issue.current, issue.suggested) == ((Entity(0, 1, "A1"),), (Entity(0, 1, "A0"),))
    append_decisions(tmp_path / "decisions.jsonl", [decide(ranking, issue, Answer(issue.id, "accept"), "ann")])
    apply_decisions(train, tmp_path / "fixed.spacy", [tmp_path / "decisions.jsonl"], target="spans:roles")
    fixed = list(DocBin().from_disk(tmp_path / "fixed.spacy").get_docs(spacy.blank("en").vocab))
    assert [span.label_ for span in fixed[7].spans["roles"]] == ["A0", "A1"]
    assert [span.text for span in fixed[7].spans["predicate"]] == [span.text for span in wrong.spans["predicate"]]


def test_a_config_with_a_predicate_trains(tmp_path):
    config = init_config(tmp_path / "roles.cfg", target="spans:roles", predicate="predicate")
    assert config["corpora"]["train"]["@readers"] == "spacy_seginf.PropositionCorpus.v1"
    assert config["components"]["crf_tagger"]["model"]["tok2vec"]["key"] == "predicate"
    nlp = spacy.blank("en").from_config(spacy.util.load_config(tmp_path / "roles.cfg"))
    DocBin(docs=make_propositions(nlp.vocab), store_user_data=True).to_disk(tmp_path / "train.spacy")
    reader = PropositionCorpus(tmp_path / "train.spacy", limit=4)
    examples = list(reader(nlp))
    assert len(examples) == 4
    optimizer = nlp.initialize(lambda: examples)
    losses = [nlp.update(examples, sgd=optimizer)["crf_tagger"] for _ in range(8)]
    assert losses[-1] < 0.8 * losses[0]


def test_a_listener_is_told_the_predicate():
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": TINY_TOK2VEC["width"]}
    model = {**MODEL, "tok2vec": {**MODEL["tok2vec"], "tok2vec": listener}}
    nlp.add_pipe("crf_tagger", config={"model": model, "target": "spans:roles"})
    examples = make_role_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    losses = [nlp.update(examples, sgd=optimizer)["crf_tagger"] for _ in range(15)]
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("count", [0, 2])
def test_a_text_needs_one_predicate(roles_path, count):
    nlp = spacy.load(roles_path / "model")
    doc = nlp.make_doc("Ada paid Bo and hired Mira .")
    if count:
        doc.spans["predicate"] = [doc[1:2], doc[4:5]]
    with pytest.raises(SeginfError, match="S312"):
        nlp(doc)
    if not count:
        with pytest.raises(SeginfError, match="S312"):
            propositions(doc)


def test_roles_without_a_predicate_are_refused():
    doc = make_sentence(spacy.blank("en").vocab, 0)
    doc.spans["roles"] = [Span(doc, 0, 1, label="A0", span_id="2")]
    with pytest.raises(SeginfError, match=r"S313.*'2'"):
        propositions(doc)
    other = make_sentence(spacy.blank("en").vocab, 0)
    cut = Doc(other.vocab, words=[token.text for token in other], sent_starts=[True, *[False] * 3, True, False, False])
    cut.spans["predicate"] = [cut[4:5]]
    cut.spans["roles"] = [Span(cut, 0, 1, label="A0")]
    with pytest.raises(SeginfError, match=r"S313.*sentence"):
        propositions(cut)


def test_methods_and_strangers_read_the_predicate_of_training_texts(roles_path, tmp_path):
    # What an index makes of its texts anew: a method that runs the encoder on them, and other pipelines.
    method = {"@misc": "spacy_seginf.TracInWE.v1"}
    nlp = spacy.load(roles_path / "indexed", config={"components": {"influence": {"method": method}}})
    doc = make_propositions(nlp.vocab)[0]
    asked = Doc(nlp.vocab, words=[token.text for token in doc])
    give(["predicate"], doc, asked)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # prepared anew
        assert nlp(asked).spans["roles"][0]._.influencers.supporting
    ranking = find_label_issues(
        str(roles_path / "indexed"), roles_path / "train.spacy", tmp_path / "i.jsonl", opinion=str(roles_path / "model")
    )
    assert ranking.issues
    index = nlp.get_pipe("influence").index
    assert [index.given_spans(number)[0][0] for number in range(2)] == ["predicate"] * 2


def test_other_tokens_keep_the_predicate():
    nlp = spacy.blank("en")
    words = ["Ada", "can't", "pay", "Mr", ".", "Lind", "."]
    doc = Doc(nlp.vocab, words=words, spaces=[True] * 3 + [False, True, False, False])
    doc.spans["predicate"] = [doc[2:3]]
    read = nlp.make_doc(doc.text)
    assert len(read) == len(doc) and read[2].text != "pay"
    give(["predicate"], doc, read)
    assert [span.text for span in read.spans["predicate"]] == ["pay"]


def test_propositions_keep_tokens_and_what_is_known():
    nlp = spacy.blank("en")
    doc = Doc(nlp.vocab, words=["Ada-Lind", "paid", "Bo", "and", "left", "."], user_data={"id": "a", "note": 1})
    doc.spans["predicate"] = [doc[1:2], doc[4:5]]
    doc.spans["roles"] = [Span(doc, 0, 1, label="A0", span_id=4)]  # a number, too
    doc.spans["roles"].attrs["missing"] = (2,)
    doc.spans["incorrect_spans"] = [Span(doc, 2, 3, label="A0", span_id="1"), Span(doc, 3, 4, label="A1")]
    first, second = propositions(doc)
    assert first.has_unknown_spaces and first.user_data["note"] == 1 and first.user_data["id"] == "a/1"
    assert [len(part.spans["roles"]) for part in (first, second)] == [0, 1]
    assert [len(part.spans["incorrect_spans"]) for part in (first, second)] == [2, 1]
    assert first.spans["roles"].attrs["missing"] == (2,)
    assert [token.text for token in read_as(nlp, first)] == [token.text for token in doc]


def test_what_can_have_no_roles_is_refused(roles_path):
    nlp = spacy.load(roles_path / "model")
    doc = Doc(nlp.vocab, words=["Ada", "paid", "Bo", "Mira"], sent_starts=[True, False, True, False])
    for spans in ([doc[1:3]], [doc[1:2], doc[1:2]], [doc[2:2]]):
        doc.spans["predicate"] = spans
        with pytest.raises(SeginfError, match="S314"):
            propositions(doc)
    doc.spans["predicate"] = [doc[1:2]]
    with pytest.raises(SeginfError, match=r"S315.*'other'"):
        list(find_roles(nlp, [doc], roles="other"))
    with pytest.raises(ValueError, match="E913"):
        PropositionCorpus(None)


def test_documents_that_fail_are_left_out(roles_path):
    nlp = spacy.load(roles_path / "model")
    nlp.set_error_handler(lambda *_: None)
    nlp.batch_size = 1  # a whole batch is left out
    good, bad = make_sentence(nlp.vocab, 0), make_sentence(nlp.vocab, 1)
    tagger = nlp.get_pipe("crf_tagger")
    predict = tagger.predict

    def failing(docs):
        if any(doc[0].text == bad[0].text and doc[2].text == bad[2].text for doc in docs):
            raise ValueError("no")
        return predict(docs)

    tagger.predict = failing
    found = dict(find_roles(nlp, [bad, good]))
    assert not found[bad] and not bad.spans["roles"]
    assert [part.user_data["id"] for part in found[good]] == ["text-0/1", "text-0/4"]


def test_batches_without_tokens():
    nlp = spacy.blank("en")
    model = build_predicate_tok2vec(registry.resolve({"model": TINY_TOK2VEC})["model"], width=8, depth=1)
    docs = [make_sentence(nlp.vocab, 0)]
    docs[0].spans["predicate"] = [docs[0][1:2]]
    model.initialize(X=docs)
    assert model.predict([]) == []
    found, backprop = model([Doc(nlp.vocab, words=[])], True)
    assert found[0].shape == (0, 8)
    backprop(found)

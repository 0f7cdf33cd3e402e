"""The influence component: what it attaches to documents, and how it behaves in a pipeline."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_seginf.crf import segment_conditional

from ..conftest import TEXTS, copy_pipeline, make_examples, make_tagger, read_annotated
from .oracle import Oracle, tags_of

SENTENCES = [
    "Ada Lind visited Osted United on Monday .",
    "Shares of Harrow Bank rose in Tarnby .",
    "Bo ran .",
    "The mayor of Pelham Bay met Veltra and Norvik Steel .",
]


@pytest.fixture(scope="module")
def nlp(indexed_path):
    """One indexed pipeline for the tests that do not change it."""
    return spacy.load(indexed_path)


@pytest.fixture(scope="module", params=["indexed_path", "exact_path"], ids=["paper", "exact"])
def either(request):
    """Indexed pipelines in the paper's mode and with default settings, for the tests that do not change them."""
    return spacy.load(request.getfixturevalue(request.param))


@pytest.fixture(scope="module")
def oracle(nlp, train_examples):
    return Oracle(nlp, train_examples)


def summary(doc):
    """What people read off a document, without the last digits."""
    entries = [*doc._.influencers, *(ent._.influencers for ent in doc.ents)]
    return [
        (entry.text, entry.label, [(ref.doc_id, ref.start, ref.text, ref.label) for ref in entry]) for entry in entries
    ]


def assert_nothing_left(nlp, doc):
    """Features that wait for an explanation are neither on a document nor anywhere else."""
    assert not doc.user_hooks
    assert nlp.get_pipe("crf_tagger").handover.read(doc) is None


def effects(doc):
    entries = [*doc._.influencers, *(ent._.influencers for ent in doc.ents)]
    return numpy.array([ref.effect for entry in entries for ref in entry])


def assert_same(left, right):
    assert summary(left) == summary(right)
    numpy.testing.assert_allclose(effects(left), effects(right), rtol=1e-4, atol=1e-5)


# What is attached


def test_one_entry_per_token(nlp):
    doc = nlp(SENTENCES[0])
    entries = doc._.influencers
    assert [entry.text for entry in entries] == [token.text for token in doc]
    assert [entry.label for entry in entries] == tags_of(doc)
    assert [(entry.start_char, entry.end_char) for entry in entries] == [
        (token.idx, token.idx + len(token)) for token in doc
    ]
    assert all(0.0 < entry.probability <= 1.0 for entry in entries)
    assert all(0 < entry.rows_seen <= 296 for entry in entries)


@pytest.mark.parametrize("text", SENTENCES)
def test_signs_and_order(nlp, text):
    for entry in nlp(text)._.influencers:
        supporting, opposing = ([ref.effect for ref in side] for side in (entry.supporting, entry.opposing))
        assert supporting == sorted(supporting, reverse=True)
        assert opposing == sorted(opposing)
        assert supporting and opposing
        assert min(supporting) > 0 > max(opposing)
        assert len(supporting) <= 5 and len(opposing) <= 5
        assert [ref.effect for ref in entry] == supporting + opposing
        assert len(entry) == len(supporting) + len(opposing)


def test_references_say_where_they_come_from(nlp, train_examples):
    sources = {example.reference.user_data["id"]: example.reference for example in train_examples}
    checked = 0
    for entry in nlp(SENTENCES[0])._.influencers:
        for ref in entry:
            doc = sources[ref.doc_id]
            assert ref.text == doc[ref.start : ref.end].text
            assert ref.label == tags_of(doc)[ref.start]
            assert ref.context in doc.text
            assert "".join(ref.context_parts) == ref.context
            assert ref.context_parts[1] == ref.text
            assert ref.influence == -ref.effect
            assert ref.supports == (ref.effect > 0)
            assert ref.relation == ("supports" if ref.effect > 0 else "opposes")
            assert ref.relation in repr(ref) and ref.doc_id in repr(ref)
            checked += 1
    assert checked > 40


@pytest.mark.parametrize("text", SENTENCES)
def test_tokens_equal_brute_force(nlp, oracle, text):
    doc = nlp(text)
    gradients = oracle.gradients(doc, tags_of(doc))
    for entry, gradient in zip(doc._.influencers, gradients):
        oracle.check(entry, gradient, 5)


def test_entities_equal_brute_force_with_the_sum_of_their_tokens(nlp, oracle):
    checked = 0
    for text in SENTENCES:
        doc = nlp(text)
        gradients = oracle.gradients(doc, tags_of(doc))
        for ent in doc.ents:
            oracle.check(ent._.influencers, gradients[ent.start : ent.end].sum(axis=0), 5)
            tagger = nlp.get_pipe("crf_tagger")
            rows = tagger.encode([nlp.make_doc(text)])
            scores = tagger.model.get_ref("output_layer").predict(rows)
            labels = numpy.array([tagger.tags.index(tag) for tag in tags_of(doc)])
            expected = segment_conditional(scores.emissions, scores.transitions, labels, ent.start, ent.end)
            assert ent._.influencers.probability == pytest.approx(numpy.exp(expected), rel=1e-5)
            assert ent._.influencers.label == ent.label_
            checked += len(ent) > 1
    assert checked >= 3


def test_more_references_than_training_tokens(indexed_nlp, oracle):
    indexed_nlp.get_pipe("influence").top_k = 1000
    doc = indexed_nlp("Ada Lind left .")
    gradients = oracle.gradients(doc, tags_of(doc))
    for entry, gradient in zip(doc._.influencers, gradients):
        scores = oracle.scores(gradient)
        surely = sum(abs(score) > 1e-9 for score in scores.values())
        assert surely <= len(entry) <= len(scores)
        assert entry.rows_seen == len(scores)


def test_token_and_span_views_agree(nlp):
    doc = nlp(SENTENCES[0])
    for token, entry in zip(doc, doc._.influencers):
        assert repr(token._.influencers) == repr(entry)
        assert [*map(repr, token._.influencers)] == [*map(repr, entry)]
        if not token.ent_type_:
            assert [*map(repr, doc[token.i : token.i + 1]._.influencers)] == [*map(repr, entry)]
    ent = doc.ents[0]
    assert [*map(repr, doc[ent.start : ent.end]._.influencers)] == [*map(repr, ent._.influencers)]
    with pytest.raises(ValueError, match=r"\[S021\]"):
        _ = doc[2:2]._.influencers


def test_any_span_is_explained_when_it_is_asked_for(nlp):
    doc, component = nlp(SENTENCES[0]), nlp.get_pipe("influence")
    assert [*map(repr, doc[1:3]._.influencers)] == [*map(repr, component.explain(doc, doc[1:3]))]
    missed = Span(doc, 1, 3, label="ORG")
    assert [*map(repr, missed._.influencers)] == [*map(repr, component.explain(doc, doc[1:3], "ORG"))]
    assert missed._.influencers.label == "B-ORG I-ORG"
    with pytest.raises(ValueError, match=r"\[S029\].*BANK"):
        _ = Span(doc, 1, 3, label="BANK")._.influencers
    other = Doc(Vocab(strings=nlp.vocab.strings)).from_bytes(doc.to_bytes())
    with pytest.raises(ValueError, match=r"\[S021\].*'Lind visited' \(tokens 1 to 3\).*explain\(doc, span, labels\)"):
        _ = other[1:3]._.influencers


def test_a_training_sentence_finds_itself(nlp):
    number = 11
    words, _ = read_annotated(TEXTS[number])
    doc = nlp(Doc(nlp.vocab, words=words))
    found = {ref.doc_id for entry in doc._.influencers for ref in entry.supporting}
    assert f"news-{number}" in found
    itself = [entry for entry in doc._.influencers if entry.supporting[0].doc_id == f"news-{number}"]
    assert itself


@pytest.mark.parametrize("text", ["", " ", "\n\n", " \t\u2003 "])
def test_empty_and_blank_documents(either, text):
    doc = either(text)
    assert [entry.text for entry in doc._.influencers] == [token.text for token in doc]
    assert_nothing_left(either, doc)


def test_a_batch_of_empty_documents_and_others(either):
    docs = list(either.pipe(["", SENTENCES[0], "", SENTENCES[2], ""]))
    assert [len(doc._.influencers) for doc in docs] == [0, 8, 0, 3, 0]
    assert_same(docs[1], either(SENTENCES[0]))


# The same answer, however it is asked for


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batches_give_what_single_documents_give(either, batch_size):
    texts = [*SENTENCES, *("".join(part) for part in zip(SENTENCES, SENTENCES[::-1]))]
    for doc in either.pipe(texts, batch_size=batch_size):
        assert_same(doc, either(doc.text))


def test_order_of_documents(either):
    forwards, backwards = list(either.pipe(SENTENCES)), list(either.pipe(SENTENCES[::-1]))
    for left, right in zip(forwards, backwards[::-1]):
        assert left.text == right.text
        assert_same(left, right)


def test_more_tokens_than_one_search_takes(either):
    text = " ".join(SENTENCES)
    docs = list(either.pipe([text] * 30, batch_size=30))
    assert sum(len(doc) for doc in docs) > 512
    assert len(docs) == 30
    for doc in docs[::7]:
        assert_same(doc, either(text))


def test_worker_processes(either):
    docs = list(either.pipe(SENTENCES, n_process=2, batch_size=1))
    assert [doc.text for doc in docs] == SENTENCES
    for doc in docs:
        assert_same(doc, either(doc.text))


def test_one_encoder_pass(indexed_nlp):
    encoder = indexed_nlp.get_pipe("crf_tagger").model.get_ref("tok2vec")
    forward, seen = encoder._func, []

    def counting(model, docs, is_train):
        seen.extend(doc.text for doc in docs)
        return forward(model, docs, is_train)

    encoder._func = counting
    indexed_nlp(SENTENCES[0])
    assert seen == SENTENCES[:1]
    list(indexed_nlp.pipe(SENTENCES))
    assert seen == [SENTENCES[0], *SENTENCES]


# Documents that travel


@pytest.mark.parametrize(
    "travel",
    [
        lambda doc: Doc(doc.vocab).from_bytes(doc.to_bytes()),
        lambda doc: next(DocBin(docs=[doc], store_user_data=True).get_docs(doc.vocab)),
        lambda doc: pickle.loads(pickle.dumps(doc)),
        lambda doc: doc.copy(),
    ],
    ids=["bytes", "DocBin", "pickle", "copy"],
)
def test_explanations_travel_with_the_document(either, travel):
    for text in (SENTENCES[0], ""):
        doc = either(text)
        arrived = travel(doc)
        assert summary(arrived) == summary(doc)
        assert effects(arrived).tolist() == effects(doc).tolist()
        assert [entry.probability for entry in arrived._.influencers] == [
            entry.probability for entry in doc._.influencers
        ]


def test_what_is_stored_is_plain(either):
    def kinds(value):
        if isinstance(value, dict):
            return set().union({dict}, *map(kinds, value), *map(kinds, value.values()))
        if isinstance(value, list):
            return set().union({list}, *map(kinds, value))
        return {type(value)}

    assert kinds(either(SENTENCES[0])._.seginf) <= {dict, list, str, int, float, bool, type(None)}


def test_a_document_cut_out_of_another_is_not_explained(either):
    """Offsets start anew there: 'Bob' must not show what was found for 'Ada'."""
    cut = either("Ada Bob Cat")[1:].as_doc(copy_user_data=True)
    with pytest.raises(ValueError, match=r"\[S02[02]\]"):
        _ = cut[0]._.influencers


def test_merging_entities_afterwards(indexed_nlp, nlp):
    indexed_nlp.add_pipe("merge_entities")
    doc, plain = indexed_nlp(SENTENCES[0]), nlp(SENTENCES[0])
    assert doc[0].text == "Ada Lind"
    visited = next(token for token in doc if token.text == "visited")
    assert visited.i == 1
    assert [*map(repr, visited._.influencers)] == [*map(repr, plain[2]._.influencers)]
    assert [*map(repr, doc[-1]._.influencers)] == [*map(repr, plain[-1]._.influencers)]
    with pytest.raises(ValueError, match=r"\[S022\].*'Ada Lind' at character 0"):
        _ = doc[0]._.influencers
    with pytest.raises(ValueError, match=r"\[S022\]"):
        _ = doc._.influencers
    assert [*map(repr, doc.ents[0]._.influencers)] == [*map(repr, plain.ents[0]._.influencers)]


def test_splitting_a_token_afterwards(nlp):
    doc, plain = nlp(SENTENCES[2]), nlp(SENTENCES[2])
    with doc.retokenize() as retokenizer:
        retokenizer.split(doc[1], ["r", "an"], heads=[(doc[1], 1), doc[0]])
    for token in doc[1:3]:
        with pytest.raises(ValueError, match=r"\[S022\]"):
            _ = token._.influencers
    assert [*map(repr, doc[3]._.influencers)] == [*map(repr, plain[2]._.influencers)]


# Pipelines without an index, and without a search


def test_without_an_index_it_is_inert_and_warns_once(unsure_nlp):
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("influence")
    with pytest.warns(UserWarning) as caught:
        docs = [nlp(SENTENCES[0]), *nlp.pipe(SENTENCES), nlp("")]
    assert [str(warning.message)[:6] for warning in caught] == ["[W001]"]
    for doc in docs:
        assert_nothing_left(nlp, doc)
        with pytest.raises(ValueError, match=r"\[S020\]"):
            _ = doc._.influencers
        doc.to_bytes()
    with pytest.raises(ValueError, match=r"\[S020\]"):
        _ = docs[0][0]._.influencers
    with pytest.raises(ValueError, match=r"\[S020\]"):
        _ = docs[0][0:2]._.influencers


def test_evaluate_skips_the_search(indexed_nlp, unsure_nlp):
    assert all(doc._.influencers for doc in indexed_nlp.pipe(SENTENCES))
    examples = make_examples(TEXTS[:5], indexed_nlp.vocab)
    scores = indexed_nlp.evaluate(examples, batch_size=2)
    expected = unsure_nlp.evaluate(make_examples(TEXTS[:5], unsure_nlp.vocab))
    assert scores["ents_f"] == pytest.approx(expected["ents_f"])
    assert scores["ents_f"] > 0.5
    for example in examples:
        assert_nothing_left(indexed_nlp, example.predicted)
        with pytest.raises(ValueError, match=r"\[S020\]"):
            _ = example.predicted._.influencers
    assert all(doc._.influencers for doc in indexed_nlp.pipe(SENTENCES))


def test_evaluate_of_an_inert_component_does_not_warn(unsure_nlp):
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("influence")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        nlp.evaluate(make_examples(TEXTS[:3], nlp.vocab))


def test_the_search_is_back_after_a_failed_evaluation(indexed_nlp):
    with pytest.raises((TypeError, ValueError, AttributeError)):
        indexed_nlp.evaluate(["no example"])
    assert indexed_nlp(SENTENCES[0])._.influencers


def test_paused(indexed_nlp):
    with indexed_nlp.get_pipe("influence").paused():
        silent = indexed_nlp(SENTENCES[0])
    with pytest.raises(ValueError, match=r"\[S020\]"):
        _ = silent._.influencers
    assert_nothing_left(indexed_nlp, silent)
    assert indexed_nlp(SENTENCES[0])._.influencers


def test_a_disabled_component_leaves_nothing_behind(indexed_nlp):
    with indexed_nlp.select_pipes(disable="influence"):
        docs = [indexed_nlp(SENTENCES[0]), *indexed_nlp.pipe(SENTENCES)]
    for doc in docs:
        assert not doc.user_data
        assert_nothing_left(indexed_nlp, doc)
        doc.to_bytes()
    docs = [indexed_nlp(SENTENCES[0]), *indexed_nlp.pipe(SENTENCES)]
    for doc in docs:
        assert_nothing_left(indexed_nlp, doc)
        assert doc._.influencers


def test_a_removed_component_leaves_nothing_behind(indexed_nlp):
    indexed_nlp.remove_pipe("influence")
    assert not indexed_nlp(SENTENCES[0]).user_data


# Errors


def explain_with(nlp, indexed_path, *, before=None, **config):
    """Add an influence component that has the index of another pipeline."""
    nlp.add_pipe("influence", config=config, before=before)
    nlp.get_pipe("influence").load_index(indexed_path / "influence" / "index")
    return nlp


def test_index_of_a_retrained_head(unsure_nlp, indexed_path, train_examples):
    nlp = explain_with(copy_pipeline(unsure_nlp), indexed_path)
    head = nlp.get_pipe("crf_tagger").model.get_ref("output_layer")
    transitions = head.get_param("T").copy()
    transitions[0, 0] += 1e-4
    head.set_param("T", transitions)
    with pytest.raises(ValueError, match=r"\[S025\].*the tagger's head differs"):
        nlp(SENTENCES[0])


def test_index_of_a_retrained_encoder(unsure_nlp, indexed_path):
    nlp = explain_with(copy_pipeline(unsure_nlp), indexed_path)
    encoder = nlp.get_pipe("crf_tagger").model.get_ref("tok2vec")
    node = next(node for node in encoder.walk() if node.has_param("E"))
    node.set_param("E", node.get_param("E") + 1e-4)
    with pytest.raises(ValueError, match=r"\[S025\].*the encoder differs"):
        nlp(SENTENCES[0])


def test_index_of_another_list_of_labels(train_examples, indexed_path):
    nlp = explain_with(make_tagger(train_examples, scheme="IO"), indexed_path)
    with pytest.raises(ValueError, match=r"\[S025\].*the list of labels differs"):
        next(nlp.pipe(SENTENCES))


def test_index_of_a_pipeline_that_was_trained_further(unsure_nlp, indexed_path, train_examples):
    nlp = copy_pipeline(unsure_nlp)
    nlp.update(make_examples(TEXTS[:3], nlp.vocab), sgd=nlp.resume_training())
    explain_with(nlp, indexed_path)
    with pytest.raises(ValueError, match=r"\[S025\]"):
        nlp(SENTENCES[0])


def test_training_after_explaining(unsure_nlp, indexed_path, train_examples):
    nlp = explain_with(copy_pipeline(unsure_nlp), indexed_path)
    nlp(SENTENCES[0])
    nlp.update(make_examples(TEXTS[:3], nlp.vocab), sgd=nlp.resume_training())
    with pytest.raises(ValueError, match=r"\[S025\]"):
        nlp(SENTENCES[0])


def test_the_same_pipeline_may_have_the_index(unsure_nlp, indexed_path, nlp):
    doc = explain_with(copy_pipeline(unsure_nlp), indexed_path, unit="token")(SENTENCES[0])
    assert_same(doc, nlp(SENTENCES[0]))


def test_missing_tagger(unsure_nlp, indexed_path):
    nlp = explain_with(copy_pipeline(unsure_nlp), indexed_path, tagger="ner")
    with pytest.raises(ValueError, match=r"\[S023\].*'ner'.*crf_tagger"):
        nlp(SENTENCES[0])


def test_a_tagger_of_another_kind(unsure_nlp, indexed_path):
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("sentencizer")
    explain_with(nlp, indexed_path, tagger="sentencizer")
    with pytest.raises(ValueError, match=r"\[S024\].*'sentencizer' is a Sentencizer"):
        nlp(SENTENCES[0])


def test_influence_before_its_tagger(unsure_nlp, indexed_path):
    nlp = explain_with(copy_pipeline(unsure_nlp), indexed_path, before="crf_tagger")
    with pytest.raises(ValueError, match=r"\[S026\]"):
        nlp(SENTENCES[0])
    with pytest.raises(ValueError, match=r"\[S026\]"):
        list(nlp.pipe(SENTENCES))


def test_a_disabled_tagger(indexed_nlp):
    with indexed_nlp.select_pipes(disable="crf_tagger"), pytest.raises(ValueError, match=r"\[S026\]"):
        indexed_nlp(SENTENCES[0])


@pytest.mark.parametrize(
    "config,message",
    [
        ({"curvature": "diagonal"}, r"\[S028\].*'diagonal'.*exact, kfac, identity"),
        ({"unit": "span"}, r"\[S028\].*unit.*'span'.*entity, token"),
        ({"refine": -1}, r"\[S028\].*refine.*-1.*at least 0"),
        ({"top_k": 0}, r"\[S028\].*top_k.*0.*at least 1"),
        ({"context": -1}, r"\[S028\].*context.*-1.*at least 0"),
    ],
)
def test_settings_out_of_range(config, message):
    with pytest.raises(ValueError, match=message):
        spacy.blank("en").add_pipe("influence", config=config)


@Language.component("test_replace_some")
def replace_some(doc):
    """Break the explanation of some documents: the tagger has not seen these."""
    return doc[:].as_doc() if doc.text.startswith("Broken") else doc


@pytest.mark.parametrize("batch_size", [1, 100])
def test_a_failing_document_is_the_only_one_lost(indexed_nlp, batch_size):
    failed = []
    indexed_nlp.add_pipe("test_replace_some", before="influence")
    indexed_nlp.set_error_handler(lambda name, component, docs, error: failed.append((name, [*docs], str(error))))
    texts = [SENTENCES[0], "Broken one .", SENTENCES[1], SENTENCES[2], "Broken two .", SENTENCES[3]]
    docs = list(indexed_nlp.pipe(texts, batch_size=batch_size))
    assert [doc.text for doc in docs] == SENTENCES
    assert [(name, [doc.text for doc in lost], message[:6]) for name, lost, message in failed] == [
        ("influence", ["Broken one ."], "[S026]"),
        ("influence", ["Broken two ."], "[S026]"),
    ]
    for doc in docs:
        assert len(doc._.influencers) == len(doc)
        assert_nothing_left(indexed_nlp, doc)


def test_a_failing_document_raises_by_default(indexed_nlp):
    indexed_nlp.add_pipe("test_replace_some", before="influence")
    with pytest.raises(ValueError, match=r"\[S026\]"):
        list(indexed_nlp.pipe([SENTENCES[0], "Broken ."]))
    with pytest.raises(ValueError, match=r"\[S026\]"):
        indexed_nlp("Broken .")
    assert indexed_nlp(SENTENCES[0])._.influencers


SENTENCE = "Ada Lind visited Tarnby ."


def test_an_index_that_is_exchanged_lets_its_files_go(exact_nlp, exact_path):
    influence = exact_nlp.get_pipe("influence")
    exact_nlp(SENTENCE)
    held = Path("/proc/self/fd")
    if not held.exists():
        pytest.skip("what a process holds is read off /proc")
    counts = []
    for _ in range(4):
        influence.load_index(exact_path / "influence" / "index")
        doc = exact_nlp(SENTENCE)
        assert all(ent._.influencers.account is not None for ent in doc.ents)
        counts.append(sum(1 for _ in held.iterdir()))
    assert counts[-1] <= counts[0]

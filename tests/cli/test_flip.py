"""`python -m spacy seginf flip` and ``Influence.flip``: labels that change a prediction, confirmed by refits."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
import spacy

import spacy_seginf
from spacy_seginf import SeginfError
from spacy_seginf.api.index import build_index
from spacy_seginf.crf.decoding import limits_of
from spacy_seginf.explanation.flip_candidates import alternatives_of
from spacy_seginf.indexing.fidelity import decode
from spacy_seginf.rendering.text import change_in_words

from ..conftest import TEXTS, copy_pipeline, make_examples
from ..influence.fixtures import EXACT
from .running import run

TEXT = "Ada Lind left Pelham Bay ."


@pytest.fixture(scope="module")
def trained_path(tagger_nlp, tmp_path_factory):
    path = tmp_path_factory.mktemp("flip") / "model"
    copy_pipeline(tagger_nlp).to_disk(path)
    return path


@pytest.fixture(scope="module")
def indexed(trained_path, corpus_path, tmp_path_factory):
    """An index whose head is the one that labels alone make."""
    path = tmp_path_factory.mktemp("flip") / "indexed"
    build_index(str(trained_path), corpus_path, path, **vars(EXACT))
    return path


@pytest.fixture(scope="module")
def nlp(indexed):
    return spacy.load(indexed)


def refit(influence, doc, found):
    """What the head decodes once the labels of a set are taken away or changed, named by document and token."""
    explainer = influence.explainer()
    effects, index, scheme = explainer.label_effects, explainer.index, influence.find_tagger().scheme
    numbers = {index.place(number, 0)[0]: number for number in range(index.manifest.documents)}
    segments = [
        (numbers[one.reference["document"]], one.reference["start"], one.reference["end"]) for one in found.labels
    ]
    if found.by == "removing":
        change = effects.without(segments)
    else:
        tags = [
            dict(alternatives_of(scheme, end - start))[one.label]
            for (_, start, end), one in zip(segments, found.labels)
        ]
        change = effects.relabelled(segments, numpy.concatenate(tags))
    step, fit = effects.refit(change)
    assert fit.converged
    data, _, _ = influence.query(doc, doc)
    return scheme.entities(decode(scheme, data, effects.head.moved(step[0]), limits_of(scheme, [doc], [()])).tolist())


@pytest.mark.parametrize("by", ["removing", "relabelling"])
def test_what_is_shown_flips(nlp, by):
    doc, influence = nlp(TEXT), nlp.get_pipe("influence")
    assert [ent.label_ for ent in doc.ents] == ["PER", "LOC"]
    for ent in doc.ents:
        found = influence.flip(doc, ent, by=by)
        assert found.found and found.labels and found.head == found.label == ent.label_
        assert found.tried == len(found.labels) <= 60
        assert (ent.start, ent.end, ent.label_) not in refit(influence, doc, found)
        assert all((one.label is None) == (by == "removing") for one in found.labels)
        assert all(one.label != one.reference["label"] for one in found.labels)
        assert "verified by refit" in found.summary and found.becomes in found.summary
        assert found.known > len(found.labels)


def test_to_a_label(nlp):
    doc, influence = nlp(TEXT), nlp.get_pipe("influence")
    place = doc.ents[1]
    for label in ("ORG", "O"):
        found = influence.flip(doc, place, to=label, by="relabelling")
        assert found.found and found.becomes == found.to == label
        decoded = refit(influence, doc, found)
        assert (place.start, place.end, label) in decoded or label == "O"
        assert label == "ORG" or not any(start < place.end and place.start < end for start, end, _ in decoded)


def test_a_missed_entity(nlp):
    """Tokens outside of all entities become one; those of an unknown word here."""
    doc, influence = nlp("It rained in Nowhere all night ."), nlp.get_pipe("influence")
    outside = doc[3]
    assert outside.text == "Nowhere" and not outside.ent_type_
    found = influence.flip(doc, outside, to="LOC", by="relabelling")
    assert found.label == "O" and found.becomes == "LOC"
    assert (outside.i, outside.i + 1, "LOC") in refit(influence, doc, found)


def test_a_budget_ends_the_search(nlp):
    doc, influence = nlp(TEXT), nlp.get_pipe("influence")
    found = influence.flip(doc, doc.ents[0], budget=2)
    assert not found.found and not found.labels
    assert "Nothing was found" in found.summary and "(--budget)" in found.summary
    assert f"with {found.tried} label" in found.summary and found.becomes in found.summary
    few = influence.flip(doc, doc.ents[0], most=1)
    assert few.tried == 1 and "(--most)" in few.summary and "with 1 label removed it is PER" in few.summary
    assert few.after < few.before and change_in_words(few.before, few.after) in few.summary
    none = replace(few, tried=0, after=few.before)
    assert "no other label" in none.summary and change_in_words(none.before, none.before) in none.summary


def test_all_that_is_something_else_is_asked_to_become_a_label(indexed, nlp):
    """What is predicted as the label already is left out, wherever it stands in the text."""
    for text, label, asked in (
        ("Ada Lind left Pelham Bay .", "LOC", ["Ada Lind"]),
        ("Ada Lind left Pelham Bay .", "PER", ["Pelham Bay"]),
        ("Ada Lind left Pelham Bay .", "O", ["Ada Lind", "Pelham Bay"]),
        ("Ada Lind left .", "PER", []),
    ):
        found = spacy_seginf.flip(str(indexed), text, to=label, budget=4)
        assert [one.text for one in found] == asked
        assert all(one.to == label != one.label for one in found)
    code, printed = run("seginf", "flip", indexed, "Ada Lind left .", "--to", "PER")
    assert code == 0 and "No entities but PER were predicted" in printed
    code, printed = run("seginf", "flip", indexed, "It rained .", "--to", "XYZ")
    assert code == 1 and "[S271]" in printed


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"to": "XYZ"}, "S271"),
        ({"to": "PER"}, "S272"),
        ({"by": "wishing"}, "S206"),
        ({"budget": 0}, "S273"),
        ({"most": 0}, "S273"),
    ],
)
def test_what_can_not_be_asked(nlp, settings, code):
    doc = nlp(TEXT)
    with pytest.raises(SeginfError) as error:
        nlp.get_pipe("influence").flip(doc, doc.ents[0], **settings)
    assert error.value.code == code


def test_part_of_an_entity(nlp):
    doc = nlp(TEXT)
    with pytest.raises(SeginfError, match=r"S029.*other boundaries.*PER.*influence\.explain"):
        nlp.get_pipe("influence").flip(doc, doc[0:1])


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"refit": False}, "S270"), ({"curvature": "identity"}, "S270"), ({"keep": 0.5}, "S035")],
)
def test_indexes_that_can_not_refit(trained_path, corpus_path, tmp_path, settings, code):
    build_index(str(trained_path), corpus_path, tmp_path / "indexed", **{**vars(EXACT), **settings})
    printed = run("seginf", "flip", tmp_path / "indexed", TEXT)
    assert printed[0] == 1 and f"[{code}]" in printed[1]


def test_printed(indexed):
    code, printed = run("seginf", "flip", indexed, TEXT, "--by", "relabelling", "--span", "Pelham Bay")
    assert code == 0
    for words in (
        "Pelham Bay LOC",
        "verified by refit",
        "training label",
        "to ",
        "news-",
        "encoder has seen",
        "cheapest way",
    ):
        assert words in printed
    assert "Ada Lind PER" not in printed
    code, printed = run("seginf", "flip", indexed, "It rained .")
    assert code == 0 and "--span" in printed
    code, printed = run("seginf", "flip", indexed, TEXT, "--span", "Pelham Ba")
    assert code == 1 and "[S274]" in printed


def test_from_python(indexed):
    found = spacy_seginf.flip(str(indexed), TEXT, by="relabelling")
    assert [one.text for one in found] == ["Ada Lind", "Pelham Bay"]
    assert all(one.found for one in found)


def test_words_for_what_was_found_and_tried(nlp):
    doc = nlp(TEXT)
    found = nlp.get_pipe("influence").flip(doc, doc.ents[0], by="relabelling")
    shared = "in the best of all readings of the text"
    assert shared in replace(found, to="ORG", before=0.0, after=0.07).summary
    assert shared not in replace(found, to="ORG", before=0.0, after=0.7).summary
    assert "the best reading of the whole text is then another" in replace(found, to=None, after=0.6).summary
    for count, words in ((0, "none came near it by prediction."), (7, "7 came near it by prediction, and were tried.")):
        told = replace(found, no_single=True, singles_tried=count, no_pair=True, pairs_tried=count).summary
        assert told.count(words) == 2


def test_a_head_that_says_something_else(model_path, corpus_path, tmp_path):
    """The head that labels alone make is right where the half-trained pipeline is wrong: that is said, and nothing is
    searched."""
    build_index(str(model_path), corpus_path, tmp_path / "indexed", **{**vars(EXACT), "centre": "trained"})
    nlp = spacy.load(tmp_path / "indexed")
    influence = nlp.get_pipe("influence")
    wrong = []
    for example in make_examples(TEXTS, nlp.vocab):
        doc, gold = nlp(example.predicted), example.reference.ents
        right = {(ent.start, ent.end, ent.label_) for ent in gold}
        wrong += [(doc, ent) for ent in doc.ents if (ent.start, ent.end, ent.label_) not in right]
    assert wrong
    doc, ent = wrong[0]
    found = influence.flip(doc, ent)
    assert found.label == ent.label_ != found.head and not found.found and found.moves == 0
    assert f"predicts {found.head} already" in found.summary and "`seginf check`" in found.summary
    printed = run("seginf", "check", tmp_path / "indexed")[1]
    shared = influence.index.manifest.agreement["training"]["labels_alone"]
    assert f"the head of labels alone, which accounts and flips ask, {shared:,}" in printed
    ours = {
        (one.start, one.end, one.label_, number)
        for number, example in enumerate(make_examples(TEXTS, nlp.vocab))
        for one in nlp(example.predicted).ents
    }
    assert 0 < shared < len(ours)
    assert 0 <= found.before == found.after <= 1
    if found.head in influence.find_tagger().labels:
        asked = influence.flip(doc, ent, to=found.head)
        assert asked.head == asked.to and not asked.found and f"predicts {found.head} already" in asked.summary

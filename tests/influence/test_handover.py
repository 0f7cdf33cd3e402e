"""From tagger to explainer: several of them in a pipeline, in any order, and nothing that stays behind."""

from __future__ import annotations

import copy
import gc
import itertools
import pickle

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.index import build_index as index
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.tagger.handover import Handover

from ..conftest import TEXTS, make_examples, make_tagger

TEXT = "Mira Solano left Harrow Bank in Osted ."
ORDERS = [  # in which taggers come before their explainers
    order
    for order in itertools.permutations(["places", "people", "why_places", "why_people"])
    if all(order.index(name) < order.index(f"why_{name}") for name in ("people", "places"))
]


def only(label):
    """The corpus with the entities of one type."""
    others = [other for other in ("PER", "LOC", "ORG") if other != label]
    texts = []
    for text in TEXTS:
        pieces = text.split("[")
        for number, piece in enumerate(pieces[1:], start=1):
            name, rest = piece.split("]/")
            keep = not any(rest.startswith(other) for other in others)
            pieces[number] = f"[{name}]/{rest}" if keep else name + rest[3:]
        texts.append("".join(pieces))
    return texts


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two explained pipelines, one for people and one for places."""
    room = tmp_path_factory.mktemp("two")
    for name, label in (("people", "PER"), ("places", "LOC")):
        examples = make_examples(only(label))
        nlp = make_tagger(examples, steps=8)
        nlp.rename_pipe("crf_tagger", name)
        nlp.add_pipe("influence", name=f"why_{name}", config={"tagger": name})
        nlp.to_disk(room / f"{name}-model")
        DocBin(docs=[example.reference for example in examples], store_user_data=True).to_disk(room / f"{name}.spacy")
        index(str(room / f"{name}-model"), room / f"{name}.spacy", room / name, l2=1.0)
    return {name: room / name for name in ("people", "places")}


@pytest.fixture
def pipelines(folders):
    return {name: spacy.load(folder) for name, folder in folders.items()}


def merged(pipelines, order):
    nlp = spacy.blank("en")
    for name in order:
        nlp.add_pipe(name, source=pipelines["people" if "people" in name else "places"])
    return nlp


def told(entries):
    return [
        (entry.text, entry.label, round(entry.probability, 6), [(r.row, round(r.effect, 6)) for r in entry])
        for entry in entries
    ]


def waiting(tagger):
    return len(tagger.handover._waiting)


@pytest.mark.parametrize("order", ORDERS, ids=" ".join)
def test_each_explains_its_own_tagger(pipelines, order):
    alone = {f"why_{name}": told(nlp(TEXT)._.influencers) for name, nlp in pipelines.items()}
    assert alone["why_people"] != alone["why_places"]
    nlp = merged(pipelines, order)
    for doc in (nlp(TEXT), *nlp.pipe([TEXT, TEXT])):
        assert told(doc._.influencers) == alone[order[-1]]
        for name, expected in alone.items():
            assert told(doc._.influencers_of(name)) == expected
            assert told(token._.influencers_of(name) for token in doc) == expected
        for ent in doc.ents:
            assert ent._.influencers_of("why_people" if ent.label_ == "PER" else "why_places").label == ent.label_
        with pytest.raises(ValueError, match=r"\[S187\].*'why_nobody'.*why_p"):
            doc._.influencers_of("why_nobody")
        assert not doc.user_hooks and not any(waiting(nlp.get_pipe(name)) for name in ("people", "places"))
        arrived = next(DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab))
        assert told(arrived._.influencers_of("why_people")) == alone["why_people"]


def test_a_document_that_is_read_again_has_each_explanation_once(pipelines):
    nlp = merged(pipelines, ["places", "people", "why_places", "why_people"])
    doc = nlp(nlp(TEXT))
    assert set(doc._.seginf["others"]) == {"why_places"} and doc._.seginf["component"] == "why_people"
    with nlp.select_pipes(enable=["people", "why_people"]):
        doc = nlp(doc)
    assert set(doc._.seginf["others"]) == {"why_places"}


def test_a_failure_leaves_no_earlier_explanation(pipelines):
    nlp = pipelines["people"]
    doc = nlp(TEXT)
    nlp.set_error_handler(lambda *arguments: None)
    with nlp.select_pipes(disable="people"):
        assert nlp(doc)._.seginf is None


def test_two_explainers_of_one_tagger(folders):
    nlp = spacy.load(folders["people"])
    nlp.add_pipe("influence", name="by_token", config={"tagger": "people", "unit": "token"})
    nlp.get_pipe("by_token").load_index(folders["people"] / "why_people" / "index")
    doc = nlp(TEXT)
    assert told(doc._.influencers_of("why_people")) == told(spacy.load(folders["people"])(TEXT)._.influencers)
    assert all(r.end == r.start + 1 for entry in doc._.influencers for r in entry)
    assert not waiting(nlp.get_pipe("people"))


@Language.component("test_raise")
def raise_error(doc):
    raise ValueError("stop")


@pytest.mark.parametrize("way", ["select_pipes", "disable_pipe", "exclude", "remove_pipe", "alone", "disable", "none"])
def test_nothing_is_left_on_documents(pipelines, folders, way):
    """A pipeline whose explainer does not run leaves what one without it does."""
    full = pipelines["people"]
    bare = spacy.load(folders["people"], exclude=["why_people"])
    expected = len(pickle.dumps(bare(TEXT)))
    nlp, settings = full, {}
    if way == "select_pipes":
        nlp.select_pipes(disable="why_people")
    elif way == "disable_pipe":
        nlp.disable_pipe("why_people")
    elif way == "exclude":
        nlp = spacy.load(folders["people"], disable=["why_people"])
    elif way == "remove_pipe":
        nlp.remove_pipe("why_people")
    elif way == "alone":
        nlp = spacy.blank("en")
        nlp.add_pipe("people", source=full)
    elif way == "disable":
        settings = {"disable": ["why_people"]}
    else:
        nlp.get_pipe("why_people").unload_index()
        nlp.get_pipe("why_people")._warned = True
    for docs in ([nlp(TEXT, **settings)], list(nlp.pipe([TEXT] * 3, **settings))):
        for doc in docs:
            assert not doc.user_hooks and not doc.user_data
            assert len(pickle.dumps(doc)) == expected
            assert doc.to_bytes() == bare(TEXT).to_bytes()
    del docs, doc
    gc.collect()
    assert not waiting(nlp.get_pipe("people"))  # nor in memory, when the documents are gone


def test_only_who_reads_is_waited_for(pipelines):
    nlp = pipelines["people"]
    tagger = nlp.get_pipe("people")
    with nlp.select_pipes(disable="why_people"):
        doc = nlp(TEXT)
        assert tagger.handover.read(doc) is None
    with nlp.get_pipe("why_people").paused():
        doc = nlp(TEXT)
        assert tagger.handover.read(doc) is None
    nlp.add_pipe("test_raise", after="people")
    doc = nlp.make_doc(TEXT)
    with pytest.raises(ValueError, match="stop"):
        nlp(doc)
    del doc
    gc.collect()
    assert not waiting(tagger)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda nlp: pickle.loads(pickle.dumps(nlp))], ids=["copy", "pickle"])
def test_copies_of_a_pipeline(pipelines, copied):
    nlp = pipelines["people"]
    expected = told(nlp(TEXT)._.influencers)
    twin = copied(nlp)
    assert told(twin(TEXT)._.influencers) == expected
    assert told(nlp(TEXT)._.influencers) == expected
    assert not waiting(twin.get_pipe("people")) and not waiting(nlp.get_pipe("people"))


def test_a_later_prediction_takes_the_place_of_an_earlier_one():
    class Reader:
        pass

    handover, doc, readers = Handover(), Doc(spacy.blank("en").vocab, words=["a"]), [Reader(), Reader()]
    handover.leave(doc, "first", readers)
    handover.leave(doc, "second", readers)
    assert handover.read(doc) == "second"
    handover.done(doc, readers[0])
    assert handover.read(doc) == "second"
    handover.done(doc, readers[1])
    assert handover.read(doc) is None
    handover.leave(doc, "third", readers)
    handover.leave(doc, "fourth", [])
    assert handover.read(doc) is None
    handover.done(doc, readers[0])


# `seginf index` with several taggers


def test_index_asks_which_tagger(pipelines, folders, tmp_path):
    nlp = spacy.blank("en")
    for name in ("people", "places"):
        nlp.add_pipe(name, source=pipelines[name])
    nlp.to_disk(tmp_path / "both")
    corpus = folders["places"].with_name("places.spacy")
    with pytest.raises(ValueError, match=r"\[S188\].*people, places.*--tagger"):
        index(str(tmp_path / "both"), corpus, tmp_path / "out")
    with pytest.raises(ValueError, match=r"\[S189\].*'dates'.*people, places"):
        index(str(tmp_path / "both"), corpus, tmp_path / "out", tagger="dates")
    assert not (tmp_path / "out").exists()
    index(str(tmp_path / "both"), corpus, tmp_path / "out", tagger="places", l2=1.0)
    index(str(tmp_path / "out"), folders["people"].with_name("people.spacy"), tmp_path / "two", tagger="people", l2=1.0)
    again = spacy.load(tmp_path / "two")
    assert again.pipe_names == ["people", "influence_people", "places", "influence"]
    doc = again(TEXT)
    assert told(doc._.influencers_of("influence")) == told(pipelines["places"](TEXT)._.influencers)
    assert told(doc._.influencers_of("influence_people")) == told(pipelines["people"](TEXT)._.influencers)
    with pytest.raises(ValueError, match=r"\[S188\]"):
        index(str(tmp_path / "two"), corpus, tmp_path / "third")


def test_append_asks_whose_index_grows(pipelines, folders, tmp_path):
    nlp = spacy.blank("en")
    for name in ("people", "places"):
        nlp.add_pipe(name, source=pipelines[name])
        nlp.add_pipe(f"why_{name}", source=pipelines[name])
    nlp.to_disk(tmp_path / "both")
    corpus = folders["people"].with_name("people.spacy")
    with pytest.raises(ValueError, match=r"\[S260\].*why_people, why_places.*--component"):
        append(str(tmp_path / "both"), corpus, tmp_path / "more")
    with pytest.raises(ValueError, match=r"\[S261\].*'places'.*why_people, why_places"):
        append(str(tmp_path / "both"), corpus, tmp_path / "more", component="places")
    append(str(tmp_path / "both"), corpus, tmp_path / "more", component="why_people")
    more = spacy.load(tmp_path / "more")
    held = [more.get_pipe(f"why_{name}").index.manifest.held_documents for name in ("people", "places")]
    assert held[0] > 0 and held[1] == 0
    with pytest.warns(UserWarning, match=r"\[W070\].*'why_places'"):
        load_indexed(str(tmp_path / "more"))

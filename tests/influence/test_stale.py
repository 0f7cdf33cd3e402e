"""What is shown is of the present prediction, encoder and index, or says that it is not."""

from __future__ import annotations

import shutil
from itertools import combinations

import pytest
import spacy
from spacy.tokens import Span

from spacy_seginf import render_document as render
from spacy_seginf.api.explain import explain
from spacy_seginf.api.index import build_index as index
from spacy_seginf.explanation.extensions import STORED
from spacy_seginf.explanation.terminal import render_terminal
from spacy_seginf.index.index import Index
from spacy_seginf.tagger.fingerprint import encoder_fingerprint, encoder_stamp

from ..conftest import TEXTS, copy_pipeline, make_examples
from .fixtures import save_in_the_papers_mode

TEXT = "Mira Solano left Harrow Bank in Osted ."


@pytest.fixture
def doc(exact_nlp):
    doc = exact_nlp(TEXT)
    assert len(doc.ents) > 1
    return doc


def relabel(doc, number, label="GPE", start=0, end=0):
    """Do what a later component may do: give an entity another label, or other boundaries."""
    ents = list(doc.ents)
    ent = ents[number]
    ents[number] = Span(doc, ent.start + start, ent.end + end, label=label or ent.label_)
    doc.ents = ents
    return doc.ents[number]


def shown(doc, ent):
    """Everything that is shown of an entity."""
    entry = ent._.influencers
    return [repr(entry), entry._repr_html_(), render_terminal([entry], doc._.get(STORED)), render(doc, jupyter=False)]


def test_another_label(doc):
    before = doc.ents[0]._.influencers
    ent = relabel(doc, 0)
    entry = ent._.influencers
    assert (entry.text, entry.label, entry.probability) == (ent.text, "GPE", None)
    assert not len(entry) and not entry.supporting and not entry.opposing and entry.rows_seen == 0
    for text in shown(doc, ent):
        assert "Not explained" in text
    html = render(doc, jupyter=False)
    assert html.count("<summary") == len(doc.ents)  # the others, and what figures are
    same = relabel(doc, 0, before.label)  # and back
    assert repr(same._.influencers) == repr(before) and "Not explained" not in render(doc, jupyter=False)


def test_other_boundaries_and_new_entities(doc):
    last = len(doc) - 1
    doc.ents = [*doc.ents, Span(doc, last, last + 1, label="ORG")]
    ent = doc.ents[-1]
    assert ent._.influencers.label == "ORG" and ent._.influencers.unexplained
    assert doc[last : last + 1]._.influencers.label == "O"  # without a label: what the tagger said of the token
    moved = relabel(doc, 0, None, end=-1 if len(doc.ents[0]) > 1 else 1)
    for text in [*shown(doc, moved), *shown(doc, ent)]:
        assert "Not explained" in text


def test_a_pipeline_with_a_ruler_behind_it(exact_path, tmp_path, capsys):
    nlp = spacy.load(exact_path)
    ruler = nlp.add_pipe("entity_ruler", config={"overwrite_ents": True})
    ruler.add_patterns([{"label": "GPE", "pattern": "Osted"}, {"label": "VERB", "pattern": "left"}])
    nlp.to_disk(tmp_path / "ruled")
    doc = explain(str(tmp_path / "ruled"), TEXT, html=tmp_path / "page.html")
    assert {"GPE", "VERB"} <= {ent.label_ for ent in doc.ents}
    for text in (capsys.readouterr().out, (tmp_path / "page.html").read_text(), render(doc, page=True, jupyter=False)):
        assert "Not explained" in text and "GPE" in text


# Encoders


def nudge_in_place(nlp):
    node = next(node for node in nlp.get_pipe("crf_tagger").model.walk() if node.has_param("E"))
    node.get_param("E")[7, 3] += 1e-4


def nudge_by_setting(nlp):
    node = [node for node in nlp.get_pipe("crf_tagger").model.get_ref("tok2vec").walk() if node.has_param("b")][-1]
    node.set_param("b", node.get_param("b") + 1e-4)


def exchange_numbers_in_place(nlp):
    """Then the sum stays, and the place in memory."""
    node = [node for node in nlp.get_pipe("crf_tagger").model.get_ref("tok2vec").walk() if node.has_param("W")][-1]
    weights = node.get_param("W")
    weights[...] = weights[::-1].copy()


def learn_but_for_the_head(nlp):
    tagger = nlp.get_pipe("crf_tagger")
    head = tagger.model.get_ref("output_layer")
    kept = {name: head.get_param(name).copy() for name in head.param_names}
    nlp.update(make_examples(TEXTS[:3], nlp.vocab), sgd=nlp.resume_training())
    for name, value in kept.items():
        head.set_param(name, value)


def replace_encoder(nlp):
    tagger = nlp.get_pipe("crf_tagger")
    before = tagger.model.get_ref("tok2vec")
    after = before.copy()
    node = next(node for node in after.walk() if node.has_param("E"))
    node.set_param("E", node.get_param("E") * 1.001)
    tagger.model.replace_node(before, after)


def exchange_two_layers(nlp):
    """Then the same numbers are there, elsewhere."""
    layers = [node for node in nlp.get_pipe("crf_tagger").model.get_ref("tok2vec").walk() if node.has_param("E")]
    one, other = next((a, b) for a, b in combinations(layers, 2) if a.get_param("E").shape == b.get_param("E").shape)
    kept = one.get_param("E").copy()
    one.set_param("E", other.get_param("E").copy())
    other.set_param("E", kept)


@pytest.mark.parametrize(
    "change",
    [
        *(nudge_in_place, nudge_by_setting, exchange_numbers_in_place, learn_but_for_the_head, replace_encoder),
        exchange_two_layers,
    ],
    ids=lambda f: f.__name__,
)
def test_an_encoder_that_changed_after_first_use(exact_path, change):
    nlp = spacy.load(exact_path)
    influence = nlp.get_pipe("influence")
    doc = nlp(TEXT)
    influence.explain(doc, doc.ents[0])
    change(nlp)
    for ask in (
        lambda: nlp(TEXT),
        lambda: list(nlp.pipe([TEXT])),
        lambda: influence.explain(doc, doc.ents[0]),
        lambda: influence.best_changes(doc, doc.ents[0], "ORG"),
    ):
        with pytest.raises(ValueError, match=r"\[S025\].*the encoder differs"):
            ask()


def test_an_encoder_that_changed_back(exact_path):
    nlp = spacy.load(exact_path)
    before = [repr(entry) for entry in nlp(TEXT)._.influencers]
    node = next(node for node in nlp.get_pipe("crf_tagger").model.walk() if node.has_param("E"))
    kept = node.get_param("E").copy()
    nudge_in_place(nlp)
    with pytest.raises(ValueError, match=r"\[S025\]"):
        nlp(TEXT)
    node.set_param("E", kept)
    assert [repr(entry) for entry in nlp(TEXT)._.influencers] == before


def test_the_fingerprint_is_not_computed_anew(exact_path, monkeypatch):
    """Of large encoders it would take seconds."""
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return encoder_fingerprint(*arguments)

    monkeypatch.setattr("spacy_seginf.explanation.index_holder.encoder_fingerprint", counted)
    nlp = spacy.load(exact_path)
    for _ in range(3):
        doc = nlp(TEXT)
        nlp.get_pipe("influence").explain(doc, doc.ents[0])
    assert len(calls) == 1


def test_stamps_of_torch_modules(unsure_nlp):
    """Torch counts changes in place; what reaches around that is seen in the numbers."""
    import torch
    from thinc.api import PyTorchWrapper, chain

    nlp = copy_pipeline(unsure_nlp)
    module = torch.nn.Linear(32, 32)
    tagger = nlp.get_pipe("crf_tagger")
    encoder = tagger.model.get_ref("tok2vec")
    tagger.model.replace_node(encoder, chain(encoder.copy(), PyTorchWrapper(module)))
    stamps = [encoder_stamp(nlp, "crf_tagger")]
    assert encoder_stamp(nlp, "crf_tagger") == stamps[0]
    with torch.no_grad():
        module.weight[3, 5] += 1e-3
    stamps.append(encoder_stamp(nlp, "crf_tagger"))
    module.weight.data -= 1e-3
    stamps.append(encoder_stamp(nlp, "crf_tagger"))
    module.weight.data = module.weight.data.clone()
    stamps.append(encoder_stamp(nlp, "crf_tagger"))
    assert len(set(stamps)) == 4


# Indexes


@pytest.fixture(scope="module")
def other_index(unsure_nlp, tmp_path_factory):
    """An index of the same model over another corpus: the same head, no refit."""
    from spacy.tokens import DocBin

    room = tmp_path_factory.mktemp("other")
    path = save_in_the_papers_mode(unsure_nlp, room / "model")
    docs = [example.reference for example in make_examples(TEXTS[:12])]
    DocBin(docs=docs, store_user_data=True).to_disk(room / "train.spacy")
    index(str(path), room / "train.spacy", room / "indexed")
    return room / "indexed" / "influence" / "index"


def assign(influence, folder):
    influence.index = Index(folder)


def load(influence, folder):
    influence.load_index(folder)


def from_disk(influence, folder):
    influence.from_disk(folder.parent)


def from_bytes(influence, folder):
    twin = spacy.blank("en").add_pipe("influence")
    twin.load_index(folder)
    influence.from_bytes(twin.to_bytes())


@pytest.mark.parametrize("put", [assign, load, from_disk, from_bytes], ids=lambda f: f.__name__)
def test_another_index_in_its_place(indexed_path, other_index, put, tmp_path):
    nlp = spacy.load(indexed_path)
    shutil.copytree(indexed_path, tmp_path / "fresh")
    shutil.rmtree(tmp_path / "fresh" / "influence")
    shutil.copytree(other_index.parent, tmp_path / "fresh" / "influence")
    expected = nlp.get_pipe("influence").explainer(), [[r.row for r in e] for e in nlp(TEXT)._.influencers]
    put(nlp.get_pipe("influence"), other_index)
    fresh = spacy.load(tmp_path / "fresh")(TEXT)._.influencers
    found = nlp(TEXT)._.influencers
    assert [[(r.row, r.effect, r.doc_id) for r in e] for e in found] == [
        [(r.row, r.effect, r.doc_id) for r in e] for e in fresh
    ]
    assert [[r.row for r in e] for e in found] != expected[1]
    assert nlp.get_pipe("influence").explainer() is not expected[0]

"""The binary format: untouched documents stay equal, whatever they hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf.corpora.binary import BinaryCorpus
from spacy_seginf.corpora.documents import Replacement
from spacy_seginf.crf.schemes import Entity

from .making import documents, expected_entities, read_binary, regions, write_binary


def entities_of(doc):
    return [Entity(entity.start, entity.end, entity.label_) for entity in doc.ents]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.lists(documents(), min_size=1, max_size=3))
def test_regions_hold_what_they_should(data, texts):
    with tempfile.TemporaryDirectory() as folder:
        path = write_binary(Path(folder) / "train.spacy", texts)
        corpus = BinaryCorpus(path)
        assert [(list(one.words), list(one.entities)) for one in corpus.documents] == [text[:2] for text in texts]
        assert [one.identifier for one in corpus.documents] == [f"train:{n}" for n in range(1, len(texts) + 1)]
        changes = {n: data.draw(regions(len(words), entities)) for n, (words, entities, _) in enumerate(texts)}
        replacements = {
            number: [Replacement(start, end, tuple(held)) for start, end, held in found]
            for number, found in changes.items()
        }
        before = read_binary(path)
        path.write_bytes(corpus.corrected(replacements))
        after = read_binary(path)
        for number, (words, entities, _) in enumerate(texts):
            assert entities_of(after[number]) == expected_entities(entities, changes[number])
            assert [token.text for token in after[number]] == words
            if not changes[number]:
                assert after[number].to_bytes() == before[number].to_bytes()


def rich_doc(vocab):
    doc = Doc(vocab, words=["Ada", "Lind", "left", "Osted"], spaces=[True, True, True, False])
    doc.ents = [Span(doc, 0, 2, label="PER", kb_id="Q1", span_id="one"), Span(doc, 3, 4, label="LOC", kb_id="Q2")]
    doc.spans["notes"] = [Span(doc, 0, 1, label="NOTE")]
    doc.cats = {"news": 0.5}
    doc.user_data.update({"id": "a", "file": "train.conll", "lines": [3, 4, 5, 7], "more": {"x": (1, 2)}})
    for token, tag in zip(doc, ["NNP", "NNP", "VBD", "NNP"]):
        token.tag_ = tag
    return doc


def test_everything_else_is_kept(tmp_path):
    path = tmp_path / "rich.spacy"
    vocab = spacy.blank("en").vocab
    attributes = ["ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID", "TAG", "LEMMA"]
    docs = [rich_doc(vocab), Doc(vocab, words=[]), rich_doc(vocab)]
    docs[2].user_data["id"] = "b"
    DocBin(docs=docs, store_user_data=True, attrs=attributes).to_disk(path)
    corpus = BinaryCorpus(path)
    assert corpus.documents[0].file == "train.conll"
    assert corpus.documents[0].lines == (3, 4, 5, 7)
    before = read_binary(path)
    path.write_bytes(corpus.corrected({2: [Replacement(0, 4, (Entity(0, 2, "PER"), Entity(3, 4, "ORG")))]}))
    after = read_binary(path)
    assert [doc.to_bytes() for doc in before[:2]] == [doc.to_bytes() for doc in after[:2]]
    assert [(one.text, one.label_, one.kb_id_, one.id_) for one in after[2].ents] == [
        ("Ada Lind", "PER", "Q1", "one"),
        ("Osted", "ORG", "", ""),
    ]
    assert after[2].user_data == before[2].user_data
    assert [token.tag_ for token in after[2]] == ["NNP", "NNP", "VBD", "NNP"]
    assert [(span.text, span.label_) for span in after[2].spans["notes"]] == [("Ada", "NOTE")]
    assert after[2].cats == {"news": 0.5} and after[2].text == "Ada Lind left Osted"


def test_missing_annotation_is_kept_outside_regions(tmp_path):
    doc = Doc(spacy.blank("en").vocab, words=["Ada", "Lind", "left"], ents=["", "", "O"])
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    corpus = BinaryCorpus(tmp_path / "a.spacy")
    assert corpus.documents[0].missing == (0, 1)
    (tmp_path / "a.spacy").write_bytes(corpus.corrected({0: [Replacement(1, 2, (Entity(1, 2, "PER"),))]}))
    assert [token.ent_iob_ for token in read_binary(tmp_path / "a.spacy")[0]] == ["", "B", "O"]


@pytest.mark.parametrize("lines", [[1, 2], "12", ["a", "b", "c"], [True, True, True], [], None, 4])
def test_lines_that_are_none(tmp_path, lines):
    doc = Doc(spacy.blank("en").vocab, words=["Ada", "Lind", "left"], ents=["O", "O", "O"])
    doc.user_data["lines"] = lines
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    document = BinaryCorpus(tmp_path / "a.spacy").documents[0]
    assert document.lines == () and document.line(1) == 0


def test_a_file_without_entities(tmp_path):
    DocBin(docs=[rich_doc(spacy.blank("en").vocab)], attrs=["TAG"]).to_disk(tmp_path / "a.spacy")
    with pytest.raises(ValueError, match=r"\[S207\] .*a\.spacy does not store entities \(its attributes are ORTH, TAG"):
        BinaryCorpus(tmp_path / "a.spacy")

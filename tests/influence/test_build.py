"""Building an index directly from examples."""

from __future__ import annotations

import pytest
from spacy.tokens import Doc
from spacy.training import Example

from spacy_seginf.influence.build import build_index, read_corpus
from spacy_seginf.influence.index import Index

from ..conftest import make_examples


def test_empty_documents_are_counted_and_have_no_rows(unsure_nlp, tmp_path):
    """Also where a whole batch is empty: ids without a name of their own keep counting."""
    vocab = unsure_nlp.vocab
    docs = [Doc(vocab, words=["Hello"], ents=["O"]), *(Doc(vocab) for _ in range(150))]
    docs += [Doc(vocab, words=["Good", "bye"], ents=["O", "O"]), Doc(vocab)]
    examples = [Example(Doc(vocab, words=[token.text for token in doc]), doc) for doc in docs]
    report = build_index(unsure_nlp, "crf_tagger", examples, tmp_path, corpus="gaps.spacy")
    index = Index(tmp_path)
    assert {index.place(row) for row in range(len(index))} == {("gaps:1", 0), ("gaps:152", 0), ("gaps:152", 1)}
    assert (report.rows, report.tokens) == (3, 3)
    words = {index.reference(row)["text"]: index.reference(row)["context"] for row in range(len(index))}
    assert words == {"Hello": "Hello ", "Good": "Good bye ", "bye": "Good bye "}


def test_a_build_that_fails_half_way_leaves_no_manifest(unsure_nlp, tmp_path):
    examples = make_examples(["[Ada]/PER left ."] * 100 + ["[Monday]/DATE came ."], unsure_nlp.vocab)
    with pytest.raises(ValueError, match=r"\[S003\].*'DATE'"):
        build_index(unsure_nlp, "crf_tagger", examples, tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    with pytest.raises(ValueError, match=r"\[S030\]"):
        Index(tmp_path)


def test_strange_texts_of_a_corpus(unsure_nlp, tmp_path):
    words = ["\U0001d518\U0001d52b\U0001d526", "e\u0301lan", "שלום", "x\u202ey", "a\x00b", "x" * 5000]
    doc = Doc(unsure_nlp.vocab, words=words, ents=["B-PER", "I-PER", "O", "O", "B-ORG", "O"])
    doc.user_data["id"] = "strange \ud83d \u202e"
    example = Example(Doc(unsure_nlp.vocab, words=words), doc)
    build_index(unsure_nlp, "crf_tagger", [example], tmp_path / "index")
    index = Index(tmp_path / "index")
    for row in range(len(index)):
        identifier, token = index.place(row)
        assert identifier == "strange \ud83d \u202e"
        assert index.reference(row)["text"] == words[token]


def test_progress_sees_every_document(unsure_nlp, train_examples, tmp_path):
    seen = []

    def progress(examples, total):
        for example in examples:
            seen.append(total)
            yield example

    build_index(unsure_nlp, "crf_tagger", list(train_examples), tmp_path, progress=progress)
    assert seen == [len(train_examples)] * len(train_examples)


def test_read_corpus_keeps_ids_and_annotation(unsure_nlp, corpus_path, train_examples):
    examples = read_corpus(unsure_nlp, corpus_path)
    for read, original in zip(examples, train_examples):
        assert read.reference.user_data["id"] == original.reference.user_data["id"]
        assert [(ent.text, ent.label_) for ent in read.reference.ents] == [
            (ent.text, ent.label_) for ent in original.reference.ents
        ]
    assert len(examples) == len(train_examples)

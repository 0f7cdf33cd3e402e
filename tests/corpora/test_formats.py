"""Formats are told by name, and one corpus is the same in all of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacy_seginf.corpora.formats import format_of, read_annotated
from spacy_seginf.curation.records import corpus_digest

from .making import documents, write_corpus


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a.spacy", "spacy"),
        ("eng.train.conll", "columns"),
        ("a.TXT", "columns"),
        ("a.tsv", "columns"),
        ("a.jsonl", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
        ("a.gz", None),
        ("a.csv", None),
        ("spacy", None),
    ],
)
def test_names(name, expected):
    assert format_of(Path(name)) == expected


@settings(max_examples=20, deadline=None)
@given(st.lists(documents(), min_size=1, max_size=3))
def test_one_corpus_is_the_same_in_every_format(texts):
    assume(any(not word.startswith("#") for words, *_ in texts for word in words))  # else it is asked what they are
    with tempfile.TemporaryDirectory() as folder:
        digests = set()
        for name in ("train.spacy", "train.conll", "train.jsonl", "train.jsonl.gz"):
            corpus = read_annotated(write_corpus(Path(folder) / name, texts))
            digests.add(corpus_digest((one.identifier, one.words, one.entities) for one in corpus.documents))
    assert len(digests) == 1


def test_what_can_not_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"\[S040\] There is no corpus"):
        read_annotated(tmp_path / "a.conll")
    (tmp_path / "a.csv").write_text("Ada O\n")
    with pytest.raises(ValueError, match=r"\[S200\] .*Name one with --format: spacy, columns, conll, conllu"):
        read_annotated(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=r"\[S206\] The setting --scheme is 'IOB3'"):
        read_annotated(tmp_path / "a.csv", format="columns", scheme="IOB3")
    assert read_annotated(tmp_path / "a.csv", format="columns").documents[0].words == ("Ada",)
    (tmp_path / "a.spacy").write_text("no corpus")
    with pytest.raises(ValueError, match=r"\[S042\]"):
        read_annotated(tmp_path / "a.spacy")

"""Types renamed, merged and split, in the format that came in."""

from __future__ import annotations

import pytest

import spacy_seginf
from spacy_seginf.curation.relabelling import parse_types

LINES = ["-DOCSTART-\tO", "", "Paris\tB-GPE", "France\tB-LOC", "is\tO", "Tarn\tB-FAC", "Bay\tI-FAC", "Ajax\tB-ORG", ""]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("\n".join(LINES))
    return path


def tags(path):
    return [line.split("\t")[1] for line in path.read_text().splitlines()[2:] if line]


def test_merging(corpus, tmp_path):
    found = spacy_seginf.relabel_corpus(corpus, tmp_path / "out.conll", {"GPE": "LOC", "FAC": "LOC"})
    assert found.counts == {("GPE", "LOC"): 1, ("FAC", "LOC"): 1} and not found.joined
    assert tags(tmp_path / "out.conll") == ["B-LOC", "B-LOC", "O", "B-LOC", "I-LOC", "B-ORG"]
    (place,) = found.touching
    assert (place.document, place.start, place.end, place.text, place.label) == ("train:1", 0, 2, "Paris France", "LOC")


def test_joining(corpus, tmp_path):
    found = spacy_seginf.relabel_corpus(corpus, tmp_path / "out.conll", {"GPE": "LOC"}, join=True)
    assert found.joined and len(found.touching) == 1
    assert tags(tmp_path / "out.conll") == ["B-LOC", "I-LOC", "O", "B-FAC", "I-FAC", "B-ORG"]


def test_exchanging_and_taking_away(corpus, tmp_path):
    spacy_seginf.relabel_corpus(corpus, tmp_path / "out.conll", {"GPE": "LOC", "LOC": "GPE", "FAC": "O"})
    assert tags(tmp_path / "out.conll") == ["B-LOC", "B-GPE", "O", "O", "O", "B-ORG"]


def test_splitting_by_words(corpus, tmp_path):
    (tmp_path / "clubs.tsv").write_text("ajax\tORG\tTEAM\r\nTarn  Bay\tFAC\tLOC\n\nParis\tORG\tTEAM\n")
    found = spacy_seginf.relabel_corpus(corpus, tmp_path / "out.conll", {"ORG": "FIRM"}, forms=tmp_path / "clubs.tsv")
    assert tags(tmp_path / "out.conll") == ["B-GPE", "B-LOC", "O", "B-LOC", "I-LOC", "B-TEAM"]
    assert found.counts == {("FAC", "LOC"): 1, ("ORG", "TEAM"): 1}


def test_entities_that_touched_before_are_not_joined(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("Ada\tB-PER\nBo\tB-PER\nmet\tO\n")
    found = spacy_seginf.relabel_corpus(path, tmp_path / "out.conll", {"PER": "P"}, join=True)
    assert found.touching == () and "B-P\nBo\tB-P" in (tmp_path / "out.conll").read_text()


def test_io_tags_cannot_hold_both(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("Paris\tI-GPE\nFrance\tI-LOC\nis\tO\n")
    with pytest.raises(ValueError, match=r"S202.*\n.*IO tags can't tell two LOC"):
        spacy_seginf.relabel_corpus(path, tmp_path / "out.conll", {"GPE": "LOC"})
    assert not (tmp_path / "out.conll").exists()
    spacy_seginf.relabel_corpus(path, tmp_path / "out.conll", {"GPE": "LOC"}, join=True)
    assert (tmp_path / "out.conll").read_text() == "Paris\tI-LOC\nFrance\tI-LOC\nis\tO\n"


@pytest.mark.parametrize("text", ["GPE", "GPE=", "=LOC", "A=B,A=C", "O=LOC"])
def test_wrong_mappings(text):
    with pytest.raises(ValueError, match="S323"):
        parse_types(text)
    assert parse_types("A=B, C = D,A=B") == {"A": "B", "C": "D"}


@pytest.mark.parametrize("line", ["Ajax\tORG", "Ajax ORG TEAM", "Ajax\tORG\t", "Ajax\tORG\tA\najax\tORG\tB"])
def test_wrong_tables(line, corpus, tmp_path):
    (tmp_path / "clubs.tsv").write_text(line)
    with pytest.raises(ValueError, match=r"S324.*clubs\.tsv, line [12]"):
        spacy_seginf.relabel_corpus(corpus, tmp_path / "out.conll", forms=tmp_path / "clubs.tsv")


def test_a_mapping_of_nothing(corpus, tmp_path):
    with pytest.raises(ValueError, match=r"S325.*FAC, GPE, LOC, ORG"):
        spacy_seginf.relabel_corpus(corpus, tmp_path / "out.conll", {"PER": "X"})

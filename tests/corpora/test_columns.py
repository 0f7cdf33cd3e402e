"""Columns: documents and their places, and corrections that leave all other bytes as they are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.corpora.columns import ColumnCorpus, Columns
from spacy_seginf.corpora.documents import Replacement
from spacy_seginf.crf.schemes import Entity

from .making import documents, expected_entities, regions, write_columns

LAYOUTS = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([" ", "\t", "  ", " \t "]),
        "line_break": st.sampled_from(["\n", "\r\n", " \n", "\t\r\n"]),
        "bom": st.booleans(),
        "final": st.booleans(),
    }
)


def written(folder, text, name="train.conll", **how):
    path = folder / name
    path.write_bytes(text.encode("utf8"))
    return ColumnCorpus(path, **how)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["BIO", "IOB1", "BILUO", "IO"]), LAYOUTS)
def test_only_tags_of_changed_tokens_change(data, scheme, layout):
    apart = scheme == "IO"
    texts = data.draw(st.lists(documents(apart), min_size=1, max_size=3))
    with tempfile.TemporaryDirectory() as folder:
        path = write_columns(Path(folder) / "train.conll", texts, scheme, **layout)
        corpus = ColumnCorpus(path, scheme=scheme, comments=False)  # a word may be a #
        lines = path.read_bytes().split(b"\n")
        assert [(list(one.words), list(one.entities)) for one in corpus.documents] == [text[:2] for text in texts]
        assert [list(one.sentences) for one in corpus.documents] == [starts for *_, starts in texts]
        replacements, expected = {}, []
        for number, (words, entities, starts) in enumerate(texts):
            changes = data.draw(regions(len(words), entities, starts, apart))
            held = expected_entities(entities, changes)
            found = [Replacement(start, end, tuple(inner)) for start, end, inner in changes]
            if any(corpus.unwritable(number, one, held) for one in found):
                found, held = [], entities
            replacements[number] = found
            expected.append((words, held, starts))
        content = corpus.corrected(replacements)
        # The file that would have been written in the first place, byte by byte.
        again = write_columns(Path(folder) / "again.conll", expected, scheme, **layout)
        assert content == again.read_bytes()
        assert corpus.corrected({}) == path.read_bytes()
        for number, (before, after) in enumerate(zip(lines, content.split(b"\n")), start=1):
            if before != after:
                touched = [one.lines.index(number) for one in corpus.documents if number in one.lines]
                assert touched and before.split()[:2] == after.split()[:2]


def test_every_token_has_its_line(tmp_path):
    text = "-DOCSTART- -X- O\n\nAda NN B-PER\r\nLind NN I-PER\n \nOsted NN B-LOC\n"
    (document,) = written(tmp_path, text).documents
    assert document.lines == (3, 4, 6)
    assert document.sentences == (2,)
    assert [document.line(token) for token in range(3)] == [3, 4, 6]
    assert document.file == str(tmp_path / "train.conll")


def names(corpus):
    return [(one.identifier, " ".join(one.words)) for one in corpus.documents]


def test_without_markers_every_sentence_is_a_document(tmp_path):
    text = "\n\nAda B-PER\n\n\nOsted B-LOC\nleft O\n\n"
    assert names(written(tmp_path, text)) == [("train:1", "Ada"), ("train:2", "Osted left")]


def test_markers_of_documents(tmp_path):
    text = (
        "Ada O\n\n-DOCSTART- O\n\nLind O\n\nleft O\n\n# newdoc id = a b\n# text = Tarnby = O\nTarnby O\n# id = c\n"
        "# newpar\n-DOCSTART- -X- O\nOsted O\n-DOCSTART- O\n\n-DOCSTART- O\n# id = d\n. O\n# newdoc\nx O\n"
    )
    expected = [
        ("train:1", "Ada"),
        ("train:2", "Lind left"),
        ("a b", "Tarnby"),
        ("c", "Osted"),
        ("train:5", ""),
        ("d", "."),
        ("train:7", "x"),
    ]
    assert names(written(tmp_path, text)) == expected


def test_a_hash_may_be_a_word(tmp_path):
    text = "# NN O\n#one NN B-ORG\n# a comment without a tag\n# key = value O\n-DOCSTART-x NN O\n"
    (document,) = written(tmp_path, text).documents
    assert document.words == ("#", "#one", "-DOCSTART-x")


def test_words_with_spaces_between_tabs(tmp_path):
    corpus = written(tmp_path, "Ada Lind\tB-PER\nnear\tO\nPelham Bay East\tB-LOC\n\u00a0\tO\n")
    assert corpus.documents[0].words == ("Ada Lind", "near", "Pelham Bay East", "\u00a0")
    content = corpus.corrected({0: [Replacement(2, 3, (Entity(2, 3, "ORG"),))]})
    assert content.decode() == "Ada Lind\tB-PER\nnear\tO\nPelham Bay East\tB-ORG\n\u00a0\tO\n"


def test_other_columns(tmp_path):
    text = "1\tAda\tB-PER\tx\n2\tO\tO\ty\n"
    for columns in (Columns(2, 3), Columns(2, -2), Columns(-3, -2)):
        corpus = written(tmp_path, text, columns=columns)
        assert corpus.documents[0].words == ("Ada", "O")
        assert corpus.corrected({0: [Replacement(0, 1, ())]}).decode() == text.replace("B-PER", "O")


@pytest.mark.parametrize(
    "text, line, problem",
    [
        ("Ada O\nLind\n", 2, "1 columns, where most lines have 2"),
        ("Ada NN O\nLind NN O\nleft O\n", 3, "2 columns, where most lines have 3"),
        ("Ada\n", 1, "1 columns"),
        ("Ada O\n\nLind PER\n", 3, "'PER' is no tag"),
        ("Ada U-PER\nLind I-PER\n", 2, "follows no 'B-PER' under BILUO"),
        ("Ada Lind\tO\nMira Solano Brekke\tO\n\tO\n", 3, "is empty"),
    ],
)
def test_lines_that_can_not_be_read(tmp_path, text, line, problem):
    with pytest.raises(ValueError, match=rf"\[S201\] .*train\.conll, line {line}: .*{problem}"):
        written(tmp_path, text)


def test_what_is_not_utf8(tmp_path):
    (tmp_path / "train.conll").write_bytes(b"Ada O\n\xff O\n")
    with pytest.raises(ValueError, match=r"\[S201\] .*line 2: it is not UTF-8"):
        ColumnCorpus(tmp_path / "train.conll")


@pytest.mark.parametrize(
    "columns, problem", [(Columns(0, 1), "S206"), (Columns(3, 2), "S201"), (Columns(1, 1), "S201")]
)
def test_columns_that_are_not_there(tmp_path, columns, problem):
    with pytest.raises(ValueError, match=problem):
        written(tmp_path, "Ada O\n", columns=columns)


def test_a_scheme_that_the_file_contradicts(tmp_path):
    with pytest.raises(ValueError, match=r"line 1: 'U-PER' is no tag \(O, or B-, I- before a type\) under BIO"):
        written(tmp_path, "Ada U-PER\n", scheme="BIO")


def test_labels_with_spaces_do_not_fit(tmp_path):
    corpus = written(tmp_path, "Ada B-PER\n")
    entity = Entity(0, 1, "two words")
    assert "space" in corpus.unwritable(0, Replacement(0, 1, (entity,)), [entity])


@pytest.mark.parametrize("text", ["", "\n", "\ufeff\n\n", "# id = a\n"])
def test_files_without_tokens(tmp_path, text):
    corpus = written(tmp_path, text)
    assert sum(len(one.words) for one in corpus.documents) == 0
    assert corpus.corrected({}).decode() == text

"""What is given in the place of a text or a corpus and is neither: a coded error that names it, and no traceback."""

from __future__ import annotations

import gzip

import pytest

import spacy_seginf
from spacy_seginf.explanation.corpus_texts import named_corpus

from .running import run

RUBBISH = {
    "rubbish.spacy": bytes(range(256)) * 4,
    "words.spacy": b"Ada Lind visited Tarnby .\n",
    "rubbish.jsonl": bytes(range(256)) * 4,
    "list.jsonl": b"[1, 2]\n",
    "lengths.jsonl": b'{"id": "a", "tokens": ["Ada"], "labels": ["O", "O"]}\n',
    "plain.jsonl.gz": b'{"id": "a", "tokens": ["Ada"], "labels": ["O"]}\n',
    "cut.jsonl.gz": gzip.compress(b'{"id": "a", "tokens": ["Ada"], "labels": ["O"]}\n')[:-9],
    "words.conll": b"Ada Lind visited Tarnby .\n",
    "rubbish.txt": bytes(range(256)) * 4,
    "utf16.conll": "Ada B-PER\n".encode("utf16"),
    "corpus.docx": b"PK\x03\x04",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in RUBBISH.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "none.jsonl").write_text("", encoding="utf8")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "dev.spacy").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("name", RUBBISH)
def test_unreadable_files(name, folder, exact_path):
    commands = [
        ("explain", exact_path, name),
        ("explain", exact_path, name, "--errors"),
        ("preview", exact_path, "none.jsonl", name),
        ("flip", exact_path, name),
        ("scores", exact_path, "--trusted", name),
    ]
    for command in commands:
        code, printed = run("seginf", *command)
        assert code == 1 and "[S" in printed and name in printed, command


@pytest.mark.parametrize("text", ["dev.spcay", "corpus/dev.spcay", "copus/dev.spacy", "dev.conl"])
def test_misspelt_names_are_no_texts(text, folder, exact_path):
    commands = ("explain", exact_path, text), ("preview", exact_path, "none.jsonl", text), ("flip", exact_path, text)
    for command in (*commands, ("verify", exact_path, text)):
        code, printed = run("seginf", *command)
        assert code == 1 and "[S277]" in printed and text in printed, command
        assert ("is dev.spacy meant?" in printed) == (text == "corpus/dev.spcay")
    with pytest.raises(spacy_seginf.SeginfError, match="S277"):
        spacy_seginf.explain(str(exact_path), text, silent=True)
    code, printed = run("seginf", "explain", exact_path, text, "--errors")
    assert code == 1 and "[S040]" in printed and text in printed


@pytest.mark.parametrize(
    "text",
    ["Tarnby", "U.S.A.", "and/or", "/s", "/ is the root", "example.com", "github.io", "3.5", "Mr.Smith", "-", "", "."]
    + ["He opened notes.txt", "http://example.com/x.jsonl", "12/11/2020", "of dev.spacy\n", "word" * 2000],
)
def test_texts_are_no_names(text, folder):
    assert named_corpus(text) is None


def test_names_of_corpora(folder):
    assert [str(named_corpus(name)) for name in ("corpus", "corpus/dev.spacy")] == ["corpus", "corpus/dev.spacy"]


def test_a_text_that_is_named_like_a_file(folder, exact_path):
    """Through standard input, what it says is explained."""
    code, printed = run("seginf", "explain", exact_path, "-", "--tokens", input="words.conll")
    assert code == 0 and "words.conll" in printed


def test_texts_that_are_not_utf_8(folder, exact_path):
    for command in (("explain",), ("flip",), ("verify",)):
        code, printed = run("seginf", *command, exact_path, "-", input=b"M\xfcnchen")
        assert code == 1 and "[S279]" in printed
    code, printed = run("seginf", "preview", exact_path, "none.jsonl", "M\udcfcnchen")
    assert code == 1 and "[S279]" in printed

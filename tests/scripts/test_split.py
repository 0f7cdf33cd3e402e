"""Folds of a corpus: what is left out of one is in all others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin

ROOT = Path(__file__).parent.parent.parent


def split(*arguments):
    command = [sys.executable, "scripts/split.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_folds(tmp_path):
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=[f"w{number}", "Ann"], ents=["O", "B-PER"]) for number in range(7)]
    for number, doc in enumerate(docs):
        doc.user_data["id"] = f"d{number}"
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "all.spacy")
    left_out = []
    for fold in range(3):
        target = tmp_path / "new" / f"{fold}.spacy"
        done = split(tmp_path / "all.spacy", target, "--fold", fold, "--folds", 3)
        assert done.returncode == 0 and " of 7 " in " ".join(done.stdout.split()), done.stderr
        found = list(DocBin().from_disk(target).get_docs(vocab))
        identifiers = [doc.user_data["id"] for doc in found]
        assert identifiers == [f"d{number}" for number in range(7) if number % 3 != fold]
        assert all(doc.ents[0].label_ == "PER" for doc in found)
        left_out.append({f"d{number}" for number in range(7)} - set(identifiers))
    assert set().union(*left_out) == {f"d{number}" for number in range(7)} and sum(map(len, left_out)) == 7


def test_what_can_not_be_split(tmp_path):
    target = tmp_path / "out.spacy"
    done = split(tmp_path / "none.spacy", target, "--fold", 0)
    assert done.returncode == 1 and "There is no file" in done.stdout
    (tmp_path / "text.spacy").write_text("no corpus")
    done = split(tmp_path / "text.spacy", target, "--fold", 0)
    assert done.returncode == 1 and "format" in done.stdout
    done = split(tmp_path / "text.spacy", target, "--fold", 2)
    assert done.returncode == 1 and "two folds" in done.stdout
    assert not target.exists()

"""The walk with a corpus that nothing was tuned to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import stranger

ROOT = Path(__file__).resolve().parents[2]


def write(path, sentences):
    lines = ({"tokens": words.split(), "labels": labels.split()} for words, labels in sentences)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf8")


def test_each_part_is_found_or_asked_for(tmp_path):
    write(tmp_path / "train.jsonl", [("a", "O")])
    (tmp_path / "train.md").write_text("notes")
    assert stranger.part_of(tmp_path, "train") == tmp_path / "train.jsonl"
    with pytest.raises(SystemExit, match=r"dev.*none"):
        stranger.part_of(tmp_path, "dev")
    write(tmp_path / "train.conll", [("a", "O")])
    with pytest.raises(SystemExit, match=r"train\.conll, train\.jsonl"):
        stranger.part_of(tmp_path, "train")


@pytest.mark.slow
def test_the_walk(tmp_path):
    sentences = [("Ada Lind visited Tarnby .", "B-PER I-PER O B-LOC O"), ("It rained in Osted .", "O O O B-LOC O")]
    for name, count in (("train", 10), ("dev", 3)):
        write(tmp_path / f"{name}.jsonl", sentences * count)
    command = [sys.executable, "-m", "scripts.stranger", str(tmp_path), str(tmp_path / "out"), "--steps", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seginf review" in done.stdout and (tmp_path / "out" / "errors.html").is_file()
    assert len((tmp_path / "out" / "issues.jsonl").read_text(encoding="utf8").splitlines()) >= 1
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 1 and "exists already" in again.stderr

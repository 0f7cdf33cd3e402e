"""The embedded corpus is frozen: what is checked in is what the generator makes, and it keeps its promises."""

from __future__ import annotations

import filecmp
import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CORPUS = ROOT / "assets" / "corpus"
SHA256 = {
    "train.jsonl.gz": "b51950e30f6126d3b50b35dbb341017fa23c5c9b16669b7ef34d9e129c1a1526",
    "dev.jsonl.gz": "b854ab9daa01547ba7c3afe379ee6b7059b039a6b79856c0834b9ec5264a0845",
    "test.jsonl.gz": "b1326f7352c5de512c63f6ddd11046bcb8213b0e0f718f52f6dde709d88e38c6",
}


ROLES = ROOT / "assets" / "roles"
SHA256_OF_ROLES = {
    "train.jsonl.gz": "9e8c78bfd7cb166021af1b29af4e60705ff84b54f630b8f2a8895b07225fb79f",
    "dev.jsonl.gz": "8f418b3e1974ef294d5c91ea26e2de110832348f7cd996219267eccbf74a4bff",
    "test.jsonl.gz": "4dd6a81585a4240cb3064405f452e2efd54e011b0a61c42449896aeed9052a21",
}


@pytest.mark.parametrize(
    ("folder", "script", "sums"), [(CORPUS, "make_corpus.py", SHA256), (ROLES, "make_roles.py", SHA256_OF_ROLES)]
)
def test_frozen_and_made_again(tmp_path, folder, script, sums):
    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sums} == sums
    subprocess.run([sys.executable, f"scripts/{script}", "--output", str(tmp_path)], cwd=ROOT, check=True)
    same, different, missing = filecmp.cmpfiles(folder, tmp_path, list(sums), shallow=False)
    assert (sorted(same), different, missing) == (sorted(sums), [], [])


def test_roles_are_spans_of_their_sentences():
    for split in SHA256_OF_ROLES:
        with gzip.open(ROLES / split, "rt", encoding="utf8") as lines:
            for record in map(json.loads, lines):
                for one in record["propositions"]:
                    assert 0 <= one["predicate"] < len(record["tokens"])
                    right, seen = one["gold_roles"], [[*span, "A2"] for span in one["context"]]
                    assert all(span in right for span in seen)
                    wrong = [[*span, "A1"] for span in one["context"]] if one["planted"] else seen
                    assert [span for span in right if span not in seen] == [
                        span for span in one["roles"] if span not in wrong
                    ]
                    ends = [span[1] for span in right]
                    assert all(end <= span[0] < span[1] for end, span in zip([0, *ends], right))
                    assert not one["planted"] or split == "train.jsonl.gz"


def test_generator_checks_its_promises():
    done = subprocess.run(
        [sys.executable, "scripts/make_corpus.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""The embedded corpus is frozen: what is checked in is what the generator makes, and it keeps its promises."""

from __future__ import annotations

import filecmp
import hashlib
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


@pytest.mark.parametrize("name", SHA256)
def test_frozen(name):
    assert hashlib.sha256((CORPUS / name).read_bytes()).hexdigest() == SHA256[name]


def test_generator_makes_the_same_bytes(tmp_path):
    subprocess.run([sys.executable, "scripts/make_corpus.py", "--output", str(tmp_path)], cwd=ROOT, check=True)
    same, different, missing = filecmp.cmpfiles(CORPUS, tmp_path, list(SHA256), shallow=False)
    assert (sorted(same), different, missing) == (sorted(SHA256), [], [])


def test_generator_checks_its_promises():
    done = subprocess.run(
        [sys.executable, "scripts/make_corpus.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr

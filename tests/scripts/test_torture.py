"""The fuzzer of experiments/torture runs, counts, and finds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_short_run_finds_no_fault():
    command = [sys.executable, "-m", "experiments.torture.fuzz", "--each", "15", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["fuzzed"] == 7 * 15
    assert not any(record[key] for key in ("raw_tracebacks", "silent_wrong", "hangs", "memory"))

"""The fuzzer of benchmarks/torture runs, counts, and finds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[2] / "benchmarks" / "torture" / "fuzz.py"


@pytest.mark.slow
def test_a_short_run_finds_no_fault():
    done = subprocess.run([sys.executable, str(FUZZ), "--each", "15", "--seed", "3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["fuzzed"] == 7 * 15
    assert not any(record[key] for key in ("raw_tracebacks", "silent_wrong", "hangs", "memory"))

"""A short `make torture` kills, breaks, counts, and finds nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")
def test_a_short_run_finds_no_fault(tmp_path):
    for name, code in (("holds", 0), ("fails", 1)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.py").write_text(f"import sys\nsys.exit({code})\n")
    command = [sys.executable, "-m", "experiments.torture", "--quick", "--seed", "3"]
    environment = {**os.environ, "SEGINF_CASES": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    record = json.loads(done.stdout.splitlines()[-1])
    assert not any(record[key] for key in ("lost", "raw_tracebacks", "silent_wrong", "hangs", "memory")), done.stdout
    parts = record["parts"]
    assert not parts["soak"]["faults"] and not parts["pages"]["faults"], done.stdout
    assert {kind: sum(found.values()) for kind, found in parts["edits"]["kinds"].items()} == {
        **{"decision files": 30, "edits": 30}
    }
    assert parts["disks"]["operations"]["tried"] >= 20 and parts["disks"]["decisions"]["tried"] == 10
    assert parts["soak"]["requests"] and {name.partition(", ")[2] for name in parts["kills"]["operations"]} == {
        *("", "SIGINT", "SIGTERM", "SIGHUP")
    }
    assert record["quick"] and record["kills"] >= 25 and record["fuzzed"] == 430
    assert set(parts["inputs"]["kinds"]) == {
        *("corpora", "answers", "rankings", "resealed", "damaged", "decisions", "configs")
    }
    assert parts["cases"]["failing"] == ["fails"] and parts["cases"]["cases"] == 2 and record["cases_failing"] == 1
    assert all(part["seed"] == 3 and part["commit"] for part in parts.values())
    assert done.returncode == 1, "a case fails"

"""Kill, break and fill what can be killed, broken and filled, and count what did not hold: `make torture`.

    python -m experiments.torture --quick --seconds 60

A run that has the time for all writes experiments/results/trust.json. Every case and kill is drawn by a seed, which is
printed; ``fuzz`` runs single cases again. SEGINF_CASES may name a folder of scripts, */run.py, which count as failing
unless they exit with 0.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Optional

os.environ["OMP_NUM_THREADS"] = "1"  # processes are forked
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
ROOT = Path(__file__).resolve().parents[2]

KILLS = 200  # of each operation
SIGNALS = 20  # of each kind
# Fast kinds have many cases.
CASES = {
    **{"corpora": 6000, "answers": 4000, "rankings": 3500, "resealed": 3000, "damaged": 2500},
    **{"decisions": 1500, "configs": 1000},
}
QUICK_CASES, QUICK_KILLS = 1 / 50, 6  # shares of the cases, and kills
PROMISES = ROOT / "docs" / "reliability.md"
CASE_SECONDS = 900


def kill_all(made: Any, scratch: Path, seed: int, kills: int, until: float) -> dict[str, Any]:
    """Kill every operation; return plain values by operation."""
    from .kills import Tally, kill_reviews, make_operations

    tallies: dict[str, Tally] = {}
    operations = make_operations(made, scratch / "kills" / "room")
    groups = Counter(name.partition(" ")[0] for name in operations)
    share = (until - time.monotonic()) / (len(operations) + 1)
    for name, operation in operations.items():
        wanted, until = -(-kills // groups[name.partition(" ")[0]]), time.monotonic() + share
        tally, rng = tallies.setdefault(name, Tally()), random.Random(f"{seed} {name}")
        while tally.kills < wanted and time.monotonic() < until:
            operation.kill(rng, tally)
        print(f"{name}, seed {seed}:", tally.record(), flush=True)
    reviewed = tallies["review"] = kill_reviews(made, scratch / "review", seed, kills, time.monotonic() + share)
    print(f"review, seed {seed}:", reviewed.record(), flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        for name in ("index exact", "append exact"):
            rng, tally = random.Random(f"{seed} {name} {number}"), Tally()
            for _ in range(max(1, kills * SIGNALS // KILLS)):
                operations[name].kill(rng, tally, number)
            tallies[f"{name}, {number.name}"] = tally
            print(f"{name}, {number.name}, seed {seed}:", tally.record(), flush=True)
    return {name: tally.record() for name, tally in tallies.items()}


def failing_cases() -> Optional[dict[str, Any]]:
    """Run the scripts that SEGINF_CASES names; None if it is not set."""
    folder = os.environ.get("SEGINF_CASES")
    if not folder:
        return None
    scripts = sorted(Path(folder).glob("*/run.py"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    failing = []
    for script in scripts:
        with tempfile.TemporaryDirectory() as room:
            command = [sys.executable, "-B", str(script)]
            try:
                done = subprocess.run(
                    command, cwd=room, env=environment, capture_output=True, text=True, timeout=CASE_SECONDS
                )
                code: Any = done.returncode
            except subprocess.TimeoutExpired:
                code = "no end"
        if code:
            failing.append(script.parent.name)
        print(f"case {script.parent.name}: {code}", flush=True)
    return {"cases": len(scripts), "failing": failing}


def failing_promises() -> dict[str, Any]:
    """Run the tests that the page of promises names."""
    files = sorted(set(re.findall(r"tests/[\w/]+\.py", PROMISES.read_text(encoding="utf8"))))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not gpu", *files]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True).stdout
    failing = re.findall(r"^(?:FAILED|ERROR) (\S+)", printed, re.MULTILINE)
    passed = re.search(r"(\d+) passed", printed)
    print(f"tests of promises: {passed[1] if passed else 0} passed, failing: {failing}", flush=True)
    return {"passed": int(passed[1]) if passed else 0, "failing": failing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fiftieth of all; does not count")
    parser.add_argument("--seconds", type=float, default=7200, help="about the time for kills and broken inputs")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    import torch

    from ..common.reporting import finish
    from .fuzz import FAULTS, SHM, figures, fuzz, keep_warm
    from .materials import make_materials

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    keep_warm()
    began, seed = time.monotonic(), arguments.seed
    counts, by_kind, examples = Counter[str](), dict[str, dict[str, int]](), list[str]()
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        scratch = Path(name)
        made = make_materials(scratch / "materials")
        kills = QUICK_KILLS if arguments.quick else KILLS
        killed = kill_all(made, scratch, seed, kills, began + arguments.seconds / 2)
        for kind, cases in CASES.items():
            wanted = range(max(1, round(cases * QUICK_CASES)) if arguments.quick else cases)
            found, shown = fuzz(made, kind, wanted, seed, scratch, began + arguments.seconds)
            counts.update(found)
            by_kind[kind] = dict(found)
            examples += shown
    cases_found = failing_cases()
    promises = None if arguments.quick else failing_promises()
    lost = sum(one["lost"] for one in killed.values())
    record = {
        "kills": sum(one["kills"] for one in killed.values()),
        "lost": lost,
        **figures(counts),
        "cases_failing": None if cases_found is None else len(cases_found["failing"]),
        "operations": killed,
        "kinds": by_kind,
        "faults": examples,
        "cases": cases_found,
        "promises": promises,
        "seconds": round(time.monotonic() - began),
    }
    finish("trust", record, quick=arguments.quick, rows=counts.total(), seeds=[seed])
    failing = [*(cases_found or {}).get("failing", []), *(promises or {}).get("failing", [])]
    sys.exit(bool(lost or failing or any(counts[fault] for fault in FAULTS)))


if __name__ == "__main__":
    main()

"""Kill, break, fill, edit and use for long what can be, and count what did not hold: `make torture`.

    python -m experiments.torture --quick --seconds 60
    python -m experiments.torture --only soak pages disks

A full run writes experiments/results/trust.json; ``--only`` runs some parts, and the others stay there as they were
last run, each with its seed and commit. Every case and kill is drawn by a seed, which is printed; ``fuzz`` runs single
cases again. SEGINF_CASES may name a folder of scripts, */run.py, which count as failing
unless they exit with 0.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Mapping, Optional

os.environ["OMP_NUM_THREADS"] = "1"  # processes are forked
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
ROOT = Path(__file__).resolve().parents[2]

KILLS = 200  # of each operation
SIGNALS = 10  # of each kind to each operation
# Fast kinds have many cases.
CASES = {
    **{"corpora": 6000, "answers": 4000, "rankings": 3500, "resealed": 3000, "damaged": 2500},
    **{"decisions": 1500, "configs": 1000},
}
EDITS = {"decision files": 1500, "edits": 1500}  # cases that are no broken inputs
DISKS, DECISION_DISKS, ROUNDS, SOAK = 25, 100, 8, 240  # of each operation, of files, of pages; seconds
QUICK_CASES, QUICK_KILLS, QUICK_DISKS, QUICK_SOAK = 1 / 50, 6, 2, 4  # shares of the cases, and counts
SHARES = {"kills": 0.4, "disks": 0.15, "pages": 0.1, "edits": 0.1, "inputs": 0.25}  # of the time, at most
DISK_PARTS = ("operations", "decisions")
CASE_SECONDS = 900


def kill_all(made: Any, scratch: Path, seed: int, kills: int, until: float) -> dict[str, Any]:
    """Kill every operation, and end some by signals that can be caught; return plain values by operation."""
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
    room = scratch / "review"
    reviewed = tallies["review"] = kill_reviews(made, room, seed, kills, time.monotonic() + share)
    print(f"review, seed {seed}:", reviewed.record(), flush=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for name in ("index exact", "append exact", "apply .spacy", "rank"):
            rng, tally = random.Random(f"{seed} {name} {number}"), Tally()
            for _ in range(max(1, kills * SIGNALS // KILLS)):
                operations[name].kill(rng, tally, number)
            tallies[f"{name}, {number.name}"] = tally
            print(f"{name}, {number.name}, seed {seed}:", tally.record(), flush=True)
        some = max(1, kills * SIGNALS // KILLS)
        tally = kill_reviews(made, room, seed, some, float("inf"), number)
        tallies[f"review, {number.name}"] = tally
        print(f"review, {number.name}, seed {seed}:", tally.record(), flush=True)
    return {name: tally.record() for name, tally in tallies.items()}


def fill_disks(made: Any, scratch: Path, seed: int, quick: bool, until: float) -> dict[str, Any]:
    """Take the disk away from every operation, and from servers that save decisions; return plain values."""
    from .disks import Disk, make_writers, try_decisions, try_disks
    from .kills import make_operations

    folder, mounted = scratch / "disk", None
    try:
        mounted = Disk(folder)
    except OSError as error:
        print(f"no file system of its own for disks: {error}", flush=True)
    try:
        operations = {**make_operations(made, folder / "room"), **make_writers(made, folder / "room")}
        tries = (QUICK_DISKS, 10) if quick else (DISKS, DECISION_DISKS)

        def ended() -> bool:
            return time.monotonic() > until

        saved = try_decisions(made, folder / "decisions", mounted, seed, tries[1], ended)
        done = try_disks(operations, mounted, seed, tries[0], ended)
    finally:
        if mounted:
            mounted.unmount()
    found = {"mounted": mounted is not None, "operations": done.record(), "decisions": saved.record()}
    print(f"disks, seed {seed}:", found, flush=True)
    return found


def in_browser(scratch: Path, seed: int, quick: bool, until: float) -> Any:
    """Open pages of hostile corpora in a process of their own; None without Chromium."""
    from .fuzz import in_child
    from .pages import open_pages

    result = scratch / "pages.json"
    rounds = 1 if quick else ROUNDS

    def work() -> None:
        found = open_pages(scratch / "pages", seed, rounds, lambda: time.monotonic() > until)
        result.write_text(json.dumps(found), encoding="utf8")

    if in_child(work):
        return {"pages": 0, "faults": 1, "examples": ["the browser ended"]}
    found = json.loads(result.read_text(encoding="utf8"))
    print(f"pages, seed {seed}:", found, flush=True)
    return found


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fiftieth of all; does not count")
    parser.add_argument("--seconds", type=float, default=7200, help="about the time for kills and broken inputs")
    parser.add_argument("--soak", type=float, default=SOAK, help="seconds in which a server and a pipeline are used")
    parser.add_argument("--seed", type=int, default=0)
    from .record import PARTS, failed, finish

    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run (default: all)")
    arguments = parser.parse_args()
    import torch

    from .fuzz import SHM, keep_warm
    from .materials import make_materials

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    keep_warm()
    chosen = [part for part in PARTS if part in arguments.only]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        scratch = Path(name)
        made = make_materials(scratch / "materials") if set(chosen) - {"cases", "promises"} else None
        for part in chosen:
            began = time.monotonic()
            found[part] = run_part(part, made, scratch, arguments)
            found[part]["seconds"] = round(time.monotonic() - began)
    record = finish(found, arguments.seed, quick=arguments.quick, whole=len(chosen) == len(PARTS))
    sys.exit(failed(record))


def run_part(part: str, made: Any, scratch: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run one of PARTS; return what it counted."""
    from .promises import run_promises
    from .soak import soak

    quick, seed = arguments.quick, arguments.seed
    until = time.monotonic() + arguments.seconds * SHARES.get(part, 1.0)
    if part == "soak":
        counted = soak(made, scratch / "soak", seed, QUICK_SOAK if quick else arguments.soak)
        print(f"soak, seed {seed}:", counted, flush=True)
    elif part == "pages":
        counted = in_browser(scratch, seed, quick, until) or {"pages": 0, "payloads": 0, "faults": 0}
    elif part == "disks":
        counted = fill_disks(made, scratch, seed, quick, until)
    elif part == "kills":
        counted = {"operations": kill_all(made, scratch, seed, QUICK_KILLS if quick else KILLS, until)}
    elif part in ("edits", "inputs"):
        counted = break_inputs(made, EDITS if part == "edits" else CASES, scratch, seed, quick, until)
    elif part == "cases":
        counted = failing_cases() or {"cases": 0, "failing": []}
    else:
        counted = {"passed": 0, "failing": [], "tests": {}} if quick else run_promises()
    return counted


def break_inputs(
    made: Any, wanted: Mapping[str, int], scratch: Path, seed: int, quick: bool, until: float
) -> dict[str, Any]:
    """Break so many inputs of each kind; return what became of them."""
    from .fuzz import fuzz

    kinds, examples = dict[str, dict[str, int]](), list[str]()
    for kind, cases in wanted.items():
        numbers = range(max(1, round(cases * QUICK_CASES)) if quick else cases)
        found, shown = fuzz(made, kind, numbers, seed, scratch, until)
        kinds[kind] = dict(found)
        examples += shown
    return {"kinds": kinds, "faults": examples}


if __name__ == "__main__":
    main()

"""Kill, break, fill, edit and use for long what can be, and count what did not hold: `make torture`.

    python -m experiments.torture --quick --seconds 60

A run that has the time for all writes experiments/results/trust.json. Every case and kill is drawn by a seed, which is
printed; ``fuzz`` runs single cases again. SEGINF_CASES may name a folder of scripts, */run.py, which count as failing
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
from typing import Any, Optional

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
SHARES = {"kills": 0.4, "disks": 0.15, "pages": 0.1}  # of the time, at most; what is left is for cases
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
    arguments = parser.parse_args()
    import torch

    from ..common.reporting import finish
    from .fuzz import FAULTS, SHM, figures, fuzz, keep_warm
    from .materials import make_materials
    from .promises import run_promises, write_page
    from .soak import soak

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    keep_warm()
    began, seed = time.monotonic(), arguments.seed
    counts, edited = Counter[str](), Counter[str]()
    by_kind, examples = dict[str, dict[str, int]](), list[str]()
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        scratch = Path(name)
        made = make_materials(scratch / "materials")
        quick, seconds = arguments.quick, arguments.seconds
        soaked = soak(made, scratch / "soak", seed, QUICK_SOAK if quick else arguments.soak)
        print(f"soak, seed {seed}:", soaked, flush=True)
        opened = in_browser(scratch, seed, quick, time.monotonic() + seconds * SHARES["pages"])
        disks = fill_disks(made, scratch, seed, quick, time.monotonic() + seconds * SHARES["disks"])
        kills = QUICK_KILLS if quick else KILLS
        killed = kill_all(made, scratch, seed, kills, time.monotonic() + seconds * SHARES["kills"])
        for kind, cases in {**EDITS, **CASES}.items():
            wanted = range(max(1, round(cases * QUICK_CASES)) if quick else cases)
            found, shown = fuzz(made, kind, wanted, seed, scratch, began + seconds)
            (edited if kind in EDITS else counts).update(found)
            by_kind[kind] = dict(found)
            examples += shown
    cases_found = failing_cases()
    promises = None if arguments.quick else run_promises()
    both = counts + edited
    parts = [*killed.values(), disks["operations"], disks["decisions"]]
    lost = sum(one["lost"] for one in parts) + both["lost"] + soaked["lost"]
    record = {
        "kills": sum(one["kills"] for one in killed.values()),
        "lost": lost,
        **figures(both),
        "fuzzed": counts.total(),
        "raw_tracebacks": figures(both)["raw_tracebacks"] + sum(disks[part]["raw_tracebacks"] for part in DISK_PARTS),
        "cases_failing": None if cases_found is None else len(cases_found["failing"]),
        "edits": {kind: by_kind[kind] for kind in EDITS},
        "disks": disks,
        "pages": opened,
        "soak": soaked,
        "operations": killed,
        "kinds": {kind: by_kind[kind] for kind in CASES},
        "faults": examples,
        "cases": cases_found,
        "promises": promises,
        "seconds": round(time.monotonic() - began),
    }
    finish("trust", record, quick=arguments.quick, rows=counts.total(), seeds=[seed])
    if not arguments.quick:
        write_page()
    failing = [*(cases_found or {}).get("failing", []), *(promises or {}).get("failing", [])]
    acted = soaked["faults"] or (opened or {"faults": 0})["faults"]
    sys.exit(bool(lost or failing or acted or record["raw_tracebacks"] or any(both[fault] for fault in FAULTS)))


if __name__ == "__main__":
    main()

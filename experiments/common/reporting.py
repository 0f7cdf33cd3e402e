"""What every benchmark shares: options, one thread, the commit, a table and the closing JSON line."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "experiments" / "results"


def parse_arguments(
    description: str, *, data: bool = True, given: bool = False, minutes: bool = False
) -> argparse.Namespace:
    """Read the options that all benchmarks have: --quick, and --data where a corpus is needed.

    given (bool): also --indexed and --texts, for a pipeline that is there already. minutes (bool): also --minutes,
        after which nothing new is begun.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a smaller run of the same code; does not count")
    if data:
        default = os.environ.get("SEGINF_DATA")
        parser.add_argument("--data", type=Path, default=default, help="corpora folder (default: $SEGINF_DATA)")
    if given:
        parser.add_argument(
            "--indexed", type=Path, help="pipeline with an index (default: made of the embedded corpus)"
        )
        parser.add_argument("--texts", type=Path, help="its test corpus (.spacy)")
        parser.add_argument("--name", default="embedded", help="what the results of these are called")
    if minutes:
        parser.add_argument("--minutes", type=float, default=float("inf"), help="begin nothing new after so long")
    arguments = parser.parse_args()
    if data and arguments.data is None:
        parser.error("give the corpora folder with --data DIR or in the environment variable SEGINF_DATA")
    return arguments


def one_thread() -> None:
    """Keep torch to one thread; OMP_NUM_THREADS=1 must be set before numpy is imported."""
    import torch

    torch.set_num_threads(1)
    if os.environ.get("OMP_NUM_THREADS") != "1":
        raise SystemExit("benchmarks are compared on one thread: run with OMP_NUM_THREADS=1")


def commit() -> str:
    """Return the commit that was measured, with '+changes' where files of the code differ from it."""
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    query = ["git", "status", "--porcelain", "--", "spacy_seginf", "experiments/*.py", "configs", "assets"]
    dirty = subprocess.run(query, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return revision.stdout.strip() + ("+changes" if dirty else "")


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table for people."""
    from wasabi import table

    cells = [[f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    print(table(cells, header=list(header), divider=True))


def finish(
    name: str, figures: dict[str, Any], *, quick: bool, rows: int, seeds: Sequence[int], parts: Sequence[str] = ()
) -> None:
    """Print the figures as the last line; a full run also writes them to experiments/results/NAME.json.

    parts (sequence of str): which parts of an experiment they are of; those of other parts stay in the file.
    """
    record = {**figures, "quick": quick, "rows": rows, "seeds": list(seeds), "commit": commit()}
    if not quick:
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{name}.json"
        if parts:
            known = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
            runs = {**known.get("runs", {}), **{part: {"seeds": list(seeds), "commit": commit()} for part in parts}}
            record = {**known, **figures, "quick": False, "runs": runs}
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf8")
    print(json.dumps(record))

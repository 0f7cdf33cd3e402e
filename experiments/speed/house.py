"""How the code is laid out, and that it computes what it did: lines, cycles and layers of the package, the walks of
`index`, `explain` and `rank`, seconds of CRF and search, and explanations, each against an earlier commit.

OMP_NUM_THREADS=1 python -m experiments.speed.house FOLDER [--commit ee24254] [--walks]

FOLDER gets a worktree of the earlier commit, unless it is there; `git worktree remove FOLDER` takes it away again. Runs
of both alternate. --walks leaves out what a busy machine disturbs, and writes no result.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Iterator

import numpy

from tests.test_architecture import EDGES, LAYERS, cycle

from ..common.reporting import ROOT, finish, print_table

TASKS = Path(__file__).with_name("house_tasks.py")
REPEATS = 5
SAME = 1e-9  # largest difference of explanations, relative to the largest figure of a segment


def package_lines(package: Path) -> int:
    """Count the Python lines of a package, without the docstrings of modules and public names."""
    count = 0
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf8")
        count += len(text.splitlines()) - sum(_public_docstrings(ast.parse(text)))
    return count


def _public_docstrings(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> Iterator[int]:
    """Yield the lines of each docstring."""
    if ast.get_docstring(node) is not None:
        first = node.body[0]
        yield (first.end_lineno or first.lineno) - first.lineno + 1
    if not isinstance(node, ast.FunctionDef):
        for child in node.body:
            if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and not child.name.startswith("_"):
                yield from _public_docstrings(child)


def check_out(commit: str, folder: Path) -> None:
    """Make a worktree of an earlier commit, with entry points of its own, which go before the installed ones."""
    if not folder.exists():
        subprocess.run(["git", "worktree", "add", "--detach", folder, commit], cwd=ROOT, check=True)
    setup = [sys.executable, "-c", "import setuptools; setuptools.setup()", "--quiet", "egg_info"]
    subprocess.run(setup, cwd=folder, check=True)


def run(task: str, checkout: Path, folder: Path) -> Any:
    """Do a task of a checkout in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, str(TASKS), task, str(folder)]
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{task} of {checkout}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def largest_difference(first: Any, second: Any) -> float:
    """Compare what two versions explain; infinite where they name other references."""
    if [[places for places, _ in text] for text in first] != [[places for places, _ in text] for text in second]:
        return float("inf")
    pairs = [numpy.array([a[1], b[1]]) for one, other in zip(first, second) for a, b in zip(one, other)]
    return max(float(abs(pair[0] - pair[1]).max() / abs(pair).max()) for pair in pairs)


def ratio(task: str, checkouts: list[Path], folders: list[Path]) -> float:
    """Return the seconds of this checkout by those of the earlier one: medians of runs that alternate."""
    seconds = [[run(task, *place)["seconds"] for place in zip(checkouts, folders)] for _ in range(REPEATS)]
    before, now = numpy.median(seconds, axis=0)
    return float(now / before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the earlier commit is checked out, or is to be")
    parser.add_argument("--commit", default="ee24254", help="the earlier commit (default: %(default)s)")
    parser.add_argument("--walks", action="store_true", help="count walks only; does not count as a run")
    arguments = parser.parse_args()
    checkouts = [arguments.folder.absolute(), ROOT]
    check_out(arguments.commit, checkouts[0])
    figures: dict[str, Any] = {
        "package_lines": package_lines(ROOT / "spacy_seginf"),
        "package_lines_before": package_lines(checkouts[0] / "spacy_seginf"),
        "cycles": int(bool(cycle(EDGES))),
        "layers": len(LAYERS),
    }
    with TemporaryDirectory(prefix="house-") as work:
        folders = [Path(work) / "before", Path(work) / "now"]
        for folder in folders:
            folder.mkdir()
        run("prepare", checkouts[0], folders[0])  # both explain the tagger that the earlier commit has trained
        for name in ("tagger", "train.spacy"):
            (folders[1] / name).symlink_to(folders[0] / name)
        walks = [run("walk", *place) for place in zip(checkouts, folders)]
        steps = {name: [found[name]["files"] + found[name]["returns"] for found in walks] for name in walks[0]}
        figures["walks_before"], figures["walks"] = walks
        figures.update({f"walk_{name}_ratio": now / before for name, (before, now) in steps.items()})
        if not arguments.walks:
            before, now = (run("explained", *place) for place in zip(checkouts, folders))
            differences = {f"difference_{name}": largest_difference(before[name], now[name]) for name in before}
            figures.update(differences, identical=max(differences.values()) <= SAME)
            for task in ("crf", "search"):
                figures[f"{task}_ratio"] = ratio(task, checkouts, folders)
    header = ["command", "files before", "returns before", "files now", "returns now", "ratio of the sums"]
    rows = [
        [name, *walks[0][name].values(), *walks[1][name].values(), figures[f"walk_{name}_ratio"]] for name in walks[0]
    ]
    print_table(header, rows)
    finish("house", figures, quick=arguments.walks, rows=REPEATS, seeds=[0])


if __name__ == "__main__":
    main()

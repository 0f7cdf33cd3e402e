"""Take a corpus that nothing was tuned to through train, index, errors, ranking and corrections, with defaults.

python -m scripts.stranger DIR OUTPUT [--steps 1000]

DIR has train.* and dev.* in any format that `seginf convert` reads. Each command is printed before it runs, so that it
can be typed again; the first that fails ends the walk.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from spacy_seginf.corpora.formats import format_of

PARTS = ("train", "dev")


def part_of(folder: Path, name: str) -> Path:
    """Find the file of a part. RAISES (SystemExit): if there is none, or more than one."""
    found = sorted(path for path in folder.glob(f"{name}.*") if format_of(path) is not None)
    if len(found) != 1:
        listed = ", ".join(path.name for path in found) or "none"
        raise SystemExit(f"{folder} should have one corpus {name}.*; there is {listed}.")
    return found[0]


def commands(parts: dict[str, Path], output: Path, steps: int) -> list[list[str]]:
    """List what is run, as arguments of `python -m spacy`."""
    train, dev = (str(output / f"{name}.spacy") for name in PARTS)
    config, tagger, indexed = str(output / "tagger.cfg"), str(output / "tagger" / "model-best"), str(output / "indexed")
    issues, proposed = str(output / "issues.jsonl"), str(output / "proposed.jsonl")
    training = ["--paths.train", train, "--paths.dev", dev, "--training.max_steps", str(steps)]
    pages = {name: str(output / f"{name}.html") for name in ("report", "errors")}
    return [
        *(["seginf", "convert", str(parts[name]), str(output / f"{name}.spacy")] for name in PARTS),
        ["seginf", "report", train, "--html", pages["report"]],
        ["seginf", "init-config", config],
        ["train", config, "--output", str(output / "tagger"), *training],
        ["seginf", "index", tagger, train, indexed, "--dev", dev],
        *(["evaluate", model, dev] for model in (tagger, indexed)),
        ["seginf", "explain", indexed, dev, "--errors", "--html", pages["errors"], "--decisions", proposed],
        ["seginf", "rank", indexed, train, "--dev", dev, "--output", issues],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="train.* and dev.*")
    parser.add_argument("output", type=Path, help="where everything is written; must not exist yet")
    parser.add_argument("--steps", type=int, default=1000, help="updates of the training (default: %(default)s)")
    arguments = parser.parse_args()
    parts = {name: part_of(arguments.folder, name) for name in PARTS}
    if arguments.output.exists():
        raise SystemExit(f"{arguments.output} exists already. Name another folder.")
    arguments.output.mkdir(parents=True)
    for words in commands(parts, arguments.output, arguments.steps):
        run(words)
    proposed = arguments.output / "proposed.jsonl"
    if proposed.exists():
        fixed = arguments.output / "train_fixed.spacy"
        run(["seginf", "apply", str(arguments.output / "train.spacy"), str(fixed), str(proposed), "--dry-run"])
    print(f"Read what was found: {arguments.output / 'report.html'}, {arguments.output / 'errors.html'}")
    review = ["seginf", "review", str(arguments.output / "indexed"), "--issues", str(arguments.output / "issues.jsonl")]
    print(f"Decide: {typed(review)}")


def run(words: list[str]) -> None:
    """Print a command and run it. RAISES (SystemExit): if it fails, with its exit code."""
    print(f"\n$ {typed(words)}", flush=True)
    code = subprocess.run([sys.executable, "-m", "spacy", *words]).returncode
    if code:
        raise SystemExit(code)


def typed(words: list[str]) -> str:
    """Write a command as it is typed."""
    return f"python -m spacy {shlex.join(words)}"


if __name__ == "__main__":
    main()

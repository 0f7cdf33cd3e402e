"""The first explanation of one text by the command line, from the start of the process, and where its time goes.

OMP_NUM_THREADS=1 python -m experiments.speed.first_explanation [--indexed FOLDER]

Seconds of the processor are given beside those of the clock: they say the same on a machine that does other things.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy

from ..common.prepare import CACHE, checkpoint, corpus
from ..common.reporting import finish, parse_arguments, print_table

TEXT = "FT : Hull 3 goals ; The bus left Lyon at noon ."
STEPS = (
    ("import spacy (torch with it)", "import spacy, spacy.cli"),
    ("import of this package", "import spacy_seginf.cli, spacy_seginf.api.explain"),
    ("loading the pipeline, opening the index", "from spacy_seginf.explanation.loading import load_indexed as load\n"
     "nlp, influence = load({folder!r})"),
    ("the first text", "doc = nlp({text!r})"),
    ("a further text", "doc = nlp({text!r})"),
)  # fmt: skip
CLOCKS = "(time.perf_counter(), time.process_time())"


def command_seconds(folder: Path) -> tuple[float, float, float]:
    """Run the command; return seconds until the explanation is there, until the process has ended, and those of the
    processor."""
    command = [sys.executable, "-m", "spacy", "seginf", "explain", str(folder), TEXT]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        shown = time.perf_counter() - start
        process.communicate()
    if process.returncode:
        raise SystemExit(f"The command failed: {' '.join(command)}")
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return shown, elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def step_seconds(folder: Path) -> list[tuple[float, float]]:
    """Take the same steps one by one in a fresh interpreter; return the same of each."""
    code = ["import json, time", f"clocks = [{CLOCKS}]"]
    for _, step in STEPS:
        code += [step.format(folder=str(folder), text=TEXT), f"clocks.append({CLOCKS})"]
    code.append("print(json.dumps(clocks))")
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], capture_output=True, text=True, check=True)
    clocks = numpy.diff(json.loads(done.stdout.splitlines()[-1]), axis=0)
    return [(float(elapsed), float(used)) for elapsed, used in clocks]


def embedded_index(quick: bool) -> Path:
    """Return the index of a tagger of the embedded corpus, building it first if it is not there."""
    folder = CACHE / f"first_explanation{'_quick' if quick else ''}"
    if not folder.exists():
        model = checkpoint("embedded", 0, None, steps=50 if quick else None)
        files = [str(model), str(corpus(None, "train")), str(folder), "--dev", str(corpus(None, "dev"))]
        subprocess.run([sys.executable, "-m", "spacy", "seginf", "index", *files], check=True)
    return folder


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False, given=True)
    folder = arguments.indexed or embedded_index(arguments.quick)
    repeats = 2 if arguments.quick else 7
    commands = numpy.median([command_seconds(folder) for _ in range(repeats + 1)][1:], axis=0)
    steps = numpy.median([step_seconds(folder) for _ in range(repeats + 1)][1:], axis=0)
    shown, elapsed, used = map(float, commands)
    rows = [["seginf explain: explanation shown", shown, ""], ["seginf explain: process ended", elapsed, used]]
    rows += [[name, *map(float, seconds)] for (name, _), seconds in zip(STEPS, steps)]
    print_table(["what", "seconds", "of the processor"], rows)
    figures = {"shown_s": shown, "ended_s": elapsed, "ended_cpu_s": used, "warm_ms": 1000 * float(steps[-1][0])}
    figures.update({f"{name}_cpu_s": float(one[1]) for name, one in zip(("spacy", "package", "load", "first"), steps)})
    finish("first_explanation", figures, quick=arguments.quick, rows=repeats, seeds=[])


if __name__ == "__main__":
    main()

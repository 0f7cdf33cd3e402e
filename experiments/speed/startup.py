"""What this package adds to `python -m spacy --help`, and to creating a blank pipeline.

OMP_NUM_THREADS=1 python -m experiments.speed.startup
"""

from __future__ import annotations

import subprocess
import sys

import numpy

from ..common.reporting import finish, parse_arguments, print_table

CASES = {
    "help_ms": ("python -m spacy --help", "import spacy.cli", "import spacy_seginf.cli"),
    "blank_ms": (
        'spacy.blank("en")',
        "import spacy, spacy.pipeline, spacy.training, thinc.api",
        "import spacy_seginf.explanation.influence, spacy_seginf.tagger.architecture",
    ),
}


def milliseconds(before: str, ours: str) -> float:
    """Time an import in a fresh interpreter, after what spaCy itself imports for the same command."""
    code = f"{before}; import time; start = time.perf_counter(); {ours}; print(time.perf_counter() - start)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return 1000 * float(done.stdout.split()[-1])


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    repeats = 2 if arguments.quick else 9
    rows, figures = [], {}
    for key, (name, before, ours) in CASES.items():
        runs = [milliseconds(before, ours) for _ in range(repeats + 1)][1:]
        figures[key] = float(numpy.median(runs))
        rows.append([name, figures[key]])
    print_table(["command", "milliseconds added"], rows)
    finish("startup", figures, quick=arguments.quick, rows=repeats, seeds=[])


if __name__ == "__main__":
    main()

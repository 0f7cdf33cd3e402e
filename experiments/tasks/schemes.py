"""BIO, BILUO and IO on CoNLL-2003 with its own labels: entity F1 of the same tagger, same steps.

OMP_NUM_THREADS=1 python -m experiments.tasks.schemes --data DIR [--quick]
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.training import Corpus

from ..common.prepare import SEEDS, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .training import config_of, trained

SCHEMES = ("BIO", "BILUO", "IO")
STEPS, QUICK_STEPS = 500, 20


def measure(data: Path, scheme: str, seed: int, steps: int) -> float:
    """Train with a scheme and score on the test part."""
    config = config_of({"factory": "crf_tagger", "scheme": scheme}, "ents_f")
    model = trained(config, corpus(data, "train"), corpus(data, "dev"), seed, steps)
    nlp = spacy.load(model)
    return float(nlp.evaluate(list(Corpus(corpus(data, "test"))(nlp)))["ents_f"])


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    steps, seeds = (QUICK_STEPS, SEEDS[:1]) if arguments.quick else (STEPS, SEEDS)
    found: dict[str, list[float]] = {scheme: [] for scheme in SCHEMES}
    for seed in seeds:
        for scheme in SCHEMES:
            found[scheme].append(measure(arguments.data, scheme, seed, steps))
            print(seed, scheme, found[scheme][-1], flush=True)
    print_table(["scheme", "mean F1", "by seed"], [[name, numpy.mean(f1), f1] for name, f1 in found.items()])
    figures: dict[str, Any] = {"schemes": found, "schemes_steps": steps}
    finish("tasks", figures, quick=arguments.quick, rows=len(seeds), seeds=seeds, parts=["schemes"])


if __name__ == "__main__":
    main()

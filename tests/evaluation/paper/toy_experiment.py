"""An experiment of another package, as it would write and register it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Sequence

import catalogue
import numpy
from spacy.util import registry

from experiments.errors import LabErrors
from experiments.paper.results import Result, Row
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.intervals import estimate


@dataclass(frozen=True)
class Toy:
    """Doubles its seeds."""

    seeds: Sequence[int] = (1, 2, 3)
    text: str = "plain"
    goal: str = ">= 4"

    def __post_init__(self):
        if not self.seeds:
            raise SeginfError(LabErrors.S132.format(name="Toy", setting="seeds", value=[], allowed="Give some."))

    def run(self, folder, progress, say):
        say("Doubling")
        values = [2.0 * seed for seed in progress(self.seeds, desc="Seeds", total=len(self.seeds), unit="seed")]
        (folder / "doubled.png").write_bytes(b"picture")
        measured = estimate(numpy.array(values))
        row = Row("doubled", self.text, measured, values, 3.5, 0.5, self.goal, len(values), "Twice.")
        facts = {"seeds": list(self.seeds), "seconds": [3600.0, 3600.0]}
        return Result("9.1", self.text, [row], [self.text], [self.text], facts, {"doubled.png": self.text})


FUNCTIONS = {"tests.Toy.v1": Toy, "tests.NoExperiment.v1": lambda: 42}


@contextmanager
def registered():
    """Register the experiment for a while."""
    for name, function in FUNCTIONS.items():
        registry.misc.register(name, func=function)
    try:
        yield
    finally:
        for name in FUNCTIONS:
            catalogue._remove((*registry.misc.namespace, name))

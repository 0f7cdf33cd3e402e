"""Train the pipelines that are compared.

    OMP_NUM_THREADS=1 python -m experiments.referee.trainings --data DIR [--quick] [--corpora wikigold embedded]

Each training is kept as it ends, so rerunning goes on where it was stopped; two runs of one training are the same bit
by bit. `measure` reports on those that are there.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Iterator, NamedTuple, Optional, Sequence

import numpy
from tqdm import tqdm

from ..common.reporting import one_thread
from .corpora import CONLL, EMBEDDED, WIKIGOLD, Corpus, read_corpus
from .pretrained import Pretraining
from .queries import query_losses
from .recipe import Recipe
from .store import Store
from .subsets import HALVES, HUNDREDTHS, SLICES, removed
from .training import train

FULL = "full"


class Training(NamedTuple):
    """A training: which subset (kind, number) loses its weight; "full" is nothing."""

    kind: str
    number: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number:02d}-seed{self.seed}"


@dataclass(frozen=True)
class Plan:
    """What is trained on a corpus.

    seeds: of the trainings that are predicted. encoders: seeds of the pipelines that predict; none of them is among
    the former, so nothing is known of their initial weights and batches. blocks: kind, first and last subset
    (exclusive), how many of the seeds; in this order, so that what is reported first is there first.
    """

    recipe: Recipe
    seeds: tuple[int, ...]
    encoders: tuple[int, ...]
    blocks: tuple[tuple[str, int, int, int], ...]

    def trainings(self) -> Iterator[Training]:
        """List trainings, those first without which there is nothing to report."""
        for seed in (*self.encoders, *self.seeds):
            yield Training(FULL, 0, seed)
        for kind, first, last, repeated in self.blocks:
            for number in range(first, last):
                yield from (Training(kind, number, seed) for seed in self.seeds[:repeated])

    def count(self, kind: str) -> int:
        """Return how many subsets of a kind are planned."""
        return max((last for own, _, last, _ in self.blocks if own == kind), default=0)


PRETRAINED = f"{WIKIGOLD}, pretrained"
CORPORA = (WIKIGOLD, EMBEDDED, PRETRAINED)  # on which predictors are measured
PLANS = {
    WIKIGOLD: Plan(
        Recipe(epochs=2),
        (0, 1, 2, 3, 4),
        (5, 6, 7, 8, 9),
        ((HALVES, 0, 20, 5), (SLICES, 0, 20, 2), (HALVES, 20, 30, 5), (HUNDREDTHS, 0, 20, 1)),
    ),
    EMBEDDED: Plan(Recipe(epochs=2), (0, 1, 2), (5, 6, 7), ((HALVES, 0, 30, 3),)),
    PRETRAINED: Plan(Recipe(epochs=2), (0, 1), (5, 6), ((HALVES, 0, 30, 2),)),
    CONLL: Plan(Recipe(epochs=2), (0, 1, 2), (5,), ()),
}
QUICK = Plan(Recipe(epochs=1), (0, 1), (5,), ((HALVES, 0, 4, 2), (SLICES, 0, 3, 1)))
QUICK_DOCUMENTS = 20


def problem(name: str, data: Optional[Path], *, quick: bool) -> tuple[Corpus, Plan]:
    """Return a corpus and what is trained on it; an encoder is pretrained first where it begins with that."""
    corpus = read_corpus(WIKIGOLD if name == PRETRAINED else name, data)
    plan = QUICK if quick else PLANS[name]
    if name == PRETRAINED and data is not None:
        pretraining = Pretraining(data, QUICK_DOCUMENTS if quick else 0)
        pretraining.run()
        plan = replace(plan, recipe=replace(plan.recipe, pretrained=str(pretraining.weights)))
    return (corpus.first(QUICK_DOCUMENTS) if quick else corpus), plan


def run(corpus: Corpus, training: Training, plan: Plan, store: Store) -> None:
    """Train once, and keep the losses of the queries and, of a full training, the pipeline."""
    if store.array(training.name) is not None:
        return
    weights = None
    if training.kind != FULL:
        gone = removed(training.kind, len(corpus.train), training.number + 1)[training.number]
        weights = numpy.where(gone, 0.0, 1.0)
    nlp = train(corpus, plan.recipe, training.seed, weights)
    if training.kind == FULL:
        store.keep_pipeline(training.name, nlp)
    store.keep(training.name, query_losses(nlp, corpus))


def run_all(names: Sequence[str], data: Optional[Path], *, quick: bool) -> None:
    """Train everything that is not there yet, one corpus after another; progress is on stderr."""
    for name in names:
        corpus, plan = problem(name, data, quick=quick)
        store = Store(corpus, plan.recipe)
        left = [training for training in plan.trainings() if store.array(training.name) is None]
        for training in tqdm(left, desc=name, unit="training", mininterval=10):
            run(corpus, training, plan, store)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="(default: $SEGINF_DATA)")
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=CORPORA)
    parser.add_argument("--quick", action="store_true", help="a smaller run of the same code; does not count")
    arguments = parser.parse_args()
    one_thread()
    run_all(arguments.corpora, arguments.data, quick=arguments.quick)


if __name__ == "__main__":
    main()

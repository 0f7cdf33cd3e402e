"""Is training smooth enough in the weights of its documents for gradients through it to mean anything?

    OMP_NUM_THREADS=1 python -m experiments.referee.metasmoothness --data DIR [--quick]

Empirical metasmoothness (Engstrom et al. 2025, "Optimizing ML training with metagradient descent", section 4): three
trainings, at weights w, w + h v and w + 2 h v, give two finite differences of what training returns,

    D_1 = (A(w + h v) - A(w)) / h        D_2 = (A(w + 2 h v) - A(w + h v)) / h

and it is the agreement of their signs, coordinate by coordinate, weighted by |A(w + 2 h v) - A(w)|:

    sum_i |A(w + 2 h v) - A(w)|_i sign(D_1)_i sign(D_2)_i  /  sum_i |A(w + 2 h v) - A(w)|_i

1 for a linear function; 0 in the mean where three trainings have nothing to do with each other. w is 1 everywhere, v
is -1 on a twentieth of the documents and h = 1/2, so the three are with these documents, with half of their weight, and
without them. A is all parameters, or the losses of the queries. Of wikigold, seeds and documents drawn anew together.

Every set of three trainings is kept as it ends, so rerunning goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from tqdm import tqdm

from ..common.reporting import finish, one_thread, print_table
from .corpora import Corpus
from .pretrained import Pretraining
from .queries import held_out, query_losses
from .recipe import Recipe
from .store import Store
from .subsets import SLICES, removed
from .training import make_docs, parameters, train
from .trainings import problem

SEEDS = (0, 1, 2)
EPOCHS, STEPS = 3, 90  # the latter where the learn rate falls: just more than there are
STEP = 0.5  # h
LEAST, MOST_LOST = 0.95, 0.01  # metasmoothness and F1 of a recipe that passes


def metasmoothness(outcomes: Sequence[numpy.ndarray]) -> float:
    """Return the weighted agreement of signs of two successive differences.

    outcomes (three float arrays): what training returns at w, w + h v and w + 2 h v. RETURNS (float): in [-1, 1].
    """
    start, middle, end = (numpy.asarray(one, dtype=numpy.float64) for one in outcomes)
    weights = numpy.abs(end - start)
    return float((weights * numpy.sign(middle - start) * numpy.sign(end - middle)).sum() / weights.sum())


def recipes(default: Recipe, pretrained: str) -> dict[str, Recipe]:
    """List what is compared: single changes of the default, and changes together."""
    eps, last, falling = {"eps": 1e-3}, {"window": 1}, {"falling": STEPS}
    gentle = {"dropout": 0.0, "learn_rate": default.learn_rate / 4, **eps}
    changes: dict[str, dict[str, Any]] = {
        "default": {},
        "dropout 0": {"dropout": 0.0},
        "Mish": {"mish": True},
        "eps 1e-6": {"eps": 1e-6},
        "eps 1e-4": {"eps": 1e-4},
        "eps 1e-3": eps,
        "learn rate / 4": {"learn_rate": default.learn_rate / 4},
        "batch x 4": {"words": 4 * default.words},
        "without averages": {"averages": False},
        "last 2 epochs": {"window": 2},
        "last epoch": last,
        "Mish, last epoch": {"mish": True, **last},
        "eps 1e-3, last epoch": {**eps, **last},
        "Mish, eps 1e-4, last epoch": {"mish": True, "eps": 1e-4, **last},
        "Mish, falling rate, last epoch": {"mish": True, **falling, **last},
        "falling rate": falling,
        "falling rate, last epoch": {**falling, **last},
        "Mish, eps 1e-4, falling rate, last epoch": {"mish": True, "eps": 1e-4, **falling, **last},
        "pretrained": {"pretrained": pretrained},
        "pretrained, last epoch": {"pretrained": pretrained, **last},
        "pretrained, dropout 0, eps 1e-3, learn rate / 4": {"pretrained": pretrained, **gentle},
    }
    return {name: replace(default, **change) for name, change in changes.items()}


def measure(corpus: Corpus, recipe: Recipe, seed: int) -> numpy.ndarray:
    """Train three times. RETURNS (float64, 3): metasmoothness of parameters and of losses, and F1 with all weights."""
    without = removed(SLICES, len(corpus.train), seed + 1)[seed]
    pipelines = [train(corpus, recipe, seed, numpy.where(without, 1.0 - STEP * times, 1.0)) for times in range(3)]
    return numpy.array(
        [
            metasmoothness([parameters(nlp) for nlp in pipelines]),
            metasmoothness([query_losses(nlp, corpus) for nlp in pipelines]),
            f1(pipelines[0], corpus),
        ]
    )


def f1(nlp: Language, corpus: Corpus) -> float:
    """Return the F1 of entities on all held-out documents."""
    documents, _ = held_out(corpus)
    gold = [Doc(nlp.vocab, words=document.tokens, ents=document.labels) for document in documents]
    return nlp.evaluate([Example(*pair) for pair in zip(make_docs(nlp, documents), gold)])["ents_f"]


def row_of(recipe: Recipe, default: Recipe, values: numpy.ndarray, base: numpy.ndarray) -> dict[str, Any]:
    """Describe a recipe.

    values, base (float64, seeds x 3): what was measured of it, and of the default with the same seeds.
    """
    mean, lost = values.mean(axis=0), float((base[:, 2] - values[:, 2]).mean())
    changed = {name: value for name, value in asdict(recipe).items() if value != getattr(default, name)}
    if "pretrained" in changed:
        changed["pretrained"] = True  # where the file is says nothing
    return {
        "changed": changed,
        "parameters": float(mean[0]),
        "parameters_by_seed": values[:, 0].tolist(),
        "losses": float(mean[1]),
        "losses_by_seed": values[:, 1].tolist(),
        "f1": float(mean[2]),
        "f1_lost": lost,
        "passes": bool(mean[0] >= LEAST and lost <= MOST_LOST),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="(default: $SEGINF_DATA)")
    parser.add_argument("--quick", action="store_true", help="one seed, few documents and recipes; does not count")
    parser.add_argument("--report", action="store_true", help="train nothing, report what there is")
    arguments = parser.parse_args()
    one_thread()
    corpus, plan = problem("wikigold", arguments.data, quick=arguments.quick)
    default = replace(plan.recipe, epochs=EPOCHS)
    pretraining = Pretraining(Path(arguments.data), 2 if arguments.quick else 0)
    every = recipes(default, str(pretraining.weights))
    if arguments.quick:
        every = {name: every[name] for name in ("default", "last epoch", "pretrained")}
    stores = {name: Store(corpus, recipe) for name, recipe in every.items()}
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    kept = {(name, seed): stores[name].array(f"smoothness-seed{seed}") for seed in seeds for name in every}
    left = [] if arguments.report else [key for key, values in kept.items() if values is None]
    for name, seed in tqdm(left, desc="metasmoothness", unit="recipe", mininterval=10):
        if every[name].pretrained is not None:
            pretraining.run()
        values = kept[name, seed] = measure(corpus, every[name], seed)
        stores[name].keep(f"smoothness-seed{seed}", values)
    default_of = {seed: kept["default", seed] for seed in seeds if kept["default", seed] is not None}
    done = {name: [seed for seed in default_of if kept[name, seed] is not None] for name in every}
    if not any(done.values()):
        raise SystemExit("There are no trainings to report yet")
    table = {
        name: row_of(
            every[name],
            default,
            numpy.array([kept[name, seed] for seed in own]),
            numpy.array([default_of[seed] for seed in own]),
        )
        for name, own in done.items()
        if own
    }
    header = ["recipe", "parameters", "losses", "F1", "F1 lost", "passes"]
    cells = [
        [name, *(f"{row[key]:.3f}" for key in ("parameters", "losses", "f1", "f1_lost")), row["passes"]]
        for name, row in table.items()
    ]
    print_table(header, cells)
    found = {
        "recipes": table,
        "not_measured": [name for name, own in done.items() if not own],
        "documents": len(corpus.train),
        "step": STEP,
    }
    figures: dict[str, Any] = {"metasmoothness": found}
    if not any(row["passes"] for row in table.values()):  # then there is nothing to replay
        figures |= {"replay_same": None, "replay_other": None}
    sets = sum(map(len, done.values()))
    settings = {"quick": arguments.quick, "rows": 3 * sets, "seeds": list(default_of)}
    finish("whole_pipeline", figures, parts=("metasmoothness",), **settings)


if __name__ == "__main__":
    main()

"""Deletion with the whole pipeline of the embedded corpus trained anew: exact influence on the head, TracIn on the last
layer, TracIn on word embeddings, and random segments as the floor.

OMP_NUM_THREADS=1 python -m experiments.methods.measure_retrained

Rerunning goes on where it was stopped. Figures are mean changes of the probability of a prediction, of 5 queries, when
the labels of the 50 segments that a method names are missing in training: without supporting labels it should fall,
without opposing ones rise.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.evaluate import show_progress
from spacy_seginf.evaluation.deletion import SIDES
from spacy_seginf.evaluation.method_blocks import read_methods

from ..common.prepare import CACHE, ROOT, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .measure import indexed_pipeline
from .whole_pipeline import RetrainSettings, retrain_deletions

METHODS = ("exact", "tracin-last", "tracin-we", "random")
QUICK = {"documents": 40, "queries": 2, "k": 10, "steps": 20, "repeats": 1}


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    nlp = spacy.load(indexed_pipeline(quick=arguments.quick))
    settings = replace(RetrainSettings(), **QUICK) if arguments.quick else RetrainSettings()
    report = retrain_deletions(
        nlp,
        nlp.get_pipe("influence"),  # type: ignore[arg-type]
        list(DocBin().from_disk(corpus(None, "test")).get_docs(nlp.vocab)),
        partial(read_methods, ROOT / "configs" / "methods.cfg", METHODS),
        settings,
        CACHE / "methods-retrained",
        progress=show_progress,
        say=print,
    )
    figures: dict[str, Any] = {"noise": report["noise"], "settings": report["settings"]}
    table = []
    for name, sides in report["methods"].items():
        figures[name] = sides
        for side in SIDES:
            cells = [f"{sides[side][kind]['mean']:+.3f}" for kind in ("retrained", "refit")]
            bounds = [
                f"[{sides[side][kind]['low']:+.3f}, {sides[side][kind]['high']:+.3f}]"
                for kind in ("retrained", "refit")
            ]
            table.append([name, side, *(f"{cell} {bound}" for cell, bound in zip(cells, bounds))])
    print_table(["method", "labels removed", "whole pipeline", "head refit"], table)
    by_seed = ", ".join(f"{change:+.3f}" for change in report["noise"]["mean_by_seed"])
    print(f"Mean changes by another seed alone: {by_seed}")
    finish("methods_retrained", figures, quick=arguments.quick, rows=settings.documents, seeds=[0])


if __name__ == "__main__":
    main()

"""How often the top supporting reference of a planted error's victim is the planted culprit, over 3 seeds: under the
paper's setting (identity curvature, tokens, the trained head) and under the exact effect (entities, the refit head).

OMP_NUM_THREADS=1 python -m experiments.methods.measure_planted
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.tokens import DocBin
from spacy.training import Corpus

from spacy_seginf.api.index import build_index as index
from spacy_seginf.evaluation.planted import CONFUSIONS, read_culprits

from ..common.prepare import ROOT, SEEDS, checkpoint, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .planted import evaluate_planted, side_by_side

# The paper's setting, and this package's. All settings are given: cached pipelines may have others in their config.
INDEXES: dict[str, dict[str, Any]] = {
    "identity": {"curvature": "identity", "refit": False, "unit": "token"},
    "exact": {"curvature": "exact", "refit": True, "centre": "zero", "unit": "entity"},
}


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    steps = 100 if arguments.quick else None
    culprits = read_culprits(ROOT / "assets" / "corpus" / "train.jsonl.gz")
    train, dev, test = corpus(None, "train"), corpus(None, "dev"), corpus(None, "test")
    rows, by_seed, truth_f1, penalties = [], [], [], []
    for seed in seeds:
        planted_model = checkpoint("embedded", seed, None, steps=steps)
        truth = spacy.load(checkpoint("embedded", seed, None, truth=True, steps=steps))
        truth_f1.append(truth.evaluate(list(Corpus(test)(truth)))["ents_f"])
        reports = {}
        for name, settings in INDEXES.items():
            with tempfile.TemporaryDirectory() as folder:
                built = index(str(planted_model), train, Path(folder) / "indexed", dev=dev, **settings)
                nlp = spacy.load(Path(folder) / "indexed")
                docs = list(DocBin().from_disk(test).get_docs(nlp.vocab))
                report, _, _ = evaluate_planted(nlp, truth, docs, culprits)
                f1 = nlp.evaluate(list(Corpus(test)(nlp)))["ents_f"]
            if built.refit is not None:
                penalties.append(built.refit.l2)
            reports[name] = report
            for kind in CONFUSIONS:
                counts = (report.hits[kind], report.among[kind], report.neighbour_hits[kind])
                shares = [count / max(1, report.victims[kind]) for count in counts]
                rows.append(
                    [seed, name, kind, report.victims[kind], *shares, report.base_rates[kind], f1, truth_f1[-1]]
                )
        by_seed.append(side_by_side(reports["identity"], reports["exact"]))
    header = ["seed", "index", "planted error", "victims", "top reference", "any of 5", "nearest neighbour", "chance"]
    print_table([*header, "test F1 (planted)", "test F1 (truth)"], rows)
    figures = pool(by_seed)
    figures["exact_l2_by_seed"] = penalties
    figures["truth_test_f1"] = float(numpy.mean(truth_f1))
    finish("planted", figures, quick=arguments.quick, rows=len(culprits), seeds=seeds)


def pool(by_seed: list[dict[str, Any]]) -> dict[str, Any]:
    """Average over the victims of all seeds, and list the seeds."""
    figures: dict[str, Any] = {}
    for name in by_seed[0]:
        values = [result[name] for result in by_seed]
        if name not in ("victims", "exact_victims"):
            weights = [result["exact_victims" if name.startswith("exact_") else "victims"] for result in by_seed]
            figures[name] = float(numpy.average(values, weights=weights)) if sum(weights) else 0.0
        if name != "base_rate" and not name.startswith("nearest"):
            figures[f"{name}_by_seed"] = values
    return figures


if __name__ == "__main__":
    main()

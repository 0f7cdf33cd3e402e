"""How often the top supporting reference of a planted error's victim is the planted culprit, over 3 seeds.

OMP_NUM_THREADS=1 python benchmarks/planted.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy
import spacy
from prepare import ROOT, SEEDS, checkpoint, corpus
from reporting import finish, one_thread, parse_arguments, print_table
from spacy.tokens import DocBin
from spacy.training import Corpus

from spacy_seginf.cli.index import index
from spacy_seginf.evaluation.planted import CONFUSIONS, evaluate_planted, read_culprits


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    steps = 100 if arguments.quick else None
    culprits = read_culprits(ROOT / "assets" / "corpus" / "train.jsonl.gz")
    train, test = corpus(None, "train"), corpus(None, "test")
    rows, reports, truth_f1 = [], [], []
    for seed in seeds:
        planted_model = checkpoint("embedded", seed, None, steps=steps)
        truth = spacy.load(checkpoint("embedded", seed, None, truth=True, steps=steps))
        with tempfile.TemporaryDirectory() as folder:
            index(str(planted_model), train, Path(folder) / "indexed")
            nlp = spacy.load(Path(folder) / "indexed")
            docs = list(DocBin().from_disk(test).get_docs(nlp.vocab))
            report, _, _ = evaluate_planted(nlp, truth, docs, culprits)
            f1 = nlp.evaluate(list(Corpus(test)(nlp)))["ents_f"]
        truth_f1.append(truth.evaluate(list(Corpus(test)(truth)))["ents_f"])
        reports.append(report)
        for kind in CONFUSIONS:
            total = max(1, report.victims[kind])
            shares = [report.hits[kind] / total, report.neighbour_hits[kind] / total, report.base_rates[kind]]
            rows.append([seed, kind, report.victims[kind], *shares, f1, truth_f1[-1]])
    header = ["seed", "planted error", "victims", "top reference", "nearest neighbour", "chance"]
    print_table([*header, "test F1 (planted)", "test F1 (truth)"], rows)
    by_seed = [report.figures() for report in reports]
    victims = numpy.array([result["victims"] for result in by_seed])
    names = ("top_reference_is_culprit", "nearest_neighbour_is_culprit", "base_rate")
    figures: dict[str, Any] = {
        name: float(numpy.average([result[name] for result in by_seed], weights=victims)) for name in names
    }
    figures["top_reference_is_culprit_by_seed"] = [result["top_reference_is_culprit"] for result in by_seed]
    figures["victims_by_seed"] = victims.tolist()
    figures["truth_test_f1"] = float(numpy.mean(truth_f1))
    finish("planted", figures, quick=arguments.quick, rows=len(culprits), seeds=seeds)


if __name__ == "__main__":
    main()

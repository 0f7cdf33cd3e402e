"""Attribution methods on the embedded corpus: deletion curves and datamodelling scores by really refitting the head,
the ranks of planted errors, and what a query costs.

OMP_NUM_THREADS=1 python -m experiments.methods.measure

A query here is a predicted entity; a segment is a training entity, annotated or missing. Rerunning goes on where it was
stopped.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.evaluate import QUICK, show_progress
from spacy_seginf.api.index import build_index as index
from spacy_seginf.evaluation.harness import Planted, Settings, compare_methods
from spacy_seginf.evaluation.method_blocks import read_methods
from spacy_seginf.evaluation.planted import read_culprits
from spacy_seginf.evaluation.report import comparison_rows

from .. import registered  # noqa: F401  # the names in methods_outside.cfg
from ..common.annotated import entity_texts
from ..common.prepare import CACHE, ROOT, checkpoint, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from ..speed import tracin_we

MEASURES = ("auc_del_plus", "auc_del_minus", "lds", "planted_top1", "planted_mrr", "planted_ap")
COSTS = ("prepare_seconds", "ms_per_query", "bytes_per_segment")
PROCESSES = 2
QUICK_STEPS = 100


def indexed_pipeline(*, quick: bool) -> Path:
    """Return the pipeline trained on planted errors, with an exact index."""
    model = checkpoint("embedded", 0, None, steps=QUICK_STEPS if quick else None)
    indexed = CACHE / f"indexed-{model.parent.name}"
    if not indexed.exists():
        index(str(model), corpus(None, "train"), indexed, dev=corpus(None, "dev"))
    return indexed


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    steps = QUICK_STEPS if arguments.quick else None
    planted_model = checkpoint("embedded", 0, None, steps=steps)
    truth = spacy.load(checkpoint("embedded", 0, None, truth=True, steps=steps))
    nlp = spacy.load(indexed_pipeline(quick=arguments.quick))
    blocks = read_methods(ROOT / "configs" / "methods.cfg", checkpoints=planted_model.parent / "checkpoints")
    blocks += read_methods(ROOT / "configs" / "methods_outside.cfg")[1:]  # the first is there already
    settings = QUICK if arguments.quick else Settings()
    work = CACHE / ("methods-quick" if arguments.quick else "methods")
    resumed, started = work.exists(), time.perf_counter()
    comparison = compare_methods(
        nlp,
        nlp.get_pipe("influence"),  # type: ignore[arg-type]
        list(DocBin().from_disk(corpus(None, "test")).get_docs(nlp.vocab)),
        blocks,
        settings,
        work,
        planted=Planted(truth, read_culprits(ROOT / "assets" / "corpus" / "train.jsonl.gz")),
        n_process=PROCESSES,
        progress=show_progress,
    )
    minutes = (time.perf_counter() - started) / 60
    print_table(*comparison_rows(comparison))
    print(f"{minutes:.1f} minutes in {PROCESSES} processes" + (", some of it done before" if resumed else ""))
    report = comparison.as_dict()
    figures: dict[str, Any] = {name: {} for name in (*MEASURES, *COSTS)}
    for name, method in report["methods"].items():
        for measure in comparison.measures:
            figures[measure][name] = method[measure]["mean"]
            figures.setdefault(f"{measure}_interval", {})[name] = [method[measure]["low"], method[measure]["high"]]
        for cost in COSTS:
            figures[cost][name] = method[cost]
    figures["minutes"], figures["resumed"] = minutes, resumed
    figures["differences"] = report["differences"]
    figures["facts"] = report["facts"]
    figures["tracin_we_speedup"] = tracin_we.measure(nlp, entity_texts(nlp, corpus(None, "train")))["tracin_we_speedup"]
    finish("methods", figures, quick=arguments.quick, rows=report["facts"]["tokens"], seeds=settings.seeds)


if __name__ == "__main__":
    main()

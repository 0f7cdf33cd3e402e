"""Which scores find wrong training labels: planted errors of the embedded corpus, over 3 seeds; with --conll, also the
corrections of Reiss et al. (2020) to CoNLL-2003, with the transformer's index that experiments/speed/search.py keeps.

Scores that compare with trusted documents see ten of the development part. A token is wrong where its label differs
from gold_labels; an entity or a document, where any of its tokens is.

OMP_NUM_THREADS=1 python -m experiments.curation.label_scores [--conll]
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.api.index import build_index
from spacy_seginf.curation.levels import by_document, by_segment
from spacy_seginf.curation.scores import CHECKPOINTS, SCORES, document_scores, label_scores, segment_scores
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.texts import trusted_texts
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.index.index import Index

from ..common.prepare import CACHE, ROOT, SEEDS, checkpoint, corpus
from ..common.reporting import finish, one_thread, print_table
from ..common.retrieval import evaluate_retrieval

CLEAN_DOCUMENTS = 10
NAMES = [name for name, score in SCORES.items() if score.needs != CHECKPOINTS]
HEADER = [
    "score",
    "token AP",
    "low",
    "high",
    "AUROC",
    "P@100",
    "segment AP",
    "P@100",
    "document AUROC",
    "AP",
    "seconds",
]
SHOWN = [
    ("token", "average_precision"),
    ("token", "auroc"),
    ("token", "precision_at_100"),
    ("segment", "average_precision"),
    ("segment", "precision_at_100"),
    ("document", "auroc"),
    ("document", "average_precision"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smaller run of the same code; does not count")
    parser.add_argument("--conll", action="store_true", help="also CoNLL-2003")
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="corpora folder")
    arguments = parser.parse_args()
    one_thread()
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    repeats = 20 if arguments.quick else 200
    embedded, rows = [], 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            model = checkpoint("embedded", seed, None, steps=100 if arguments.quick else None)
            indexed = Path(folder) / "indexed"
            settings: dict[str, Any] = {"curvature": "exact", "refit": True, "unit": "entity"}
            build_index(str(model), corpus(None, "train"), indexed, dev=corpus(None, "dev"), **settings)
            found = measure(indexed, ROOT / "assets" / "corpus", repeats)
        embedded.append(found)
        rows = found["tokens"]
        report(f"embedded corpus, seed {seed}", found)
    figures: dict[str, Any] = {"embedded": {"by_seed": embedded, "mean": mean(embedded)}}
    if arguments.conll:
        if arguments.data is None:
            parser.error("give the corpora folder with --data DIR or in the environment variable SEGINF_DATA")
        figures["conll"] = measure(CACHE / "search" / "exact", arguments.data / "conll2003", repeats)
        report("CoNLL-2003, transformer", figures["conll"])
    finish("label_scores", figures, quick=arguments.quick, rows=rows, seeds=seeds)


def measure(pipeline: Path, data: Path, repeats: int) -> dict[str, Any]:
    """Compute all scores of an index, and compare with the corrected labels in the folder of its corpus."""
    nlp, influence = load_indexed(str(pipeline))
    assert influence.index is not None
    wrong = wrong_tokens(influence.index, data / "train.jsonl.gz")
    docs = clean_documents(nlp, data / "dev.jsonl.gz")
    source = LabelSource.of(influence.index, trusted_texts(nlp, docs, influence.find_tagger().name))
    lengths = source.data.lengths
    owners = numpy.repeat(numpy.arange(len(lengths)), lengths)
    wrong_documents = by_document(wrong, lengths) > 0
    wrong_units = by_segment(wrong, lengths, source.units) > 0
    scores: dict[str, Any] = {}
    for name in NAMES:
        started = time.process_time()
        tokens, documents = label_scores(source, [name])[name], document_scores(source, [name])[name]
        seconds = time.process_time() - started
        entities = segment_scores(source, [name], source.units)[name]
        at_tokens = evaluate_retrieval(tokens, wrong, at=(100, 500), groups=owners, repeats=repeats).figures()
        at_segments = evaluate_retrieval(
            entities, wrong_units, at=(100, 500), groups=source.units[:, 0], repeats=repeats
        ).figures()
        at_documents = evaluate_retrieval(documents, wrong_documents, at=(50,), repeats=repeats).figures()
        scores[name] = {"token": at_tokens, "segment": at_segments, "document": at_documents, "seconds": seconds}
    return {"tokens": len(wrong), "scores": scores}


def wrong_tokens(index: Index, truth: Path) -> numpy.ndarray:
    """Tell which tokens of an index have labels that the corrected ones contradict (bool, tokens)."""
    wrong = {r["id"]: [a != b for a, b in zip(r["labels"], r["gold_labels"])] for r in read_lines(truth)}
    found: list[bool] = []
    for document, length in enumerate(index.data.lengths):
        identifier, start = index.place(document, 0)
        found += wrong[identifier][start : start + length]
    return numpy.array(found)


def clean_documents(nlp: Language, dev: Path) -> list[Doc]:
    """Draw some documents with their corrected labels."""
    records = read_lines(dev)
    chosen = numpy.random.default_rng(0).permutation(len(records))[:CLEAN_DOCUMENTS].tolist()
    return [Doc(nlp.vocab, words=records[n]["tokens"], ents=records[n]["gold_labels"]) for n in chosen]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the documents of a .jsonl.gz file."""
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def mean(parts: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Average the figures of several seeds."""
    return {
        name: {
            f"{level}_{measure}": float(numpy.mean([part["scores"][name][level][measure][0] for part in parts]))
            for level, measure in SHOWN
        }
        for name in NAMES
    }


def report(title: str, found: dict[str, Any]) -> None:
    """Print a table, the best scores first."""
    print(title)
    for what in ("token", "segment", "document"):
        facts = found["scores"]["random"][what]
        print(f"  wrong {what}s: {facts['relevant']} of {facts['items']} (base rate {facts['base_rate']:.4f})")
    rows = []
    for name, parts in found["scores"].items():
        values = [parts[level][measure] for level, measure in SHOWN]
        rows.append([name, *values[0], *(value for value, _, _ in values[1:]), parts["seconds"]])
    print_table(HEADER, sorted(rows, key=lambda row: -row[1]))


if __name__ == "__main__":
    main()

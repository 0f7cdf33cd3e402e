"""Which scores find wrong training labels: planted errors of the embedded corpus, over 3 seeds; with --conll, also the
corrections of Reiss et al. (2020) to CoNLL-2003, with the transformer's index that benchmarks/search.py keeps.

Scores that compare with trusted documents see ten of the development part. A token is wrong where its label differs
from gold_labels; a document, where any of its tokens is.

OMP_NUM_THREADS=1 python benchmarks/label_scores.py [--conll]
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
from prepare import CACHE, ROOT, SEEDS, checkpoint, corpus
from reporting import finish, one_thread, print_table
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_seginf.cli.explain import load_indexed
from spacy_seginf.cli.index import index as build_index
from spacy_seginf.curation.levels import by_document
from spacy_seginf.curation.reading import clean_texts
from spacy_seginf.curation.scores import CHECKPOINTS, SCORES, document_scores, label_scores
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.evaluation.retrieval import evaluate_retrieval
from spacy_seginf.index.index import Index

CLEAN_DOCUMENTS = 10
NAMES = [name for name, score in SCORES.items() if score.needs != CHECKPOINTS]
HEADER = ["score", "token AP", "low", "high", "AUROC", "precision at 100", "recall at 500", "document AUROC", "seconds"]
SHOWN = ["average_precision", "auroc", "precision_at_100", "recall_at_500"]


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
            found = measure(indexed, ROOT / "assets" / "corpus" / "train.jsonl.gz", corpus(None, "dev"), repeats)
        embedded.append(found)
        rows = found["tokens"]
        report(f"embedded corpus, seed {seed}", found)
    figures: dict[str, Any] = {"embedded": {"by_seed": embedded, "mean": mean(embedded)}}
    if arguments.conll:
        if arguments.data is None:
            parser.error("give the corpora folder with --data DIR or in the environment variable SEGINF_DATA")
        truth, dev = arguments.data / "conll2003" / "train.jsonl.gz", corpus(arguments.data, "dev")
        figures["conll"] = measure(CACHE / "search" / "exact", truth, dev, repeats)
        report("CoNLL-2003, transformer", figures["conll"])
    finish("label_scores", figures, quick=arguments.quick, rows=rows, seeds=seeds)


def measure(pipeline: Path, truth: Path, dev: Path, repeats: int) -> dict[str, Any]:
    """Compute all scores of an index, and compare with what is known of its labels."""
    nlp, influence = load_indexed(str(pipeline))
    assert influence.index is not None
    wrong = wrong_tokens(influence.index, truth)
    docs = clean_documents(nlp, dev)
    source = LabelSource.of(influence.index, clean_texts(nlp, docs, influence.find_tagger().name))
    lengths = source.data.lengths
    owners = numpy.repeat(numpy.arange(len(lengths)), lengths)
    wrong_documents = by_document(wrong, lengths) > 0
    scores: dict[str, Any] = {}
    for name in NAMES:
        started = time.process_time()
        tokens, documents = label_scores(source, [name])[name], document_scores(source, [name])[name]
        seconds = time.process_time() - started
        at_tokens = evaluate_retrieval(tokens, wrong, at=(100, 500), groups=owners, repeats=repeats).figures()
        at_documents = evaluate_retrieval(documents, wrong_documents, at=(50,), repeats=repeats).figures()
        scores[name] = {"token": at_tokens, "document": at_documents, "seconds": seconds}
    return {
        "tokens": len(wrong),
        "wrong_tokens": int(wrong.sum()),
        "documents": len(lengths),
        "wrong_documents": int(wrong_documents.sum()),
        "scores": scores,
    }


def wrong_tokens(index: Index, truth: Path) -> numpy.ndarray:
    """Tell which tokens of an index have labels that the corrected ones contradict (bool, tokens)."""
    with gzip.open(truth, "rt", encoding="utf8") as lines:
        records = [json.loads(line) for line in lines]
    wrong = {r["id"]: [a != b for a, b in zip(r["labels"], r["gold_labels"])] for r in records}
    found: list[bool] = []
    for document, length in enumerate(index.data.lengths):
        identifier, start = index.place(document, 0)
        found += wrong[identifier][start : start + length]
    return numpy.array(found)


def clean_documents(nlp: Language, dev: Path) -> list[Any]:
    """Draw some trusted documents."""
    docs = list(DocBin().from_disk(dev).get_docs(nlp.vocab))
    chosen = numpy.random.default_rng(0).permutation(len(docs))[:CLEAN_DOCUMENTS]
    return [docs[number] for number in chosen.tolist()]


def mean(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Average the figures of several seeds."""
    return {
        name: {
            **{
                measure: float(numpy.mean([p["scores"][name]["token"][measure][0] for p in parts])) for measure in SHOWN
            },
            "document_auroc": float(numpy.mean([p["scores"][name]["document"]["auroc"][0] for p in parts])),
        }
        for name in NAMES
    }


def report(title: str, found: dict[str, Any]) -> None:
    """Print a table, the best scores first."""
    print(f"{title}: {found['wrong_tokens']} of {found['tokens']} tokens are wrong", end=" ")
    print(f"(base rate {found['wrong_tokens'] / found['tokens']:.4f}), in {found['wrong_documents']}", end=" ")
    print(f"of {found['documents']} documents (base rate {found['wrong_documents'] / found['documents']:.3f})")
    rows = []
    for name, parts in found["scores"].items():
        token = parts["token"]
        values = [token["average_precision"], [token[measure][0] for measure in SHOWN[1:]]]
        rows.append([name, *values[0], *values[1], parts["document"]["auroc"][0], parts["seconds"]])
    print_table(HEADER, sorted(rows, key=lambda row: -row[1]))


if __name__ == "__main__":
    main()

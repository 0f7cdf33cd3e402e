"""How long an index build takes, in plain nlp.pipe passes over the same documents.

Twice: encoding and writing only, which is the paper's setting (identity curvature, the trained head), and in full, with
the choice of the penalty, the refit, the exact Hessian and the corrected gradients.

OMP_NUM_THREADS=1 python benchmarks/index.py --data DIR
"""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import spacy
from prepare import checkpoint, corpus
from reporting import finish, one_thread, parse_arguments, print_table
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.cli.index import prepare_influence
from spacy_seginf.pipeline.build import BuildReport, BuildSettings, build_index
from spacy_seginf.pipeline.corpus import read_corpus

IDENTITY = BuildSettings("identity", refit=False)
EXACT = BuildSettings("exact", refit=True)


@dataclass(frozen=True)
class Measured:
    """Median seconds of a pass and of a build in the paper's setting, and a full build."""

    passed: float
    built: float
    exact: BuildReport

    @property
    def ratio(self) -> float:
        """Build in the paper's setting over pass."""
        return self.built / self.passed

    @property
    def exact_ratio(self) -> float:
        """Full build over pass."""
        return sum(self.exact.seconds) / self.passed


def pipe_pass(nlp: Language, words: list[list[str]]) -> float:
    """Time nlp.pipe over the documents; the inert influence component does nothing."""
    docs = [Doc(nlp.vocab, words=tokens) for tokens in words]
    start = time.perf_counter()
    for _ in nlp.pipe(docs):
        pass
    return time.perf_counter() - start


def build(model: Path, corpus_path: Path, dev_path: Path, documents: int, settings: BuildSettings) -> BuildReport:
    """Build an index once. The head moves, so the pipeline is loaded anew."""
    nlp = spacy.load(model)
    _, tagger = prepare_influence(nlp, str(model))
    texts, dev = read_corpus(nlp, corpus_path)[:documents], read_corpus(nlp, dev_path)[:documents]
    folder = Path(tempfile.mkdtemp(prefix="seginf-"))
    try:
        return build_index(nlp, tagger, texts, folder / "index", dev=dev, settings=settings)
    finally:
        shutil.rmtree(folder)


def measure(model: Path, corpus_path: Path, dev_path: Path, documents: int, repeats: int) -> Measured:
    """Time passes and builds in the paper's setting in turn, and then one full build."""
    nlp = spacy.load(model)
    prepare_influence(nlp, str(model))
    words = [[token.text for token in text.example.predicted] for text in read_corpus(nlp, corpus_path)[:documents]]
    passes, builds = [], []
    for _ in range(repeats):
        passes.append(pipe_pass(nlp, words))
        builds.append(sum(build(model, corpus_path, dev_path, documents, IDENTITY).seconds))
    exact = build(model, corpus_path, dev_path, documents, EXACT)
    return Measured(float(numpy.median(passes)), float(numpy.median(builds)), exact)


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    train, dev = corpus(arguments.data, "train"), corpus(arguments.data, "dev")
    documents = 40 if arguments.quick else 10**9
    table, found = [], {}
    for name, kind, repeats in (("HashEmbedCNN", "cnn", 5), ("transformer", "transformer", 3)):
        if arguments.quick and kind == "transformer":
            continue
        model = checkpoint(kind, 0, arguments.data, steps=20 if arguments.quick else None)
        got = found[kind] = measure(model, train, dev, documents, 2 if arguments.quick else repeats)
        table.append([name, got.exact.rows, got.passed, got.built, got.ratio, *got.exact.seconds, got.exact_ratio])
    header = ["encoder", "rows", "nlp.pipe s", "build s", "build / pipe", "exact: encoding s", "refit s", "rest s"]
    print_table([*header, "exact build / pipe"], table)
    figures: dict[str, Any] = {}
    for key, kind in (("build_over_pipe", "transformer"), ("build_over_pipe_cnn", "cnn")):
        measured = found.get(kind)
        figures[key] = measured and measured.ratio
        figures[f"{key}_exact"] = measured and measured.exact_ratio
        figures[f"{key}_exact_seconds"] = measured and list(measured.exact.seconds)  # encoding, refit, rest
    finish("index", figures, quick=arguments.quick, rows=max(m.exact.rows for m in found.values()), seeds=[0])


if __name__ == "__main__":
    main()

"""How long an index build takes, in plain nlp.pipe passes over the same documents.

OMP_NUM_THREADS=1 python benchmarks/index.py --data DIR
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import numpy
import spacy
from prepare import checkpoint, corpus
from reporting import finish, one_thread, parse_arguments, print_table
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.cli.index import prepare_influence
from spacy_seginf.pipeline.build import build_index
from spacy_seginf.pipeline.corpus import read_corpus


def pipe_pass(nlp: Language, words: list[list[str]]) -> float:
    """Time nlp.pipe over the documents; the inert influence component does nothing."""
    docs = [Doc(nlp.vocab, words=tokens) for tokens in words]
    start = time.perf_counter()
    for _ in nlp.pipe(docs):
        pass
    return time.perf_counter() - start


def measure(model: Path, corpus_path: Path, documents: int, repeats: int) -> tuple[float, float, int]:
    """Return median seconds of a pass and of a build, in turn, and the number of rows."""
    nlp = spacy.load(model)
    _, tagger = prepare_influence(nlp, str(model))
    rows = 0
    passes, builds = [], []
    for _ in range(repeats):
        texts = read_corpus(nlp, corpus_path)[:documents]
        passes.append(pipe_pass(nlp, [[token.text for token in text.example.predicted] for text in texts]))
        folder = Path(tempfile.mkdtemp(prefix="seginf-"))
        try:
            start = time.perf_counter()
            rows = build_index(nlp, tagger, texts, folder / "index").rows
            builds.append(time.perf_counter() - start)
        finally:
            shutil.rmtree(folder)
    return float(numpy.median(passes)), float(numpy.median(builds)), rows


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    train = corpus(arguments.data, "train")
    documents = 40 if arguments.quick else 10**9
    table, ratios, rows = [], {}, 0
    for name, kind, repeats in (("HashEmbedCNN", "cnn", 5), ("transformer", "transformer", 3)):
        if arguments.quick and kind == "transformer":
            continue
        model = checkpoint(kind, 0, arguments.data, steps=20 if arguments.quick else None)
        passed, built, rows = measure(model, train, documents, 2 if arguments.quick else repeats)
        ratios[kind] = built / passed
        table.append([name, rows, passed, built, built / passed])
    print_table(["encoder", "rows", "nlp.pipe s", "build s", "build / pipe"], table)
    figures = {"build_over_pipe": ratios.get("transformer"), "build_over_pipe_cnn": ratios["cnn"]}
    finish("index", figures, quick=arguments.quick, rows=rows, seeds=[0])


if __name__ == "__main__":
    main()

"""Pipelines on corpora of several kinds, trained once and cached: what the product is held to on data of strangers.

    OMP_NUM_THREADS=1 python -m experiments.common.strangers --data DIR [--only btc wikigold] [--component ner]

The corpora folder has CORPUS/{train,dev,test}.jsonl.gz; the embedded corpus comes from this repository.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import Optional

from thinc.api import Config

from . import prepare
from .prepare import CACHE, ROOT, _run, with_ner

EMBEDDED = "embedded"
CORPORA = (EMBEDDED, "conll2003", "btc", "wikigold", "anem")
SEEDS = (0, 1, 2)
STEPS = {EMBEDDED: 600, "conll2003": 500, "btc": 800, "wikigold": 400, "anem": 400}


def corpus_file(data: Optional[Path], corpus: str, split: str) -> Path:
    """Convert a part of a corpus, once; return the .spacy file."""
    folder = ROOT / "assets" / "corpus" if corpus == EMBEDDED else Path(str(data)) / corpus
    source = folder / f"{split}.jsonl.gz"
    if not source.exists():
        raise SystemExit(f"There is no {source}: name the folder with the corpora by --data or $SEGINF_DATA")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:10]
    target = CACHE / "corpora" / f"{corpus}-{split}-{digest}.spacy"
    if not target.exists():
        _run([sys.executable, "-m", "spacy", "seginf", "convert", str(source), str(target)])
    return target


def trained(
    data: Optional[Path], corpus: str, component: str = "crf_tagger", seed: int = 0, steps: int = 0, scheme: str = "BIO"
) -> Path:
    """Return a pipeline that was trained on a corpus, as it was after the last step.

    component (str): "crf_tagger", or "ner", spaCy's own over the same encoder.
    steps (int): other than STEPS says. scheme (str): of the crf_tagger.
    """
    steps = steps or STEPS[corpus]
    train, dev = (corpus_file(data, corpus, split) for split in ("train", "dev"))
    config = Config().from_disk(ROOT / "configs" / "cnn.cfg", interpolate=False)
    config["components"].pop("influence")
    config["nlp"]["pipeline"] = ["crf_tagger"]
    config["components"]["crf_tagger"]["scheme"] = scheme
    if component == "ner":
        config = with_ner(config)
    return prepare.trained(config, f"{corpus}-{component}", train, dev, seed, steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="(default: $SEGINF_DATA)")
    parser.add_argument("--only", nargs="+", choices=CORPORA, default=CORPORA)
    parser.add_argument("--component", choices=("crf_tagger", "ner"), default="crf_tagger")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        for corpus in arguments.only:
            print(trained(arguments.data, corpus, arguments.component, seed).relative_to(ROOT), flush=True)


if __name__ == "__main__":
    main()

"""Universal parts of speech of UD English EWT: the CRF tagger against spaCy's tagger over the same encoder, same steps.

    OMP_NUM_THREADS=1 python -m experiments.tasks.parts_of_speech --data DIR [--quick]

Accuracy is that on the test part, of the pipelines after the last step, for each seed; training speed is measured on
the same batches, both in turn. DIR has ud_ewt/{train,dev,test}.jsonl.gz, with a tag for each token.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.util import registry
from thinc.api import Config

from ..common.prepare import CACHE, SEEDS
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .training import config_of, trained

STEPS, QUICK_STEPS = 1000, 30
WARM_UP, ROUNDS = 3, 60
SCORES = {"crf_tagger": "pos_acc", "tagger": "tag_acc"}


def corpus_of_tags(data: Path, split: str) -> Path:
    """Write a part of the corpus with its parts of speech, also as fine-grained tags, which are all that spaCy's tagger
    learns; return the .spacy file."""
    source = data / "ud_ewt" / f"{split}.jsonl.gz"
    target = CACHE / "corpora" / f"ud_ewt-{split}-{hashlib.sha256(source.read_bytes()).hexdigest()[:10]}.spacy"
    if not target.exists():
        vocab, docs = spacy.blank("en").vocab, DocBin(attrs=["ORTH", "SPACY", "TAG", "POS"], store_user_data=True)
        with gzip.open(source, "rt", encoding="utf8") as lines:
            for record in map(json.loads, lines):
                tags = record["labels"]
                doc = Doc(vocab, words=record["tokens"], tags=tags, pos=tags, user_data={"id": record["id"]})
                docs.add(doc)
        target.parent.mkdir(parents=True, exist_ok=True)
        docs.to_disk(target)
    return target


def config(component: str) -> Config:
    """Put one of the two over the encoder of configs/cnn.cfg."""
    if component == "tagger":
        return config_of({"factory": "tagger", "model": {"@architectures": "spacy.Tagger.v2"}}, SCORES[component])
    return config_of({"factory": "crf_tagger", "target": "pos"}, SCORES[component])


def accuracy(model: Path, corpus: Path, component: str) -> float:
    """Score a pipeline: the share of right tags."""
    nlp = spacy.load(model)
    return float(nlp.evaluate(list(Corpus(corpus)(nlp)))[SCORES[component]])


def words_per_second(data: Path, rounds: int) -> dict[str, float]:
    """Update both in turn on the same batches; return training words per second of each (medians over batches)."""
    pipelines = {component: _fresh(data, component) for component in SCORES}
    optimizers = {component: nlp.create_optimizer() for component, (nlp, _) in pipelines.items()}
    speeds: dict[str, list[float]] = {component: [] for component in SCORES}
    for step in range(WARM_UP + rounds):
        for component, (nlp, batches) in pipelines.items():
            batch = batches[step % len(batches)]
            start = time.perf_counter()
            nlp.update(batch, sgd=optimizers[component], drop=0.1)
            seconds = time.perf_counter() - start
            if step >= WARM_UP:
                speeds[component].append(sum(len(example.predicted) for example in batch) / seconds)
    return {component: float(numpy.median(found)) for component, found in speeds.items()}


def _fresh(data: Path, component: str) -> tuple[Language, list[list[Example]]]:
    nlp = spacy.util.load_model_from_config(config(component), auto_fill=True)
    examples = list(Corpus(corpus_of_tags(data, "train"))(nlp))
    nlp.initialize(lambda: examples)
    batcher = registry.resolve({"batcher": nlp.config["training"]["batcher"]})["batcher"]
    return nlp, list(batcher(examples))


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    steps, seeds = (QUICK_STEPS, SEEDS[:1]) if arguments.quick else (STEPS, SEEDS)
    train, dev, test = (corpus_of_tags(arguments.data, split) for split in ("train", "dev", "test"))
    found = {
        component: [accuracy(trained(config(component), train, dev, seed, steps), test, component) for seed in seeds]
        for component in SCORES
    }
    speeds = words_per_second(arguments.data, 5 if arguments.quick else ROUNDS)
    rows: list[list[Any]] = [
        [component, *values, float(numpy.mean(values)), speeds[component]] for component, values in found.items()
    ]
    print_table(["component", *(f"seed {seed}" for seed in seeds), "mean", "training words/s"], rows)
    figures = {
        "upos": float(numpy.mean(found["crf_tagger"])),
        "upos_tagger": float(numpy.mean(found["tagger"])),
        "upos_by_seed": found,
        "words_per_second_ratio": speeds["crf_tagger"] / speeds["tagger"],
        "words_per_second": speeds,
        "steps": steps,
    }
    finish("tasks", figures, quick=arguments.quick, rows=len(seeds), seeds=seeds, parts=["parts of speech"])


if __name__ == "__main__":
    main()

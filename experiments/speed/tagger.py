"""The CRF tagger against spaCy's ner on CoNLL-2003: same encoder, same steps; and with a transformer.

    OMP_NUM_THREADS=1 python -m experiments.speed.tagger --data DIR

F1 is that of the checkpoints that prepare.py trains (best on dev, means of 3 seeds); training speed is measured here,
both taggers in turn on the same batches.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Corpus, Example
from spacy.util import registry
from thinc.api import Config

from ..common.prepare import ROOT, SEEDS, checkpoint, corpus, with_ner
from ..common.reporting import finish, one_thread, parse_arguments, print_table

WARM_UP, ROUNDS = 3, 40


def f1(model: Path, corpora: dict[str, Path]) -> dict[str, float]:
    """Score a checkpoint: entity F1 per split."""
    nlp = spacy.load(model)
    return {split: nlp.evaluate(list(Corpus(path)(nlp)))["ents_f"] for split, path in corpora.items()}


def fresh(kind: str, data: Path) -> tuple[Language, list[list[Example]]]:
    """Initialize an untrained pipeline as training does, and cut its corpus into the config's batches."""
    config = Config().from_disk(ROOT / "configs" / "cnn.cfg")
    if kind == "ner":
        config = with_ner(config)
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    examples = list(Corpus(corpus(data, "train"))(nlp))
    nlp.initialize(lambda: examples)
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    return nlp, list(batcher(examples))


def words_per_second(data: Path, rounds: int) -> dict[str, float]:
    """Update both taggers in turn on the same batches; return training words per second of each."""
    pipelines = {kind: fresh(kind, data) for kind in ("cnn", "ner")}
    optimizers = {kind: nlp.create_optimizer() for kind, (nlp, _) in pipelines.items()}
    seconds = dict.fromkeys(pipelines, 0.0)
    words = 0
    for step in range(WARM_UP + rounds):
        for kind, (nlp, batches) in pipelines.items():
            batch = batches[step % len(batches)]
            start = time.perf_counter()
            nlp.update(batch, sgd=optimizers[kind], drop=0.1)
            if step >= WARM_UP:
                seconds[kind] += time.perf_counter() - start
                words += sum(len(example.predicted) for example in batch) if kind == "cnn" else 0
    return {kind: words / value for kind, value in seconds.items()}


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    steps = 20 if arguments.quick else None
    corpora = {split: corpus(arguments.data, split) for split in ("dev", "test")}
    scores: dict[str, list[dict[str, float]]] = {}
    for kind in ("cnn", "ner"):
        models = [checkpoint(kind, seed, arguments.data, steps=steps) for seed in seeds]
        scores[kind] = [f1(model, corpora) for model in models]
    if not arguments.quick:
        scores["transformer"] = [f1(checkpoint("transformer", 0, arguments.data), corpora)]
    speed = words_per_second(arguments.data, 5 if arguments.quick else ROUNDS)
    names = {
        "cnn": "crf_tagger, HashEmbedCNN",
        "ner": "spaCy ner, HashEmbedCNN",
        "transformer": "crf_tagger, transformer",
    }
    rows = []
    for kind, runs in scores.items():
        values = {split: numpy.array([run[split] for run in runs]) for split in corpora}
        cells = [f"{v.mean():.4f} ({v.min():.4f} to {v.max():.4f})" for v in values.values()]
        rows.append([names[kind], len(runs), *cells, round(speed[kind]) if kind in speed else "-"])
    print_table(["tagger", "seeds", "dev F1 (range)", "test F1 (range)", "training words/s"], rows)
    mean = {
        (kind, split): float(numpy.mean([run[split] for run in runs]))
        for kind, runs in scores.items()
        for split in corpora
    }
    figures = {
        "test_f1": mean["cnn", "test"],
        "dev_f1": mean["cnn", "dev"],
        "test_f1_by_seed": [run["test"] for run in scores["cnn"]],
        "ner_test_f1": mean["ner", "test"],
        "ner_dev_f1": mean["ner", "dev"],
        "ner_test_f1_by_seed": [run["test"] for run in scores["ner"]],
        "words_per_second": speed["cnn"],
        "words_per_second_ratio": speed["cnn"] / speed["ner"],
        "minilm_dev_f1": mean.get(("transformer", "dev")),
        "minilm_test_f1": mean.get(("transformer", "test")),
    }
    tokens = sum(
        len(doc) for doc in DocBin().from_disk(corpus(arguments.data, "train")).get_docs(spacy.blank("en").vocab)
    )
    finish("tagger", figures, quick=arguments.quick, rows=tokens, seeds=seeds)


if __name__ == "__main__":
    main()

"""Chunks as spans: the CRF tagger (target spans:chunks) against spaCy's spancat over the same encoder, same steps.

    OMP_NUM_THREADS=1 python -m experiments.tasks.chunks --data DIR [--quick]

Chunks are made of the fine-grained tags of UD English EWT. Noun chunks are those of Bird, Klein and Loper (2009),
"Natural Language Processing with Python", section 7.2: runs of determiners, adjectives and nouns, here also possessives
and numbers; verb groups and prepositions are as CoNLL-2000 has them. They follow from tags, so this is an easy task. F1
is that on the test part.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Iterator, Sequence

import numpy
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus

from ..common.prepare import CACHE, SEEDS
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .confidence import SPANCAT
from .training import config_of, trained

KEY = "chunks"
STEPS, QUICK_STEPS = 500, 30
LONGEST = 8  # words of a span that spancat scores
GRAMMAR = re.compile(
    r"(?P<NP>(?:<(?:DT|PRP\$|JJ[RS]?|CD|NNP?S?)>)+)|(?P<VP>(?:<(?:MD|TO)>)?(?:<RB>)?(?:<VB[DGNPZ]?>)+)|(?P<PP>(?:<IN>)+)"
)
CONFIGS: dict[str, dict[str, Any]] = {
    "crf_tagger": {"factory": "crf_tagger", "target": f"spans:{KEY}"},
    "spancat": {
        "factory": "spancat",
        "model": SPANCAT,
        "spans_key": KEY,
        "suggester": {"@misc": "spacy.ngram_range_suggester.v1", "min_size": 1, "max_size": LONGEST},
    },
}


def chunks(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the chunks of a sentence: first token, token behind the last, kind.

    >>> list(chunks(["DT", "NN", "MD", "VB", "IN", "NNP", "."]))
    [(0, 2, 'NP'), (2, 4, 'VP'), (4, 5, 'PP'), (5, 6, 'NP')]
    """
    text = "".join(f"<{tag}>" for tag in tags)
    for found in GRAMMAR.finditer(text):
        start = text.count("<", 0, found.start())
        yield start, start + found.group().count("<"), str(found.lastgroup)


def corpus_of_chunks(data: Path, split: str) -> Path:
    """Write a part of the corpus with its chunks; return the .spacy file."""
    source = data / "ud_ewt" / f"{split}.jsonl.gz"
    target = CACHE / "corpora" / f"chunks-{split}-{hashlib.sha256(source.read_bytes()).hexdigest()[:10]}.spacy"
    if not target.exists():
        vocab, docs = spacy.blank("en").vocab, DocBin(store_user_data=True)
        with gzip.open(source, "rt", encoding="utf8") as lines:
            for record in map(json.loads, lines):
                doc = Doc(vocab, words=record["tokens"], user_data={"id": record["id"]})
                starts = [*record["sent_starts"], len(doc)]
                doc.spans[KEY] = [
                    Span(doc, first + start, first + end, label=kind)
                    for first, last in zip(starts, starts[1:])
                    for start, end, kind in chunks(record["xpos"][first:last])
                ]
                docs.add(doc)
        target.parent.mkdir(parents=True, exist_ok=True)
        docs.to_disk(target)
    return target


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    steps, seeds = (QUICK_STEPS, SEEDS[:1]) if arguments.quick else (STEPS, SEEDS)
    train, dev, test = (corpus_of_chunks(arguments.data, split) for split in ("train", "dev", "test"))
    score = f"spans_{KEY}_f"
    found: dict[str, list[float]] = {}
    for component, block in CONFIGS.items():
        found[component] = []
        for seed in seeds:
            nlp = spacy.load(trained(config_of(block, score), train, dev, seed, steps))
            found[component].append(float(nlp.evaluate(list(Corpus(test)(nlp)))[score]))
            print(component, seed, found[component][-1], flush=True)
    rows = [[component, *values, float(numpy.mean(values))] for component, values in found.items()]
    print_table(["component", *(f"seed {seed}" for seed in seeds), "mean"], rows)
    figures = {
        "chunk_f1": float(numpy.mean(found["crf_tagger"])),
        "chunk_f1_spancat": float(numpy.mean(found["spancat"])),
        "chunk_f1_by_seed": found,
        "chunk_steps": steps,
    }
    finish("tasks", figures, quick=arguments.quick, rows=len(seeds), seeds=seeds, parts=["chunks"])


if __name__ == "__main__":
    main()

"""How often the diagnosis of a wrong prediction names the cause that was planted, and how often it does elsewhere.

Four causes are planted in the training part of a corpus, each in entities of one type behind one word: wrong labels,
labels that contradict each other in two halves, a type that is taken out with its sentences, and another left boundary.
A tagger of the planted corpus and its twin, of the corpus as it was, predict texts that were held out: a fifth of the
training part, and the development part. Victims are entities that the twin gets right and the other gets wrong in the
way that was planted.

OMP_NUM_THREADS=1 python -m experiments.methods.measure_diagnosis --data DIR --corpus btc
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Optional, Sequence

import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.explanation.causes import BOUNDARY, NOTHING_NEAR
from spacy_seginf.explanation.diagnosis import Diagnostician, Signs
from spacy_seginf.explanation.judged_texts import read_judged
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.wrong_regions import Region

from ..common.prepare import CACHE, ROOT
from ..common.reporting import finish, one_thread, print_table
from .diagnosis_plants import CAUSES, Planting, Sentence, bio, choose, planted, sentences

EVERY = 5  # training documents, of which one is held out
STEPS, QUICK_STEPS = 400, 100
Named = list[tuple[str, Sentence]]
Diagnosed = list[tuple[int, Region, Signs]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="corpora (or $SEGINF_DATA)")
    parser.add_argument("--corpus", default="btc", help="folder with train.jsonl.gz and dev.jsonl.gz (BIO labels)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder for corpora and pipelines; what is there is not made again")
    parser.add_argument("--quick", action="store_true", help="fewer steps of training; does not count")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give the corpora folder with --data DIR or in the environment variable SEGINF_DATA")
    one_thread()
    steps = QUICK_STEPS if arguments.quick else STEPS
    work = arguments.work or CACHE / f"diagnosis-{arguments.corpus}-{steps}-seed{arguments.seed}"
    train, held_out = read(Path(arguments.data) / arguments.corpus)
    planting = choose([sentence for _, sentence in train], [sentence for _, sentence in held_out])
    damaged = [
        (name, changed)
        for number, (name, sentence) in enumerate(train)
        for changed in [planted(planting, number, sentence)]
        if changed is not None
    ]
    write(work / "held.spacy", held_out)
    found = {}
    for kind, texts in (("planted", damaged), ("twin", train)):
        write(work / f"{kind}.spacy", texts)
        found[kind] = diagnosed(prepare(work, kind, steps, arguments.seed), work / "held.spacy")
    figures = compare(planting, held_out, found["planted"], found["twin"])
    figures["planted"] = {
        cause: f"{pattern.label} behind {pattern.before}" for cause, pattern in planting.patterns.items()
    }
    name = f"diagnosis_{arguments.corpus}"
    finish(name, figures, quick=arguments.quick, rows=len(held_out), seeds=[arguments.seed])


def read(folder: Path) -> tuple[Named, Named]:
    """Read the sentences that are trained on, and those that are held out."""
    parts = {}
    for part in ("train", "dev"):
        with gzip.open(folder / f"{part}.jsonl.gz", "rt", encoding="utf8") as lines:
            parts[part] = [json.loads(line) for line in lines]
    train = [document for number, document in enumerate(parts["train"]) if number % EVERY]
    return list(sentences(train)), list(sentences([*parts["train"][::EVERY], *parts["dev"]]))


def write(path: Path, texts: Named) -> None:
    """Write sentences as a .spacy corpus."""
    vocab = spacy.blank("en").vocab
    docs = DocBin(store_user_data=True)
    for name, sentence in texts:
        doc = Doc(vocab, words=sentence[0], ents=bio(sentence))
        doc.user_data["id"] = name
        docs.add(doc)
    path.parent.mkdir(parents=True, exist_ok=True)
    docs.to_disk(path)


def prepare(work: Path, kind: str, steps: int, seed: int) -> Path:
    """Train and index a pipeline, unless that was done."""
    indexed = work / f"{kind}-indexed"
    if not indexed.exists():
        settings = {"paths.train": work / f"{kind}.spacy", "paths.dev": work / "held.spacy", "system.seed": seed}
        settings |= {"training.max_steps": steps, "training.eval_frequency": steps}
        options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        command = ["-m", "spacy", "train", "configs/cnn.cfg", "--output", str(work / kind), *options]
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True)
        build_index(str(work / kind / "model-last"), work / f"{kind}.spacy", indexed, dev=work / "held.spacy")
    return indexed


def diagnosed(pipeline: Path, corpus: Path) -> Diagnosed:
    """Diagnose all wrong predictions of a pipeline: number of the text, region, and what its cause is read off."""
    nlp, influence = load_indexed(str(pipeline))
    scheme, index = influence.find_tagger().scheme, influence.explainer().index
    texts = read_judged(nlp, influence.find_tagger(), corpus)
    mistakes = texts.mistakes(scheme)
    found = Diagnostician(index, scheme).diagnose(texts, mistakes)
    return [(text, region, one.signs) for (text, region), one in zip(mistakes, found)]


def compare(planting: Planting, held_out: Named, planted_ones: Diagnosed, twin: Diagnosed) -> dict[str, Any]:
    """Say how often the right cause is named for victims, and how often each is named among other mistakes."""
    wrong_in_twin = {(text, entity) for text, region, _ in twin for entity in region.gold}
    named: dict[str, Counter[str]] = {cause: Counter() for cause in CAUSES}
    others, others_of_twin = (Counter[str]() for _ in range(2))
    for text, region, signs in planted_ones:
        sentence = held_out[text][1]
        cause = victim_of(planting, sentence, region, {entity for number, entity in wrong_in_twin if number == text})
        if cause is not None:
            named[cause][signs.cause] += 1
        elif not near_pattern(planting, sentence, region):
            others[signs.cause] += 1
    for text, region, signs in twin:
        if not near_pattern(planting, held_out[text][1], region):
            others_of_twin[signs.cause] += 1
    rows = []
    figures: dict[str, Any] = {"mistakes": len(planted_ones), "mistakes_of_twin": len(twin)}
    for cause in CAUSES:
        victims = sum(named[cause].values())
        right = named[cause][cause] / max(victims, 1)
        rates = [counts[cause] / max(sum(counts.values()), 1) for counts in (others, others_of_twin)]
        rows.append([cause, victims, right, *rates, dict(named[cause])])
        key = cause.replace(" ", "_")
        figures |= {f"{key}_victims": victims, f"{key}_right": right, f"{key}_named": dict(named[cause])}
        figures |= {f"{key}_among_others": rates[0], f"{key}_among_others_of_twin": rates[1]}
    print_table(["planted", "victims", "named right", "among others", "of the twin", "named"], rows)
    figures["diagnosis_right_min"] = min(figures[f"{cause.replace(' ', '_')}_right"] for cause in CAUSES)
    return figures


def victim_of(planting: Planting, sentence: Sentence, region: Region, wrong_in_twin: set[Entity]) -> Optional[str]:
    """Name the cause that a mistake is a victim of."""
    for entity in region.gold:
        for cause, pattern in planting.patterns.items():
            if pattern.holds(sentence[0], entity) and entity not in wrong_in_twin:
                if cause == NOTHING_NEAR or _as_planted(planting, cause, entity, region.predicted):
                    return cause
    return None


def near_pattern(planting: Planting, sentence: Sentence, region: Region) -> bool:
    """Is a mistake about something behind the word of a pattern, so that it may be of a cause that was planted?"""
    words = {pattern.before for pattern in planting.patterns.values()}
    starts = {one.start for one in (*region.predicted, *region.gold)} | {region.start, region.start + 1}
    return any(0 < start <= len(sentence[0]) and sentence[0][start - 1].lower() in words for start in starts)


def _as_planted(planting: Planting, cause: str, entity: Entity, predicted: Sequence[Entity]) -> bool:
    if cause == BOUNDARY:
        return Entity(entity.start - 1, entity.end, entity.label) in predicted
    return any(
        one.label == planting.others[cause] and one.start < entity.end and entity.start < one.end for one in predicted
    )


if __name__ == "__main__":
    main()

"""Figures of a written corpus and the constraints that it must meet."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

from .documents import SYSTEMATIC_KINDS

SPLITS = ("train", "dev", "test")
LARGEST_SHARE = 0.02
FEWEST_SPANS = 40
RANDOM_BOUNDS = (0.005, 0.01)
Documents = dict[str, list[dict[str, Any]]]


def read_documents(folder: Path) -> Documents:
    """Read the three splits of a corpus folder."""
    corpus: Documents = {}
    for split in SPLITS:
        with gzip.open(folder / f"{split}.jsonl.gz", "rt", encoding="utf-8") as lines:
            corpus[split] = [json.loads(line) for line in lines]
    return corpus


def entity_counts(documents: list[dict[str, Any]], key: str = "labels") -> Counter[str]:
    """Count the entities by type."""
    return Counter(label[2:] for record in documents for label in record[key] if label.startswith("B-"))


def planted_families(documents: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """Count the planted spans by kind and family."""
    families: dict[str, Counter[str]] = {}
    for record in documents:
        for planted in record["planted"]:
            families.setdefault(planted["kind"], Counter())[planted["family"]] += 1
    return families


def context_surfaces(documents: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """Count the lower-cased surface forms in the contexts of each planted kind."""
    surfaces: dict[str, Counter[str]] = {kind: Counter() for kind in SYSTEMATIC_KINDS}
    for record in documents:
        for context in record["contexts"]:
            words = record["tokens"][context["start"] : context["end"]]
            surfaces[context["kind"]][" ".join(words).lower()] += 1
    return surfaces


def _valid_labels(labels: list[str]) -> bool:
    previous = "O"
    for label in labels:
        if label.startswith("I-") and previous[2:] != label[2:]:
            return False
        previous = label
    return True


def _record_faults(split: str, record: dict[str, Any]) -> list[str]:
    faults = []
    name, length = record["id"], len(record["tokens"])
    if not all(record["tokens"]) or len(record["labels"]) != length:
        faults.append(f"{name}: empty token or wrong number of labels")
    if len(record["gold_labels"]) != length or record["sent_starts"][0] != 0:
        faults.append(f"{name}: wrong number of gold labels or no first sentence")
    if not (_valid_labels(record["labels"]) and _valid_labels(record["gold_labels"])):
        faults.append(f"{name}: labels are not BIO")
    affected = {index for p in record["planted"] for index in range(p["start"], p["end"])}
    pairs = zip(record["labels"], record["gold_labels"], strict=False)
    changed = {index for index, (observed, gold) in enumerate(pairs) if observed != gold}
    if changed != affected:
        faults.append(f"{name}: labels and planted records disagree")
    if split != "train" and record["planted"]:
        faults.append(f"{name}: planted labels outside the training split")
    return faults


def check_corpus(corpus: Documents) -> tuple[list[str], list[str]]:
    """Describe a corpus, and name the constraints that it violates."""
    figures: list[str] = []
    failures: list[str] = []
    for split, documents in corpus.items():
        counts = entity_counts(documents)
        tokens = sum(len(record["tokens"]) for record in documents)
        listed = ", ".join(f"{label} {counts[label]}" for label in sorted(counts))
        figures.append(
            f"{split}: {len(documents)} documents, {tokens} tokens, {sum(counts.values())} entities ({listed})"
        )
        for record in documents:
            failures.extend(_record_faults(split, record))
    entities = sum(entity_counts(corpus["train"]).values())
    families = planted_families(corpus["train"])
    train_contexts = context_surfaces(corpus["train"])
    test_contexts = context_surfaces(corpus["test"])
    systematic = 0
    absent_families = all_families = 0
    for kind in SYSTEMATIC_KINDS:
        planted = families.get(kind, Counter())
        spans = sum(planted.values())
        systematic += spans
        absent = sum(family.split("/", 1)[1] not in test_contexts[kind] for family in planted)
        absent_families += absent
        all_families += len(planted)
        figures.append(
            f"{kind}: {spans} planted of {sum(train_contexts[kind].values())} spans in its context, "
            f"{len(planted)} families, {absent} absent from the test context "
            f"({sum(test_contexts[kind].values())} test spans)"
        )
        if spans < FEWEST_SPANS:
            failures.append(f"{kind}: {spans} planted spans, fewer than {FEWEST_SPANS}")
        if 2 * absent <= len(planted):
            failures.append(f"{kind}: at most half of the families are absent from the test context")
        if 2 * spans <= sum(train_contexts[kind].values()):
            failures.append(f"{kind}: at most half of its context is planted")
    share = systematic / max(entities, 1)
    random_spans = sum(families.get("random", Counter()).values())
    figures.append(f"systematic: {systematic} of {entities} train entities ({share:.2%})")
    figures.append(f"families absent from the test context: {absent_families} of {all_families}")
    figures.append(f"random: {random_spans} spans ({random_spans / max(entities, 1):.2%})")
    if share > LARGEST_SHARE:
        failures.append(f"systematic errors are {share:.2%} of the train entities")
    if not RANDOM_BOUNDS[0] <= random_spans / max(entities, 1) <= RANDOM_BOUNDS[1]:
        failures.append("random errors are out of bounds")
    return figures, failures

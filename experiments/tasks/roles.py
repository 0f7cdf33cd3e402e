"""Semantic roles: how well they are found, and whether the first family of labels that explains a wrong role holds the
systematic error that taught it.

    OMP_NUM_THREADS=1 python -m experiments.tasks.roles [--quick]

The corpus of assets/roles, one document for each predicate. In its training part most recipients of "lend", named
before what is lent, are labelled A1 instead of A2. Victims are such recipients of the test part that the tagger calls
A1. The family that an explanation shows first is a hit if 30 % of its labels were planted. Beside it: as many labels A1
that are nearest to the victim, and as many at random. Also beside it: the same tagger without the predicate.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Iterator

import numpy
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_seginf.api.index import build_index
from spacy_seginf.api.init_config import init_config
from spacy_seginf.corpora.propositions import PREDICATE, ROLES, propositions
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.tagger.given import PropositionCorpus

from ..common.prepare import CACHE, ROOT, SEEDS, trained
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .culprits import Culprits, means

STEPS, QUICK_STEPS = 800, 60
TARGET, WRONG = f"spans:{ROLES}", "A1"
FOLDER = ROOT / "assets" / "roles"


def read_sentences(split: str) -> list[dict[str, Any]]:
    with gzip.open(FOLDER / f"{split}.jsonl.gz", "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def docs_of(split: str, vocab: Vocab, key: str = "roles") -> Iterator[Doc]:
    """Make the documents of a split, one for each predicate. key (str): "roles" as observed, or "gold_roles"."""
    for record in read_sentences(split):
        doc = Doc(vocab, words=record["tokens"], user_data={"id": record["id"]})
        found = record["propositions"]
        doc.spans[PREDICATE] = [doc[one["predicate"] : one["predicate"] + 1] for one in found]
        doc.spans[ROLES] = [
            Span(doc, start, end, label=label, span_id=str(one["predicate"]))
            for one in found
            for start, end, label in one[key]
        ]
        yield from propositions(doc)


def corpus_of_roles(split: str) -> Path:
    """Write a split as a .spacy file."""
    target = CACHE / "corpora" / f"roles-{split}.spacy"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        DocBin(docs=docs_of(split, spacy.blank("en").vocab), store_user_data=True).to_disk(target)
    return target


def config_of_roles(predicate: bool = True) -> Config:
    """Make the config that users are given, with the predicate or without."""
    with TemporaryDirectory() as folder:
        config = init_config(Path(folder) / "roles.cfg", target=TARGET, predicate=PREDICATE if predicate else None)
    return config


def measure(seed: int, steps: int) -> dict[str, Any]:
    train, dev, test = (corpus_of_roles(split) for split in ("train", "dev", "test"))
    scores = {}
    for name, predicate in (("roles", True), ("roles_blind", False)):
        model = trained(config_of_roles(predicate), name, train, dev, seed, steps)
        nlp = spacy.load(model, exclude=["influence"])
        scores[name] = nlp.evaluate(list(PropositionCorpus(test)(nlp)))[f"spans_{ROLES}_f"]
    model = trained(config_of_roles(), "roles", train, dev, seed, steps)
    indexed = model.parent / "indexed"
    if not indexed.exists():
        build_index(str(model), train, indexed, dev=dev)
    nlp, influence = load_indexed(str(indexed))
    influence.families = 3
    accountant = influence.sources().accountant
    assert accountant is not None
    places = accountant.index.segments_at(accountant.evidence.tokens, accountant.evidence.lengths).tolist()
    planted = {
        (f"{record['id']}/{one['predicate']}", *span)
        for record in read_sentences("train")
        for one in record["propositions"]
        for span in one["context"]
        if one["planted"]
    }
    names = [accountant.index.place(document, start) for document, start, _ in places]
    held = numpy.array([(*name, name[1] + end - start) in planted for name, (_, start, end) in zip(names, places)])
    culprits = Culprits(influence, held)
    rows: list[dict[str, float]] = []
    contexts = 0
    for record in read_sentences("test"):
        for one in record["propositions"]:
            if not one["context"]:
                continue
            contexts += 1
            bare = Doc(nlp.vocab, words=record["tokens"])
            bare.spans[PREDICATE] = [bare[one["predicate"] : one["predicate"] + 1]]
            doc = nlp(bare)
            (place,) = one["context"]
            span = next((role for role in doc.spans[ROLES] if [role.start, role.end] == place), None)
            if span is None or span.label_ != WRONG:
                continue
            rows.append(culprits.behind(doc, span, WRONG, span._.influencers.account))
    result: dict[str, Any] = {"f1": scores["roles"], "f1_without_predicate": scores["roles_blind"]}
    return {**result, "planted": len(planted), "contexts": contexts, "victims": len(rows), **means(rows)}


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    steps, seeds = (QUICK_STEPS, SEEDS[:1]) if arguments.quick else (STEPS, SEEDS)
    found = []
    for seed in seeds:
        found.append(measure(seed, steps))
        print(found[-1], flush=True)
    print_table(list(found[0]), [list(one.values()) for one in found])
    hits = [one["hit"] for one in found if one["victims"]]
    figures = {"planted_role_first": float(numpy.mean(hits)) if hits else None, "roles": found}
    finish("tasks", figures, quick=arguments.quick, rows=len(seeds), seeds=seeds, parts=["roles"])


if __name__ == "__main__":
    main()

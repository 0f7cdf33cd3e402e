"""What does a family teach the whole pipeline? Encoder and head are trained anew without it.

    OMP_NUM_THREADS=1 python -m experiments.methods.retrain_families [--quick] [--seeds 0,1,2] [--groups 10]

On the embedded corpus with its planted errors. Victims (tokens that the planted labels made wrong) are grouped by the
first family that their account shows; for the groups with most victims, the pipeline is trained again without the
labels of that family, without as many labels of the predicted type that are nearest to the victims, without as many of
the largest single effects, and without as many of that type at random. Measured is the share of the group's victims
that are right then. Labels are taken away, not corrected: their tokens have none. What a training predicts is kept in
the cache, so a run that was stopped goes on where it was, and runs of some seeds can be made beside each other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index
from spacy_seginf.attribution.method import Texts
from spacy_seginf.evaluation.planted import Victim, find_victims, predict_tags
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.method_explainer import index_context
from spacy_seginf.files import write_text

from ..common.prepare import CACHE, SEEDS
from ..common.reporting import finish, one_thread, print_table
from .measure_families import Neighbours, Planted, embedded
from .retraining import Retraining

WAYS = ("family", "nearest", "single effects", "random")
STEPS = 600


def run_seed(planted: Planted, indexed: Path, groups: int, steps: int) -> list[dict[str, Any]]:
    """Retrain for the largest groups of victims. RETURNS: for each group its size, and shares put right by way."""
    nlp, influence = load_indexed(str(indexed))
    accountant, explainer = influence.sources().accountant, influence.explainer()
    assert accountant is not None
    index, evidence = accountant.index, accountant.evidence
    docs = list(DocBin().from_disk(planted.queries).get_docs(nlp.vocab))
    wrong, right = predict_tags(nlp, docs), predict_tags(spacy.load(planted.truth), docs)
    asked: dict[int, list[tuple[Victim, Any]]] = defaultdict(list)
    for victim in find_victims(docs, wrong, right, planted.confusions):
        doc = _tagged(docs[victim.document], wrong[victim.document])
        entity = next(ent for ent in doc.ents if ent.start <= victim.token < ent.end)
        query = influence.query(doc, entity, entity.label_)
        (account,) = accountant.accounts(query[0], query[1], numpy.array([query[2]]), 3)
        first = next((one.family for one in account.families if one.share > 0), None) if account else None
        if first is not None:
            asked[first].append((victim, query))
    chosen = sorted(asked, key=lambda family: (-len(asked[family]), family))[:groups]
    context = index_context(nlp, influence.tagger_name, index, "entity")
    everything = index.segments_at(evidence.tokens, evidence.lengths)
    # Annotated entities only: what is missing has no label to take away.
    retraining = Retraining(nlp, influence.tagger_name, steps)
    neighbours, generator = Neighbours(accountant), numpy.random.default_rng(planted.seed)
    results = []
    for family in chosen:
        members = evidence.members(family)
        kind = accountant.label_of(family)
        queries = [query for _, query in asked[family]]
        vector = numpy.mean([data.features[span[1] : span[2]].mean(axis=0) for data, _, span in queries], axis=0)
        effects: dict[tuple[int, int, int], float] = defaultdict(float)
        for data, tags, span in queries:
            (found,) = explainer.explain(data, tags, numpy.array([span]), "entity", 2 * len(members))
            for one in found.supporting:
                if not index.segments.reference(one.row).get("missing"):
                    effects[index.segments.segment(one.row)] += one.effect
        largest = sorted(effects, key=lambda place: (-effects[place], place))[: len(members)]
        sets = {
            "family": everything[members],
            "nearest": everything[neighbours.nearest(vector, kind, len(members))],
            "single effects": numpy.array(largest, dtype=numpy.int64).reshape(-1, 3),
            "random": everything[generator.choice(neighbours.by_type[kind], len(members), replace=False)],
        }
        row: dict[str, Any] = {"label": kind, "labels": len(members), "victims": len(queries)}
        for way in WAYS:
            again = _retrained(planted, retraining, context.training, sets[way], docs)
            victims = [victim for victim, _ in asked[family]]
            put_right = [again[v.document][v.token] == right[v.document][v.token] for v in victims]
            row[way] = float(numpy.mean(put_right))
            print(planted.seed, row, flush=True)
        results.append({"seed": planted.seed, **row})
    return results


def _retrained(
    planted: Planted, retraining: Retraining, training: Texts, missing: numpy.ndarray, docs: list[Doc]
) -> list[list[str]]:
    """Return the tags that a training without some labels predicts. It is done once."""
    content = repr((planted.pipeline.parent.name, retraining.steps, planted.seed, sorted(map(tuple, missing.tolist()))))
    path = CACHE / "retrained-families" / f"{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"
    if not path.exists():
        annotated = retraining.annotated(replace(training, docs=list(training.docs)), missing)
        tags = predict_tags(retraining.train(annotated, planted.seed), docs)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(tags))
    found: list[list[str]] = json.loads(path.read_text(encoding="utf8"))
    return found


def _tagged(doc: Doc, tags: list[str]) -> Doc:
    """Give a copy of a document entities by BIO tags."""
    words, spaces = [token.text for token in doc], [bool(token.whitespace_) for token in doc]
    return Doc(doc.vocab, words=words, spaces=spaces, ents=tags)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two groups of one training of 200 steps; does not count")
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--groups", type=int, default=10)
    arguments = parser.parse_args()
    one_thread()
    seeds = [0] if arguments.quick else [int(seed) for seed in arguments.seeds.split(",")]
    steps, groups = (200, 2) if arguments.quick else (STEPS, arguments.groups)
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        planted = embedded(seed, steps if arguments.quick else None)
        with tempfile.TemporaryDirectory() as folder:
            indexed = Path(folder) / "indexed"
            build_index(str(planted.pipeline), planted.train, indexed, dev=planted.dev, silent=True)
            rows += run_seed(planted, indexed, groups, steps)
    columns = ("seed", "label", "labels", "victims", *WAYS)
    print_table(list(columns), [[row[name] for name in columns] for row in rows])
    figures: dict[str, Any] = {way: float(numpy.mean([row[way] for row in rows])) for way in WAYS}
    gains = numpy.array([row["family"] - row["nearest"] for row in rows])
    drawn = numpy.random.default_rng(0).choice(gains, (10_000, len(gains))).mean(axis=1)
    figures["family_minus_nearest"] = [float(gains.mean()), *numpy.percentile(drawn, [2.5, 97.5]).tolist()]
    figures["groups"] = rows
    finish("retrained_families", figures, quick=arguments.quick, rows=len(rows), seeds=seeds)


if __name__ == "__main__":
    main()

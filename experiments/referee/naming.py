"""Do the families that an explanation names matter to the whole pipeline?

    OMP_NUM_THREADS=1 python -m experiments.referee.naming --data DIR [--quick] [--report]

On 320 documents of the embedded corpus and of CoNLL: for predictions on held-out documents, the pipeline is trained
again without the labels of the first three families that speak for the prediction, and without as many labels of the
predicted type that are nearest to it (cosine of mean features). Measured is the rise of the prediction's loss,
-log p(its labels | labels around it), against the training with all labels and the same seed; the ratio is that of the
means over predictions. The pipeline that is explained is the one of the first seed. Labels that are taken away are
missing, not outside.

Each training is kept as it ends, so rerunning goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Optional, Sequence

import numpy
from spacy.tokens import Doc
from tqdm import tqdm

from spacy_seginf.evaluation.planted import predict_tags
from spacy_seginf.explanation.loading import load_indexed

from ..common.reporting import finish, one_thread, print_table
from ..methods.measure_families import Neighbours
from .corpora import CONLL, EMBEDDED, MISSING, Corpus, Document
from .indexing import indexed
from .queries import losses_of
from .scores import RESAMPLES, SEED
from .store import Store, load
from .training import train
from .trainings import FULL, Plan, Training, problem, run

FAMILIES = 3
QUERIES, QUICK_QUERIES = 20, 2
WAYS = ("families", "neighbours")
Place = tuple[str, int, int]  # id of a training document, first token, end


class Query(NamedTuple):
    """A prediction: its document at the predicted labels, the segment, and the labels that each way names."""

    document: Document
    start: int
    end: int
    named: dict[str, list[Place]]


def draw_queries(corpus: Corpus, pipeline: Path, count: int) -> list[Query]:
    """Draw predictions on test documents that have families for them, and name labels."""
    nlp, influence = load_indexed(str(pipeline))
    accountant = influence.sources().accountant
    assert accountant is not None
    index, evidence, neighbours = accountant.index, accountant.evidence, Neighbours(accountant)
    places = index.segments_at(evidence.tokens, evidence.lengths)

    def named(numbers: numpy.ndarray) -> list[Place]:
        found = []
        for document, start, end in places[numbers].tolist():
            identifier, first = index.place(document, start)
            found.append((identifier, first, first + end - start))
        return sorted(found)

    docs = [Doc(nlp.vocab, words=document.tokens) for document in corpus.test]
    tags = predict_tags(nlp, docs)
    predicted = [
        (number, *entity)
        for number, own in enumerate(tags)
        for entity in corpus.scheme.entities([corpus.scheme.tags.index(tag) for tag in own])
    ]
    queries: list[Query] = []
    for drawn in numpy.random.default_rng(0).permutation(len(predicted)):
        number, start, end, label = predicted[drawn]
        doc = Doc(nlp.vocab, words=corpus.test[number].tokens, ents=tags[number])
        data, labels, segment = influence.query(doc, doc[start:end], label)
        (account,) = accountant.accounts(data, labels, numpy.array([segment]), FAMILIES)
        families = [one.family for one in account.families if one.share > 0][:FAMILIES] if account else []
        if not families:
            continue
        members = numpy.concatenate([evidence.members(family) for family in families])
        alike = neighbours.nearest(data.features[start:end].mean(axis=0), label, len(members))
        ways = {"families": named(members), "neighbours": named(alike)}
        queries.append(Query(corpus.test[number]._replace(labels=tags[number]), start, end, ways))
        if len(queries) == count:
            break
    return queries


def without(corpus: Corpus, places: Sequence[Place]) -> Corpus:
    """Return the corpus with some labels missing."""
    labels = {document.identifier: list(document.labels) for document in corpus.train}
    for identifier, start, end in places:
        labels[identifier][start:end] = [MISSING] * (end - start)
    return replace(corpus, train=[document._replace(labels=labels[document.identifier]) for document in corpus.train])


def rises(
    corpus: Corpus, plan: Plan, store: Store, queries: Sequence[Query], seed: int, *, report: bool
) -> Optional[numpy.ndarray]:
    """Return how much the loss of each query rises without what each way names (float64, queries x ways), training
    what is not there yet; None if some is not there and nothing is to be trained."""
    full = Training(FULL, 0, seed)
    names = {(number, way): f"without-{number:02d}-{way}-seed{seed}" for number in range(len(queries)) for way in WAYS}
    left = [key for key, name in names.items() if store.array(name) is None]
    if report and (left or store.pipeline(full.name) is None):
        return None
    run(corpus, full, plan, store)
    path = store.pipeline(full.name)
    assert path is not None
    base = load(path)
    for number, way in tqdm(left, desc=f"seed {seed}", unit="training", mininterval=10):
        query = queries[number]
        pipelines = base, train(without(corpus, query.named[way]), plan.recipe, seed)
        segment = numpy.array([[0, query.start, query.end]])
        before, after = (losses_of(nlp, corpus, [query.document], segment)[0] for nlp in pipelines)
        store.keep(names[number, way], numpy.array(after - before))
    found = {key: store.array(name) for key, name in names.items()}
    return numpy.array([[float(found[number, way]) for way in WAYS] for number in range(len(queries))])  # type: ignore[arg-type]


def ratio(values: numpy.ndarray) -> dict[str, float]:
    """Return the mean rise without families over that without neighbours, and its 95 % bootstrap interval over queries
    (values: float64, queries x ways)."""
    rng = numpy.random.default_rng(SEED)
    drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))].mean(axis=1)
    low, high = numpy.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    families, neighbours = values.mean(axis=0)
    return {"value": float(families / neighbours), "low": float(low), "high": float(high)}


def measure_naming(name: str, data: Optional[Path], *, quick: bool, report: bool) -> dict[str, Any]:
    """Measure one corpus. RETURNS: figures, with the seeds that all trainings are there of."""
    corpus, plan = problem(name, data, quick=quick)
    store = Store(corpus, plan.recipe)
    explained = Training(FULL, 0, plan.seeds[0])
    run(corpus, explained, plan, store)
    pipeline = indexed(corpus, store, explained.name)
    queries = draw_queries(corpus, pipeline, QUICK_QUERIES if quick else QUERIES)
    by_seed: dict[int, numpy.ndarray] = {}
    for seed in plan.seeds:
        found = rises(corpus, plan, store, queries, seed, report=report)
        if found is not None:
            by_seed[seed] = found
    values = numpy.mean(list(by_seed.values()), axis=0)
    labels = [len(query.named["families"]) for query in queries]
    rows = [
        [" ".join(query.document.tokens[query.start : query.end]), number, *own]
        for query, number, own in zip(queries, labels, values.tolist())
    ]
    print_table([f"{name}: prediction", "labels", *WAYS], rows)
    return {
        "ratio": ratio(values),
        "ratio_by_seed": {str(seed): ratio(own) for seed, own in by_seed.items()},
        "mean_rise": dict(zip(WAYS, values.mean(axis=0).tolist())),
        "rises": values.tolist(),
        "labels": labels,
        "in_common": [len(set(query.named[WAYS[0]]) & set(query.named[WAYS[1]])) for query in queries],
        "seeds": list(by_seed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="(default: $SEGINF_DATA)")
    parser.add_argument("--quick", action="store_true", help="two predictions of a small corpus; does not count")
    parser.add_argument("--report", action="store_true", help="train nothing, report what there is")
    parser.add_argument("--corpora", nargs="+", choices=(EMBEDDED, CONLL), default=(EMBEDDED, CONLL))
    arguments = parser.parse_args()
    one_thread()
    settings = {"quick": arguments.quick, "report": arguments.report}
    found = {name: measure_naming(name, arguments.data, **settings) for name in arguments.corpora}
    for name, own in found.items():
        print(f"{name}: ratio of mean rises", own["ratio"])
    finish(
        "whole_pipeline",
        {"named_ratio": found},
        quick=arguments.quick,
        rows=sum(len(own["labels"]) for own in found.values()),
        seeds=sorted({seed for own in found.values() for seed in own["seeds"]}),
        parts=("naming",),
    )


if __name__ == "__main__":
    main()

"""Whole pipelines trained again without some documents: what is predicted, and how much of it can be known.

    OMP_NUM_THREADS=1 python -m experiments.referee.measure --data DIR [--quick] [--report]

CNN pipelines are trained from scratch on wikigold (sentences) and on half of the embedded corpus (documents), with the
losses of random halves of the documents weighted by zero, and of single twentieths and hundredths. Batches and dropout
depend on seed and ids only, so two trainings with one seed differ by labels alone. Queries are all gold entities of
held-out documents; one half of these chooses penalties, numbers of neighbours and the weight of shared words, the other
half is reported. "All mistakes" is the summed loss of its entities to whose gold labels the full trainings give less
than half of the probability in the mean.

Predictors read pipelines of other seeds than those that are predicted, except for "same seed". --report trains nothing
and tells what the trainings that are there say.
"""

from __future__ import annotations

import argparse
import itertools
import os
from functools import cached_property
from pathlib import Path
from typing import Any, Sequence

import numpy

from ..common.reporting import finish, one_thread, print_table
from .corpora import Corpus
from .predictors import NEIGHBOURS, encoder_scores, nearest, unit_scale
from .queries import held_out
from .scores import Bootstrap, ceiling, estimate, of_mean
from .store import Store
from .subsets import HALVES, HUNDREDTHS, SLICES, removed
from .trainings import CORPORA, FULL, Plan, Training, problem, run_all
from .words import bm25, shared_words

LEAST = 10  # subsets of a seed that are worth a report
WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # of shared words beside the ensemble
AVERAGED = ("index", "exact", "tracin_last", "tracin_we")  # over encoders; the others are of the first one
OTHERS = ("kfac", "identity", "neighbours", "random")
NAMES = {
    "index": "exact influence on the head, one encoder",
    "index_ensemble": "the same, averaged over encoders",
    "exact": "exact influence on a head of labels alone, one encoder",
    "exact_ensemble": "the same, averaged over encoders",
    "kfac": "K-FAC influence on that head",
    "identity": "gradient product on that head",
    "tracin_last": "TracIn, last layer, one encoder",
    "tracin_last_ensemble": "the same, averaged over encoders",
    "tracin_we": "TracIn, word embeddings, one encoder",
    "tracin_we_ensemble": "the same, averaged over encoders",
    "neighbours": "nearest neighbours by label",
    "words": "shared words by label",
    "bm25": "BM25 of the texts",
    "random": "random",
    "ensemble_words": "averaged exact influence and shared words",
    "best_words": "the averaged method that dev chose and shared words",
}
COMPARED = ("index", "index_ensemble", "words")  # with the former sum


class Measured:
    """What was trained on a corpus, and what is predicted for it.

    test (int64): the queries that are reported, among all; dev: those by which things are chosen.
    """

    def __init__(self, corpus: Corpus, plan: Plan, store: Store) -> None:
        self.corpus, self.plan, self.store = corpus, plan, store
        documents, self.queries = held_out(corpus)
        self.documents = documents
        own = self.queries[:, 0] < len(corpus.dev)
        self.dev, self.test = numpy.flatnonzero(own), numpy.flatnonzero(~own)
        self.seeds = self.complete(HALVES)
        self.encoders = [seed for seed in plan.encoders if store.array(Training(FULL, 0, seed).name) is not None]

    def leading(self, kind: str, seed: int) -> int:
        """Count the subsets that were trained with a seed, up to the first that was not."""
        names = (Training(kind, number, seed).name for number in range(self.plan.count(kind)))
        return sum(1 for _ in itertools.takewhile(lambda name: self.store.array(name) is not None, names))

    def complete(self, kind: str) -> list[int]:
        """List the seeds with which enough subsets were trained."""
        least = min(LEAST, self.plan.count(kind)) or 1
        return [seed for seed in self.plan.seeds if self.leading(kind, seed) >= least]

    def losses(self, kind: str) -> dict[int, numpy.ndarray]:
        """Return the queries' losses by seed (float64, subsets x queries): of the subsets that all seeds have."""
        seeds = self.plan.seeds if kind == FULL else self.complete(kind)
        count = 1 if kind == FULL else min(self.leading(kind, seed) for seed in seeds)
        rows = {seed: [self.store.array(Training(kind, n, seed).name) for n in range(count)] for seed in seeds}
        return {seed: numpy.array(own) for seed, own in rows.items() if own[0] is not None}

    def removed(self, kind: str) -> numpy.ndarray:
        """Return which documents these subsets remove (float64, subsets x documents)."""
        (some, *_) = self.losses(kind).values()
        return removed(kind, len(self.corpus.train), len(some)).astype(numpy.float64)

    def scores(self, method: str, seed: int) -> numpy.ndarray:
        """Return a method's scores by the pipeline of a seed (float64, queries x documents).

        Methods of one pipeline are computed together: most of the time goes into its head.
        """
        wanted = AVERAGED if seed in self.encoders else (method,)
        wanted = (*wanted, *OTHERS) if seed == self.encoders[0] else wanted
        return encoder_scores(self.corpus, self.store, Training(FULL, 0, seed).name, wanted)[method]

    @cached_property
    def predictors(self) -> tuple[dict[str, numpy.ndarray], dict[str, Any]]:
        """Scores (float64, queries x documents) by predictor but for single encoders, and what dev chose for them."""
        found = {
            f"{method}_ensemble": numpy.mean([self.scores(method, seed) for seed in self.encoders], axis=0)
            for method in AVERAGED
        }
        found |= {method: self.scores(method, self.encoders[0]) for method in OTHERS}
        words = found["words"] = shared_words(self.corpus.train, self.documents, self.queries)
        found["bm25"] = bm25(self.corpus.train, self.documents, self.queries)
        entities = self.corpus.entities(self.corpus.train)[:, 0]
        by_count = {n: nearest(found["neighbours"], entities, n, len(self.corpus.train)) for n in NEIGHBOURS}
        chosen: dict[str, Any] = {"neighbours": max(by_count, key=lambda n: self._dev_score(by_count[n]))}
        found["neighbours"] = by_count[chosen["neighbours"]]
        sums = {
            (method, weight): unit_scale(found[f"{method}_ensemble"]) + weight * unit_scale(words)
            for method in AVERAGED
            for weight in WEIGHTS
        }
        dev = {key: self._dev_score(scores) for key, scores in sums.items()}
        for name, methods in (("ensemble_words", ("index",)), ("best_words", AVERAGED)):
            method, weight = max((key for key in dev if key[0] in methods), key=dev.__getitem__)
            chosen[name] = {"method": method, "words": weight, "on_dev": dev[method, weight]}
            found[name] = sums[method, weight]
        return found, chosen

    def target(self) -> numpy.ndarray:
        """Return the losses after training without each half, averaged over seeds (float64, halves x queries)."""
        return numpy.mean(list(self.losses(HALVES).values()), axis=0)

    def _dev_score(self, scores: numpy.ndarray) -> float:
        predicted, real = self.removed(HALVES) @ scores[self.dev].T, self.target()[:, self.dev]
        return float(Bootstrap(len(real), len(self.dev), resamples=0).correlation(predicted, real)[0])


def measure_halves(measured: Measured) -> dict[str, Any]:
    """Compare predictors on random halves: ceilings, scores against one seed and against the mean of all."""
    gone, test = measured.removed(HALVES), measured.test
    draws = Bootstrap(len(gone), len(test))
    runs = [losses[:, test] for losses in measured.losses(HALVES).values()]
    mean = numpy.mean(runs, axis=0)
    scores, chosen = measured.predictors
    predicted = {name: [gone @ own[test].T] for name, own in scores.items()}
    for method in AVERAGED:
        predicted[method] = [gone @ measured.scores(method, seed)[test].T for seed in measured.encoders]
    against_mean = {name: _mean(draws, every, [mean]) for name, every in predicted.items()}
    against_one = {name: _mean(draws, every, runs) for name, every in predicted.items()}
    differences = {
        name: {other: estimate(against_mean[name] - against_mean[other]) for other in others}
        for name, others in (
            ("ensemble_words", COMPARED),
            ("best_words", (f"{chosen['best_words']['method']}_ensemble", "words", "ensemble_words")),
            *((f"{method}_ensemble", (method,)) for method in AVERAGED),
        )
    }
    result: dict[str, Any] = {
        "seeds": measured.seeds,
        "encoders": measured.encoders,
        "halves": len(gone),
        "planned_halves": measured.plan.count(HALVES),
        "documents": len(measured.corpus.train),
        "queries": len(test),
        "queries_with_shared_words": int(scores["words"][test].any(axis=1).sum()),
        "chosen_on_dev": chosen,
        "against_one": {name: estimate(against_one[name]) for name in NAMES},
        "against_mean": {name: estimate(against_mean[name]) for name in NAMES},
        "differences": differences,
        "all_mistakes": _mistakes(measured, gone, runs, predicted),
    }
    if len(runs) > 1:
        result |= _ceilings(draws, runs)
    return result


def _mean(draws: Bootstrap, predicted: Sequence[numpy.ndarray], real: Sequence[numpy.ndarray]) -> numpy.ndarray:
    """Correlate each of some predictions with each of some outcomes, and average."""
    return numpy.mean([draws.correlation(one, other) for one in predicted for other in real], axis=0)


def _ceilings(draws: Bootstrap, runs: Sequence[numpy.ndarray]) -> dict[str, Any]:
    """Measure how alike trainings with different seeds are, and what that allows (runs: halves x queries each)."""
    count = len(runs)
    pairs = {pair: draws.correlation(runs[pair[0]], runs[pair[1]]) for pair in itertools.combinations(range(count), 2)}
    one = numpy.mean(list(pairs.values()), axis=0)
    by_two = estimate(of_mean(pairs[0, 1], count))
    result: dict[str, Any] = {"ceiling_one": ceiling(one), "ceiling_mean": ceiling(of_mean(one, count))}
    measured = result["ceiling_mean"]["reliability"]["value"]
    result["spearman_brown"] = {
        "reliability_of_mean_from_two_seeds": by_two,
        "reliability_of_mean": measured,
        "inside": bool(by_two["low"] <= measured <= by_two["high"]),
    }
    if count > 3:  # two disjoint means, which correlate as their reliabilities say
        half = count // 2
        splits = [
            draws.correlation(
                numpy.mean([runs[number] for number in left], axis=0),
                numpy.mean([runs[number] for number in range(count) if number not in left], axis=0),
            )
            for left in itertools.combinations(range(count), half)
        ]
        expected = numpy.sqrt(of_mean(pairs[0, 1], half) * of_mean(pairs[0, 1], count - half))
        result["spearman_brown"]["disjoint_means"] = {
            "seeds": [half, count - half],
            "measured": estimate(numpy.mean(splits, axis=0)),
            "from_two_seeds": estimate(expected),
        }
    return result


def _mistakes(
    measured: Measured,
    gone: numpy.ndarray,
    runs: Sequence[numpy.ndarray],
    predicted: dict[str, list[numpy.ndarray]],
) -> dict[str, Any]:
    """Do the same for the summed loss of all entities that full trainings miss; see the module."""
    full = [losses[0] for losses in measured.losses(FULL).values()]
    wrong = numpy.mean(numpy.exp(-numpy.array(full)), axis=0)[measured.test] < 0.5
    draws = Bootstrap(len(gone), 1)

    def total(values: numpy.ndarray) -> numpy.ndarray:
        return values[:, wrong].sum(axis=1, keepdims=True)

    target = total(numpy.mean(runs, axis=0))
    found = {name: estimate(_mean(draws, [total(own) for own in every], [target])) for name, every in predicted.items()}
    result: dict[str, Any] = {"entities": int(wrong.sum()), "against_mean": {name: found[name] for name in NAMES}}
    pairs = [draws.correlation(total(one), total(other)) for one, other in itertools.combinations(runs, 2)]
    if pairs:
        one = numpy.mean(pairs, axis=0)
        result |= {"ceiling_one": ceiling(one), "ceiling_mean": ceiling(of_mean(one, len(runs)))}
    return result


def measure_few(measured: Measured, kind: str) -> dict[str, Any]:
    """Compare predictors where few documents are removed, with the same seed and with another."""
    gone, test, seeds = measured.removed(kind), measured.test, measured.complete(kind)
    draws = Bootstrap(len(gone), len(test))
    runs = {seed: losses[:, test] for seed, losses in measured.losses(kind).items()}
    own = {seed: gone @ measured.scores("index", seed)[test].T for seed in seeds}
    scores, _ = measured.predictors
    result: dict[str, Any] = {"seeds": seeds, "subsets": len(gone), "documents": int(gone[0].sum())}
    same = [draws.correlation(own[seed], runs[seed]) for seed in seeds]
    result["exact_same_seed"] = estimate(numpy.mean(same, axis=0))
    others = [(one, other) for one in seeds for other in seeds if one != other]
    if others:
        crossed = [draws.correlation(own[one], runs[other]) for one, other in others]
        result["exact_other_seed"] = estimate(numpy.mean(crossed, axis=0))
        pairs = [draws.correlation(runs[one], runs[other]) for one, other in others if one < other]
        result["ceiling_one"] = ceiling(numpy.mean(pairs, axis=0))
    for name in scores:
        result[name] = estimate(_mean(draws, [gone @ scores[name][test].T], list(runs.values())))
    return result


def cell(value: dict[str, float]) -> str:
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def print_corpus(name: str, found: dict[str, Any]) -> None:
    """Print what was measured on a corpus."""
    halves = found[HALVES]
    mistakes = halves["all_mistakes"]
    rows = [
        [label, *(cell(part["against_mean" if part is mistakes else key][own]) for part, key in columns)]
        for own, label in NAMES.items()
        for columns in [((halves, "against_one"), (halves, "against_mean"), (mistakes, "against_mean"))]
    ]
    print(f"{name}: {halves['halves']} halves of {halves['documents']}, seeds {halves['seeds']}")
    print_table(["predictor", "one training", "mean of seeds", "all mistakes, mean of seeds"], rows)
    for key in ("ceiling_one", "ceiling_mean"):
        if key in halves:
            print(f"{key}: reliability {cell(halves[key]['reliability'])}, reached at most", end=" ")
            print(cell(halves[key]["reached_at_most"]))
    for one, others in halves["differences"].items():
        for other, value in others.items():
            print(f"{one} minus {other}: {cell(value)}")
    for kind in (SLICES, HUNDREDTHS):
        for key, value in found.get(kind, {}).items():
            if isinstance(value, dict) and "value" in value:
                print(f"{kind}, {key}: {cell(value)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="(default: $SEGINF_DATA)")
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=CORPORA)
    parser.add_argument("--quick", action="store_true", help="a smaller run of the same code; does not count")
    parser.add_argument("--report", action="store_true", help="train nothing, report what there is")
    arguments = parser.parse_args()
    one_thread()
    if not arguments.report:
        run_all(arguments.corpora, arguments.data, quick=arguments.quick)
    found: dict[str, Any] = {}
    trainings = 0
    for name in arguments.corpora:
        corpus, plan = problem(name, arguments.data, quick=arguments.quick)
        measured = Measured(corpus, plan, Store(corpus, plan.recipe))
        if not measured.seeds or not measured.encoders:
            print(f"{name}: not enough trainings yet")
            continue
        found[name] = {HALVES: measure_halves(measured)}
        for kind in (SLICES, HUNDREDTHS):
            if measured.complete(kind):
                found[name][kind] = measure_few(measured, kind)
        print_corpus(name, found[name])
        trainings += sum(measured.store.array(each.name) is not None for each in plan.trainings())
    if not found:
        raise SystemExit("There are too few trainings for a report yet")
    halves = {name: own[HALVES] for name, own in found.items()}
    figures: dict[str, Any] = {
        "ceiling_one": {name: own.get("ceiling_one") for name, own in halves.items()},
        "ceiling_five": {name: own.get("ceiling_mean") for name, own in halves.items()},
        "exact_five": {name: own["against_mean"]["index"] for name, own in halves.items()},
        "ensemble_five": {name: own["against_mean"]["index_ensemble"] for name, own in halves.items()},
        "words_five": {name: own["against_mean"]["words"] for name, own in halves.items()},
        "ensemble_words_five": {name: own["against_mean"]["ensemble_words"] for name, own in halves.items()},
        "corpora": found,
        "not_measured": sorted({*CORPORA} - {*found}),
    }
    seeds = sorted({seed for own in halves.values() for seed in own["seeds"]})
    finish("whole_pipeline", figures, quick=arguments.quick, rows=trainings, seeds=seeds, parts=("referee",))


if __name__ == "__main__":
    main()

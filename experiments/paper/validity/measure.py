"""Is the predicted effect of removing or changing a label the real one? Thousands of refits of the head answer.

The protocol of Jain et al. 2022, section 5.1: 1,000 train and 200 dev sentences of CoNLL-2003, mispredicted dev tokens,
the references that score highest for them, and the head refit without each. All pairs are kept. Finished settings are
cached, so a rerun goes on where it was stopped.

    OMP_NUM_THREADS=1 python -m experiments.paper.validity.measure --data DIR
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy

from spacy_seginf.explanation.agreement import agreement
from spacy_seginf.explanation.verification import REFINEMENTS
from spacy_seginf.influence.curvature import IdentityCurvature, KroneckerCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.fit import fit_head
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.removal import LEVERAGE_FLAG, LEVERAGE_LIMIT
from spacy_seginf.influence.segments import SegmentChains

from ...common.prepare import CACHE
from ...common.reporting import ROOT, finish, one_thread, parse_arguments, print_table
from .features import SCHEME, transformer_sentences, word_sentences
from .removals import Candidates, Outcome, Removals, decode, fitted_effects, stacked, token_segments
from .word_features import Sentences

SEEDS = (0, 1, 2)
CANDIDATES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SIZES = {"train": 1000, "dev": 200, "queries": 20, "top": 20, "uniform": 400, "relabel": 60, "sets": 50, "entities": 8}
QUICK = {"train": 150, "dev": 100, "queries": 4, "top": 4, "uniform": 20, "relabel": 5, "sets": 4, "entities": 2}
OWN = {"top", "relabel", "entities"}
METHODS = ("identity", "kfac", "uncorrected", "corrected", "shown", "refined")
NAMES = {
    "identity": "identity (the paper's)",
    "kfac": "K-FAC",
    "uncorrected": "exact, uncorrected",
    "corrected": "exact, corrected",
    "shown": "the same, refined where flagged",
    "refined": f"exact, {REFINEMENTS} refinements",
}


@dataclass
class Setting:
    """A head at its optimum on a sample of sentences, and dev tokens that it gets wrong."""

    effects: HeadEffects
    dev: HeadData
    predicted: numpy.ndarray
    gold: numpy.ndarray
    others: dict[str, Any]


def choose_l2(train: HeadData, dev: HeadData) -> tuple[float, dict[str, float]]:
    """Choose the penalty by the likelihood of the dev sentences; return it and every candidate's loss per token."""
    head = Head.zeros(train)
    losses = {}
    for l2 in reversed(CANDIDATES):
        head = fit_head(train, head, l2, 1e-2).head
        losses[f"{l2:g}"] = float(head.losses(dev).sum()) / len(dev.allowed)
    return float(min(losses, key=lambda key: losses[key])), losses


def prepare(train: HeadData, dev: HeadData, gold: numpy.ndarray, l2: float) -> Setting:
    """Fit the head and decompose its curvature."""
    effects = fitted_effects(train, l2)
    others = {
        "identity": IdentityCurvature(train.labels, train.width),
        "kfac": KroneckerCurvature.from_data(train, effects.head, l2),
    }
    return Setting(effects, dev, decode(dev, effects.head), gold, others)


def entity_segments(data: HeadData, labels: numpy.ndarray) -> list[tuple[int, int, int]]:
    """List the entities of label sequences as segments."""
    return [
        (number, begin, end)
        for number, (start, length) in enumerate(zip(data.starts, data.lengths))
        for begin, end, _ in SCHEME.entities(labels[start : start + length])
    ]


class Experiment(Removals):
    """Effects of references on watched segments: predicted in every way, and by refitting."""

    def __init__(self, setting: Setting, watched: SegmentChains) -> None:
        super().__init__(setting.effects, watched, setting.others)

    def relabelling(self, segment: Any, labels: numpy.ndarray) -> Outcome:
        """Predict and measure the relabelling of a segment for all watched segments."""
        change = self.effects.relabelled(tuple(segment), labels)
        step = self.effects.predict(change)
        refined = self.effects.refine(change, step, REFINEMENTS)
        refit, fit = self.effects.refit(change, refined)
        steps = {"corrected": step, "refined": refined, "actual": refit}
        return Outcome({name: self.changes(value) for name, value in steps.items()}, converged=fit.converged)


def run_setting(train: Sentences, dev: Sentences, seed: int, l2: Optional[float], parts: set[str], sizes: dict) -> dict:
    """Run the parts of the protocol on one sample at one penalty (chosen on dev if None)."""
    generator = numpy.random.default_rng(seed)
    train_data, _ = train.sample(sizes["train"], generator)
    dev_data, gold = dev.sample(sizes["dev"], generator)
    dev_losses: dict[str, float] = {}
    if l2 is None:
        l2, dev_losses = choose_l2(train_data, dev_data)
    setting = prepare(train_data, dev_data, gold, l2)
    effects, predicted = setting.effects, setting.predicted
    wrong = numpy.flatnonzero(predicted != gold)
    queries = generator.permutation(wrong)[: sizes["queries"]]
    watched = effects.watch(dev_data, predicted, token_segments(dev_data, queries))
    experiment = Experiment(setting, watched)
    everything = token_segments(train_data, numpy.arange(len(effects.labels)))
    candidates = Candidates.loud(effects)
    loud = candidates.segments
    result: dict[str, Any] = {"l2": l2, "dev_losses": dev_losses, "wrong": len(wrong)}
    best = candidates.best(watched, sizes["top"])
    unique, places = numpy.unique(best, return_inverse=True)
    generator = numpy.random.default_rng((seed, 1))  # so that parts do not depend on each other
    if "top" in parts:
        outcomes = [experiment.removal(loud[number]) for number in unique]
        result["top"] = _collect(outcomes, places.reshape(best.shape))
    if "uniform" in parts:
        rows = generator.choice(len(everything), min(sizes["uniform"], len(everything)), replace=False)
        outcomes = [experiment.removal(everything[row]) for row in rows]
        result["uniform"] = _collect(outcomes, None, generator.integers(0, len(watched), len(rows)))
    if "relabel" in parts:
        targets = [loud[number] for number in generator.permutation(unique)[: sizes["relabel"]]]
        probabilities = effects.chains(targets).chain.unary.copy()
        labels = effects.labels[train_data.starts[[t[0] for t in targets]] + [t[1] for t in targets]]
        probabilities[numpy.arange(len(labels)), labels] = -1.0
        outcomes = [
            experiment.relabelling(target, numpy.array([label]))
            for target, label in zip(targets, probabilities.argmax(axis=1))
        ]
        result["relabel"] = _collect(outcomes, None)
    if "entities" in parts:
        result["entities"] = _entities(setting, generator, sizes)
    if "sets" in parts:
        result["sets"] = _sets(setting, generator, wrong, candidates, sizes)
    return result


def _entities(setting: Setting, generator: numpy.random.Generator, sizes: dict) -> dict[str, Any]:
    effects, data = setting.effects, setting.effects.data
    found = set(entity_segments(setting.dev, setting.predicted)) - set(entity_segments(setting.dev, setting.gold))
    wrong = sorted(found)
    chosen = [wrong[number] for number in generator.permutation(len(wrong))[: sizes["entities"]]]
    watched = effects.watch(setting.dev, setting.predicted, chosen)
    candidates = Candidates(effects, numpy.asarray(entity_segments(data, effects.labels)))
    best = candidates.best(watched, sizes["top"])
    unique, places = numpy.unique(best, return_inverse=True)
    experiment = Experiment(setting, watched)
    outcomes = [experiment.removal(candidates.segments[number]) for number in unique]
    return _collect(outcomes, places.reshape(best.shape))


def _sets(
    setting: Setting, generator: numpy.random.Generator, wrong: numpy.ndarray, candidates: Candidates, sizes: dict
) -> dict[str, Any]:
    """Remove the top references of dev tokens together: all mispredicted tokens first, then the least certain ones."""
    effects = setting.effects
    every = token_segments(setting.dev, numpy.arange(len(setting.gold)))
    chains = effects.watch(setting.dev, setting.predicted, every)
    losses = chains.losses(effects.nothing)[0]
    losses[wrong] = numpy.inf
    rows = numpy.argsort(-losses, kind="stable")[: max(sizes["sets"], len(wrong))]
    rows = rows[generator.permutation(len(rows))] if len(wrong) > sizes["sets"] else rows
    pairs = []
    for row in rows[: sizes["sets"]]:
        watched = effects.watch(setting.dev, setting.predicted, every[row : row + 1])
        experiment = Experiment(setting, watched)
        references = candidates.segments[candidates.best(watched, sizes["top"])[0]]
        together = experiment.removal(references).changes
        alone = [experiment.removal(reference, real=False).changes["corrected"] for reference in references]
        single = sum(alone, numpy.zeros(1))
        pairs.append([float(v[0]) for v in (together["corrected"], together["refined"], single, together["actual"])])
    block, refined, summed, actual = numpy.array(pairs).T
    names = {"block": block, "block refined": refined, "plain sum": summed}
    return {
        "pairs": pairs,
        "agreement": {name: agreement(values, actual).as_dict() for name, values in names.items()},
    }


def _collect(
    outcomes: list[Outcome], places: Optional[numpy.ndarray], column: Optional[numpy.ndarray] = None
) -> dict[str, Any]:
    """Compare methods with refits over the pairs of a query and its own references, and over the whole pool.

    places (queries x top): outcome of each query's references. column: the one query of each outcome instead.
    """
    pool = stacked(outcomes)
    result: dict[str, Any] = {
        "refits": len(outcomes),
        "not_converged": sum(not outcome.converged for outcome in outcomes),
        "clipped": sum(outcome.leverage > LEVERAGE_LIMIT for outcome in outcomes),
        "flagged": sum(outcome.leverage > LEVERAGE_FLAG for outcome in outcomes),
        "pool": _agreements(pool),
    }
    if places is not None:
        own = stacked(outcomes, places)
        result["pairs"] = _agreements(own)
        result["per_query"] = {
            name: [agreement(v, a).pearson for v, a in zip(values, own["actual"])]
            for name, values in own.items()
            if name != "actual"
        }
        result["points"] = {name: values.ravel().tolist() for name, values in own.items()}
    if column is not None:
        rows = numpy.arange(len(outcomes))
        result["pairs"] = _agreements({name: values[rows, column] for name, values in pool.items()})
    return result


def _agreements(changes: dict[str, numpy.ndarray]) -> dict[str, dict[str, float]]:
    return {
        name: agreement(values, changes["actual"]).as_dict() for name, values in changes.items() if name != "actual"
    }


def cached_setting(kind: str, seed: int, l2: Optional[float], parts: set[str], data: Path, quick: bool) -> dict:
    """Run a setting, or read its result if it has been run by the same code of this file."""
    sizes = QUICK if quick else SIZES
    content = repr((kind, seed, l2, sorted(parts), sizes, REFINEMENTS, CANDIDATES))
    path = CACHE / "validity" / f"{kind}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"
    if not path.exists():
        started = time.perf_counter()
        load = word_sentences if kind == "linear" else transformer_sentences
        result = run_setting(load("train", data), load("dev", data), seed, l2, parts, sizes)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".partial").write_text(json.dumps(result), encoding="utf8")
        path.with_suffix(".partial").replace(path)
        print(f"{kind}, seed {seed}, l2 {result['l2']:g}: {time.perf_counter() - started:.0f} s", flush=True)
    return json.loads(path.read_text(encoding="utf8"))


def plan(quick: bool) -> list[tuple[str, int, Optional[float], set[str]]]:
    """List the settings: features, seed, penalty (None: chosen on dev) and parts. Refits on the transformer's features
    take a second each, so some of its parts have one seed."""
    settings: list[tuple[str, int, Optional[float], set[str]]] = []
    for seed in SEEDS[:1] if quick else SEEDS:
        settings += [("linear", seed, None, OWN), ("linear", seed, 1.0, {"top", "relabel"})]
        settings += [("linear", seed, None, {"uniform"}), ("linear", seed, None, {"sets"})]
        settings += [("linear", seed, l2, {"top"}) for l2 in (0.3, 10.0)]
        settings += [("linear", seed, 1.0, {"relabel"}), ("minilm", seed, 1.0, {"relabel"})]
    for seed in SEEDS[:1] if quick else SEEDS:
        settings += [("minilm", seed, 1.0, OWN), ("minilm", seed, None, {"top"})]
    return settings


def mean(results: list[dict], part: str, where: str, method: str, key: str) -> float:
    """Average a figure over the settings that have it."""
    return float(numpy.mean([result[part][where][method][key] for result in results if part in result]))


def plot(groups: dict[str, list[dict]], path: Path) -> None:
    """Draw predicted against actual effects, identity beside exact."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(groups), 3, figsize=(9, 3 * len(groups)), constrained_layout=True)
    for row, (name, results) in zip(axes, groups.items()):
        points = {m: [x for r in results if "top" in r for x in r["top"]["points"][m]] for m in (*METHODS, "actual")}
        for axis, method in zip(row, ("identity", "corrected", "refined")):
            axis.scatter(points["actual"], points[method], s=6, alpha=0.4, edgecolors="none", color="#0072b2")
            if method != "identity":
                ends = [min(points["actual"]), max(points["actual"])]
                axis.plot(ends, ends, color="#b35900", linewidth=1)
            axis.set(title=f"{name}\n{NAMES[method]}", xlabel="real change by refit (nats)", ylabel="predicted")
            axis.title.set_fontsize(9)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    results: dict[tuple[str, str], list[dict]] = {}
    for kind, seed, l2, parts in plan(arguments.quick):
        result = cached_setting(kind, seed, l2, parts, Path(arguments.data), arguments.quick)
        if parts != {"relabel"}:  # has a row of its own
            result.pop("relabel", None)
        results.setdefault((kind, f"l2 = {l2:g}" if l2 else "chosen l2"), []).append(result)
    rows: list[list[Any]] = []
    for (kind, penalty), found in results.items():
        for part in ("top", "uniform", "relabel", "entities"):
            available = [result for result in found if part in result]
            for method in METHODS:
                where = "pool" if part == "relabel" else "pairs"
                if available and method in available[0][part][where]:
                    keys = ("pearson", "spearman", "slope", "sign")
                    values = [mean(found, part, where, method, key) for key in keys]
                    per_query = [value for r in available for value in r[part].get("per_query", {}).get(method, [])]
                    extremes = [float(f(per_query)) if per_query else "" for f in (numpy.median, numpy.min)]
                    rows.append([kind, penalty, part, NAMES[method], *values, *extremes])
        for name in ("block", "block refined", "plain sum"):
            available = [result for result in found if "sets" in result]
            if available:
                values = [
                    float(numpy.mean([result["sets"]["agreement"][name][key] for result in available]))
                    for key in ("pearson", "spearman", "slope", "sign")
                ]
                rows.append([kind, penalty, "sets", name, *values, "", ""])
    header = ["features", "penalty", "pairs", "prediction", "Pearson", "Spearman", "slope", "sign", "median", "worst"]
    print_table(header, rows)
    linear = results["linear", "l2 = 1"] + results["linear", "chosen l2"]
    chosen, minilm = results["linear", "chosen l2"], results["minilm", "l2 = 1"]
    figures: dict[str, Any] = {
        "linear_pearson": mean(linear, "top", "pairs", "corrected", "pearson"),
        "linear_slope": mean(linear, "top", "pairs", "corrected", "slope"),
        "linear_sign_agreement": mean(linear, "top", "pairs", "corrected", "sign"),
        "linear_shown_pearson": mean(linear, "top", "pairs", "shown", "pearson"),
        "linear_shown_slope": mean(linear, "top", "pairs", "shown", "slope"),
        "linear_shown_sign_agreement": mean(linear, "top", "pairs", "shown", "sign"),
        "linear_pool_pearson": mean(linear, "top", "pool", "shown", "pearson"),
        "linear_refined_pearson": mean(linear, "top", "pairs", "refined", "pearson"),
        "linear_identity_pearson": mean(linear, "top", "pairs", "identity", "pearson"),
        "uniform_spearman": mean(chosen, "uniform", "pairs", "corrected", "spearman"),
        "minilm_pearson": mean(minilm, "top", "pairs", "corrected", "pearson"),
        "minilm_slope": mean(minilm, "top", "pairs", "corrected", "slope"),
        "minilm_shown_pearson": mean(minilm, "top", "pairs", "shown", "pearson"),
        "minilm_shown_slope": mean(minilm, "top", "pairs", "shown", "slope"),
        "minilm_identity_pearson": mean(minilm, "top", "pairs", "identity", "pearson"),
        "minilm_uncorrected_pearson": mean(minilm, "top", "pairs", "uncorrected", "pearson"),
        "refined_pearson": mean(minilm, "top", "pairs", "refined", "pearson"),
        "refined_slope": mean(minilm, "top", "pairs", "refined", "slope"),
        "entities_pearson": mean(minilm + linear, "entities", "pairs", "corrected", "pearson"),
        "entities_shown_pearson": mean(minilm + linear, "entities", "pairs", "shown", "pearson"),
        "relabel_pearson": mean(minilm + linear, "relabel", "pool", "corrected", "pearson"),
        "relabel_refined_pearson": mean(minilm + linear, "relabel", "pool", "refined", "pearson"),
        "block_pearson": _sets_mean(linear, "block", "pearson"),
        "block_slope": _sets_mean(linear, "block", "slope"),
        "block_refined_pearson": _sets_mean(linear, "block refined", "pearson"),
        "block_refined_slope": _sets_mean(linear, "block refined", "slope"),
        "sum_pearson": _sets_mean(linear, "plain sum", "pearson"),
    }
    settings = {f"{kind}, {penalty}": [_without_points(r) for r in found] for (kind, penalty), found in results.items()}
    if not arguments.quick:
        plot(
            {"word features, l2 = 1": results["linear", "l2 = 1"], "MiniLM, l2 = 1": minilm}, ROOT / "docs/validity.png"
        )
    finish("validity", {**figures, "settings": settings}, quick=arguments.quick, rows=SIZES["train"], seeds=SEEDS)


def _sets_mean(results: list[dict], name: str, key: str) -> float:
    return float(numpy.mean([result["sets"]["agreement"][name][key] for result in results if "sets" in result]))


def _without_points(result: dict) -> dict:
    kept = {part: dict(value) if isinstance(value, dict) else value for part, value in result.items()}
    for value in kept.values():
        if isinstance(value, dict):
            value.pop("points", None)
            if isinstance(value.get("pairs"), list):
                value.pop("pairs")
    return kept


if __name__ == "__main__":
    main()

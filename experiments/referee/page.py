"""The tables of docs/whole_pipeline.md, of experiments/results/whole_pipeline.json.

python -m experiments.referee.page
"""

from __future__ import annotations

import json
from typing import Any, Iterable, Mapping, Sequence

from spacy_seginf.rendering.markdown import markdown_table

from ..common.reporting import RESULTS
from .measure import NAMES
from .subsets import HALVES, HUNDREDTHS, SLICES

FEW = {
    "exact_same_seed": "exact influence, pipeline of the same seed",
    "exact_other_seed": "exact influence, pipeline of another seed",
    "index_ensemble": "exact influence, averaged over encoders of other seeds",
    "tracin_we_ensemble": "TracIn, word embeddings, averaged over encoders of other seeds",
    **{name: NAMES[name] for name in ("words", "bm25", "random")},
}
LONG = {
    "index": "exact influence, one encoder",
    "index_ensemble": "exact influence, averaged",
    "exact": "exact influence on a head of labels alone, one encoder",
    "exact_ensemble": "exact influence on a head of labels alone, averaged",
    "tracin_last": "TracIn of the last layer, one encoder",
    "tracin_last_ensemble": "TracIn of the last layer, averaged",
    "tracin_we": "TracIn of word embeddings, one encoder",
    "tracin_we_ensemble": "TracIn of word embeddings, averaged",
    "words": "shared words",
    "ensemble_words": "averaged exact influence and shared words",
    "best_words": "the method that dev chose and shared words",
}
PARTS = {SLICES: "a twentieth", HUNDREDTHS: "a hundredth"}


def interval(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def tables(figures: Mapping[str, Any]) -> list[str]:
    """Return what the page shows of the results, as Markdown."""
    found = [table for name, own in figures["corpora"].items() for table in _corpus(name, own)]
    return [*found, *_smoothness(figures.get("metasmoothness")), *_naming(figures.get("named_ratio") or {})]


def _corpus(name: str, found: Mapping[str, Any]) -> Iterable[str]:
    halves = found[HALVES]
    mistakes = halves["all_mistakes"]
    count = len(halves["seeds"])
    header = (
        f"{name}, {halves['halves']} halves, {halves['queries']} queries",
        "one training",
        f"mean of {count} seeds",
        f"all mistakes ({mistakes['entities']}), mean of {count} seeds",
    )
    parts = (halves["against_one"], halves["against_mean"], mistakes["against_mean"])
    rows = [(label, *(interval(part[own]) for part in parts)) for own, label in NAMES.items()]
    if "ceiling_one" in halves:
        for key, label in (
            ("reliability", "retrained with other seeds"),
            ("reached_at_most", "what a perfect predictor reaches"),
        ):
            of_all = interval(mistakes["ceiling_mean"][key])
            rows.append((label, interval(halves["ceiling_one"][key]), interval(halves["ceiling_mean"][key]), of_all))
    yield markdown_table(header, rows, 1)
    pairs = [
        (f"{LONG.get(one, one)} minus {LONG.get(other, other)}", interval(value))
        for one, others in halves["differences"].items()
        for other, value in others.items()
    ]
    yield markdown_table((f"{name}, paired differences", f"mean of {count} seeds"), pairs, 1)
    few = {kind: found[kind] for kind in PARTS if kind in found}
    if few:
        yield markdown_table((f"{name}, fewer documents removed", *(PARTS[kind] for kind in few)), _few(few), 1)


def _few(few: Mapping[str, Mapping[str, Any]]) -> Sequence[tuple[str, ...]]:
    rows = [
        (label, *(interval(own[key]) if key in own else "" for own in few.values()))
        for key, label in FEW.items()
        if any(key in own for own in few.values())
    ]
    ceilings = [interval(own["ceiling_one"]["reliability"]) if "ceiling_one" in own else "" for own in few.values()]
    return [*rows, ("retrained with another seed", *ceilings)] if any(ceilings) else rows


def _smoothness(found: Any) -> Iterable[str]:
    if not found:
        return
    header = ("recipe", "metasmoothness of parameters", "of losses", "F1", "F1 lost", "passes")
    rows = [
        (
            name,
            *(f"{row[key]:.3f}" for key in ("parameters", "losses", "f1", "f1_lost")),
            "yes" if row["passes"] else "",
        )
        for name, row in found["recipes"].items()
    ]
    yield markdown_table(header, rows, 1)


def _naming(found: Mapping[str, Any]) -> Iterable[str]:
    if not found:
        return
    rows = []
    for name, own in found.items():
        rises = (f"{own['mean_rise'][way]:.3f}" for way in ("families", "neighbours"))
        rows.append((name, str(len(own["labels"])), *rises, interval(own["ratio"])))
    header = ("corpus", "predictions", "rise without three families (nats)", "without as many neighbours", "ratio")
    yield markdown_table(header, rows, 1)


def main() -> None:
    figures = json.loads((RESULTS / "whole_pipeline.json").read_text(encoding="utf8"))
    print("\n\n".join(tables(figures)))


if __name__ == "__main__":
    main()

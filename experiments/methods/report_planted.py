"""Report how often the top references of planted errors' victims are the planted culprits, with a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import spacy
from spacy.cli._util import setup_gpu
from spacy.tokens import DocBin
from wasabi import msg

from spacy_seginf.evaluation.planted import CONFUSIONS, read_culprits
from spacy_seginf.explanation.page import render_page
from spacy_seginf.files import write_text
from spacy_seginf.rendering.pictures import new_figure, save_picture

from .planted import PlantedReport, evaluate_planted, side_by_side

NAMES = ("identity (tokens)", "exact effect (entities)")


def plot(identity: PlantedReport, exact: PlantedReport, path: Path) -> None:
    """Draw hit rates per kind of planted error: two indexes, nearest neighbours and chance."""
    figure = new_figure(8, 4.2)
    axes = figure.subplots()
    series: list[tuple[str, list[float], str, str]] = [
        (f"{NAMES[0]}: curvature = identity", shares(identity, identity.hits), "#0072b2", "//"),
        (f"{NAMES[1]}: curvature = exact", shares(exact, exact.hits), "#009e73", "xx"),
        ("nearest neighbour with that label", shares(identity, identity.neighbour_hits), "#e69f00", ".."),
        ("chance", [identity.base_rates[kind] for kind in CONFUSIONS], "#999999", ""),
    ]
    for number, (name, heights, color, hatch) in enumerate(series):
        places = [kind + (number - 1.5) * 0.22 for kind in range(len(CONFUSIONS))]
        bars = axes.bar(places, [100 * height for height in heights], 0.2, label=name)
        for bar in bars:
            bar.set(facecolor=color, hatch=hatch, edgecolor="white")
        axes.bar_label(bars, fmt="%.0f %%")
    ticks = [f"{kind}\n{victims_of(identity, exact, kind)} victims" for kind in CONFUSIONS]
    axes.set(xticks=range(len(CONFUSIONS)), xticklabels=ticks, ylim=(0, 108), ylabel="is a planted culprit (%)")
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    save_picture(figure, path)


def shares(report: PlantedReport, counts: dict[str, int]) -> list[float]:
    """Divide counts by the victims, for each kind."""
    return [counts[kind] / max(1, report.victims[kind]) for kind in CONFUSIONS]


def victims_of(identity: PlantedReport, exact: PlantedReport, kind: str) -> str:
    """Count the victims of each index; one number where they agree."""
    return " / ".join(dict.fromkeys([str(identity.victims[kind]), str(exact.victims[kind])]))


def print_report(identity: PlantedReport, exact: PlantedReport, figures: dict[str, Any]) -> None:
    """Print the table, and what the two indexes answer."""
    rows = []
    columns = [
        shares(identity, identity.hits),
        shares(exact, exact.hits),
        shares(exact, exact.among),
        shares(identity, identity.neighbour_hits),
        [identity.base_rates[kind] for kind in CONFUSIONS],
    ]
    for number, kind in enumerate(CONFUSIONS):
        rows.append([kind, victims_of(identity, exact, kind), *(f"{column[number]:.1%}" for column in columns)])
    both = " / ".join(dict.fromkeys([str(figures["victims"]), str(figures["exact_victims"])]))
    pooled = [
        "top_reference_is_culprit",
        "exact_top_reference_is_culprit",
        "exact_among_top_5",
        "nearest_neighbour_is_culprit",
        "base_rate",
    ]
    rows.append(["both", both, *(f"{figures[name]:.1%}" for name in pooled)])
    msg.divider("Is the top supporting reference of a wrong label the label that was planted?")
    header = ["planted error", "victims", *NAMES, "any of its 5", "nearest neighbour", "chance"]
    msg.table(rows, header=header, divider=True, aligns=("l", *"rrrrrr"))
    msg.text(
        "Identity (tokens, the trained head; the paper's setting) ranks suspects: labels like the victim that surprise "
        "the model. The exact effect (entities, the head at its optimum) ranks by what removing one label would "
        "change; planted errors are many, so one of them less changes little."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("identity", help="pipeline trained on the planted labels, with an index in the paper's setting")
    parser.add_argument("exact", help="the same pipeline with an index of exact effects")
    parser.add_argument("truth", help="pipeline trained on the true labels")
    parser.add_argument("test", type=Path, help="test corpus (.spacy)")
    parser.add_argument("train", type=Path, help="training corpus with its planted errors listed (.jsonl.gz)")
    parser.add_argument("output", type=Path, help="folder for the report")
    parser.add_argument("--gpu-id", type=int, default=-1, help="GPU ID or -1 for CPU (default)")
    arguments = parser.parse_args()
    setup_gpu(arguments.gpu_id)
    truth, culprits = spacy.load(arguments.truth), read_culprits(arguments.train)
    arguments.output.mkdir(parents=True, exist_ok=True)
    reports, pages = [], []
    for path, suffix in ((arguments.identity, "_identity"), (arguments.exact, "")):
        indexed = spacy.load(path)
        docs = list(DocBin().from_disk(arguments.test).get_docs(indexed.vocab))
        report, victims, explained = evaluate_planted(indexed, truth, docs, culprits)
        reports.append(report)
        for kind in CONFUSIONS:
            victim = next((victim for victim in victims if victim.kind == kind), None)
            if victim is not None:
                doc = explained[victim.document]
                chosen = [doc[v.token]._.influencers for v in victims if v.document == victim.document]
                pages.append(arguments.output / f"victim_{kind}{suffix}.html")
                write_text(pages[-1], render_page(doc, chosen))
    identity, exact = reports
    figures = side_by_side(identity, exact)
    print_report(identity, exact, figures)
    write_text(arguments.output / "planted.json", json.dumps(figures, indent=2) + "\n")
    plot(identity, exact, arguments.output / "planted.png")
    msg.good("Look at: " + ", ".join(str(path) for path in [arguments.output / "planted.png", *pages]))


if __name__ == "__main__":
    main()

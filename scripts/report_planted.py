"""Report how often the top references of planted errors' victims are the planted culprits, with a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import spacy
from spacy.tokens import DocBin
from wasabi import msg

from spacy_seginf.evaluation.planted import CONFUSIONS, PlantedReport, evaluate_planted, read_culprits
from spacy_seginf.files import write_text
from spacy_seginf.render.page import render_page


def plot(report: PlantedReport, path: Path) -> None:
    """Draw hit rates per kind of planted error beside nearest neighbours and chance."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    series = [
        ("top reference (influence)", report.hits, "#0072b2", "//"),
        ("nearest neighbour with that label", report.neighbour_hits, "#e69f00", ".."),
    ]
    for offset, (name, counts, color, hatch) in enumerate(series):
        shares = [100 * counts[kind] / max(1, report.victims[kind]) for kind in CONFUSIONS]
        bars = axes.bar([x + (offset - 1) * 0.27 for x in range(len(CONFUSIONS))], shares, 0.25, label=name)
        for bar in bars:
            bar.set(facecolor=color, hatch=hatch, edgecolor="white")
        axes.bar_label(bars, fmt="%.0f %%")
    chance = [100 * report.base_rates[kind] for kind in CONFUSIONS]
    bars = axes.bar([x + 0.27 for x in range(len(CONFUSIONS))], chance, 0.25, label="chance", color="#999999")
    axes.bar_label(bars, fmt="%.0f %%")
    ticks = [f"{kind}\n{report.victims[kind]} victims" for kind in CONFUSIONS]
    axes.set(xticks=range(len(CONFUSIONS)), xticklabels=ticks, ylim=(0, 115), ylabel="is a planted culprit (%)")
    axes.legend(frameon=False, loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.18))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("indexed", help="pipeline trained on the planted labels, with its index")
    parser.add_argument("truth", help="pipeline trained on the true labels")
    parser.add_argument("test", type=Path, help="test corpus (.spacy)")
    parser.add_argument("train", type=Path, help="training corpus with its planted errors listed (.jsonl.gz)")
    parser.add_argument("output", type=Path, help="folder for the report")
    arguments = parser.parse_args()
    indexed, truth = spacy.load(arguments.indexed), spacy.load(arguments.truth)
    docs = list(DocBin().from_disk(arguments.test).get_docs(indexed.vocab))
    report, victims, explained = evaluate_planted(indexed, truth, docs, read_culprits(arguments.train))
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = [
        [
            kind,
            report.victims[kind],
            f"{report.hits[kind] / max(1, report.victims[kind]):.1%}",
            f"{report.neighbour_hits[kind] / max(1, report.victims[kind]):.1%}",
            f"{report.base_rates[kind]:.1%}",
        ]
        for kind in CONFUSIONS
    ]
    figures = report.figures()
    rows.append(
        [
            "both",
            figures["victims"],
            f"{figures['top_reference_is_culprit']:.1%}",
            f"{figures['nearest_neighbour_is_culprit']:.1%}",
            f"{figures['base_rate']:.1%}",
        ]
    )
    msg.divider("Is the top supporting reference of a wrong label the label that was planted?")
    header = ["planted error", "victims", "top reference", "nearest neighbour", "chance"]
    msg.table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r"))
    write_text(arguments.output / "planted.json", json.dumps(figures, indent=2) + "\n")
    plot(report, arguments.output / "planted.png")
    pages = []
    for kind in CONFUSIONS:
        victim = next((victim for victim in victims if victim.kind == kind), None)
        if victim is not None:
            doc = explained[victim.document]
            chosen = [doc[v.token]._.influencers for v in victims if v.document == victim.document]
            pages.append(arguments.output / f"victim_{kind}.html")
            write_text(pages[-1], render_page(doc, chosen))
    msg.good("Look at: " + ", ".join(str(path) for path in [arguments.output / "planted.png", *pages]))


if __name__ == "__main__":
    main()

"""Results of the paper's experiments as tables and as one Markdown page."""

from __future__ import annotations

import json
import math
from typing import Any, Mapping, Optional

import numpy

from spacy_seginf.explanation.wording import HEAD_ONLY
from spacy_seginf.rendering.markdown import markdown_table, markdown_text

from .results import Result

# The figures are those of experiments/results/whole_pipeline.json (experiments/referee).
WHOLE_MODEL = (
    " Measured on wikigold with a CNN encoder, leaving out halves of the corpus: exact influence on the head that an "
    "index explains by ranks single retrainings of the whole pipeline with a correlation of 0.17, and the mean of five "
    "with one of 0.28, where two retrainings that differ in their seed agree to 0.19 (whole_pipeline.md)."
)
HEADER = ("what", "measured", "95 % interval", "by seed", "published", "base rate", "n")
WORDS = 1  # columns of words; the others are numbers
# What a reader comes with, the experiment that says something of it, and its rows, best first.
TASKS = (
    (
        "How much would a prediction change without a label?",
        "validity",
        ("pearson", "one_step_pearson", "identity_pearson"),
    ),
    (
        "Which label taught the tagger a pattern that is an artifact?",
        "artifact",
        (
            "segment_identity_cosine_top1",
            "nearest_neighbours_top1",
            "segment_cosine_top1",
            "segment_top1",
            "instance_normalised_top1",
        ),
    ),
    (
        "Which training label decides where two conventions contradict each other?",
        "dosage",
        (
            "labels_gold_nearest_neighbours_conflicting_token",
            "labels_gold_segment_emissions_cosine_conflicting_token",
            "labels_gold_segment_identity_cosine_conflicting_token",
            "labels_gold_segment_conflicting_token",
        ),
    ),
    (
        "Which labels of a real corpus are wrong?",
        "real_noise",
        ("token_chosen_average_precision", "token_cleanlab_average_precision"),
    ),
    (
        "Which documents of a real corpus have wrong labels?",
        "real_noise",
        (
            "chosen_average_precision",
            "default_average_precision",
            "identity_segment_influence_mean_average_precision",
            "identity_instance_influence_average_precision",
        ),
    ),
    (
        "Which labels are wrong, if errors are random?",
        "planted_noise",
        ("token_random_cleanlab_average_precision", "token_random_default_average_precision"),
    ),
    (
        "Which documents are wrong, if errors are systematic and about one topic?",
        "planted_noise",
        (
            "systematic_segment_influence_identity_max_topic_auroc",
            "systematic_segment_influence_mean_topic_auroc",
            "systematic_default_auroc",
            "systematic_instance_influence_identity_other_auroc",
        ),
    ),
    (
        "Does the tagger get better by 100 corrected spans?",
        "real_noise",
        ("test_f1_gain_flagged", "test_f1_gain_random"),
    ),
)
TITLE = "# Which method for which task"
INTRODUCTION = """\
The figures are those of the experiments below: those of "Influence Functions for Sequence Tagging Models" (Jain,
Manjunatha, Wallace and Nenkova, 2022), done again with this software. A method is worth something where it is well
above the *base rate*: what a random ranking or a random reference scores. The best come first.

{tasks}

`python -m spacy project run paper` does it all; it needs the private corpora that `project.yml` lists. This page was
written by `python -m experiments page`.

In the tables below, *measured* is a mean, with its 95 % interval and the value of each seed; *published* is what the
paper or its authors' code reports; *n* is how many pairs, queries or documents are behind a figure. The first table of
a section has what was published and what matters most; the others unfold below it."""
FURTHER = "<details><summary>All other figures</summary>"
LIMITATIONS = """## Limitations

- **Removing labels is not a convex problem.** A head on frozen features has a single optimum as long as every token has
  one label. Without some label, the objective may have several optima: a wrong label whose neighbours are wrong as well
  has much of the curvature to itself, and one Newton step may land beside the optimum that a refit finds. Such labels
  are flagged by their leverage and refined; refits that end elsewhere are counted, not left out.
- **The encoder is frozen.** {head_only}
- **Every run costs time and energy.** The trainings cost most: each fine-tunes a transformer, which keeps a core
  busy for half an hour to an hour and a half here, and some experiments need one for every seed. What is finished is
  kept, so nothing needs to be paid for twice. Energy was not measured. {cost}
- **Finding nothing is no proof.** A corpus in which no score stands out may still have errors: those that are
  consistent, frequent, or learned well look like any other label. High scores are no proof of an error either.
- **Few seeds.** Intervals over three seeds are wide, and those over queries say nothing of another training."""


def result_rows(result: Result) -> list[tuple[str, ...]]:
    """Return the cells below ``HEADER``, a row of the result in each."""
    return [
        (
            row.what,
            _figure(row.measured.mean),
            "" if math.isnan(row.measured.low) else f"[{_figure(row.measured.low)}, {_figure(row.measured.high)}]",
            ", ".join(map(_figure, row.by_seed)),
            _figure(row.published),
            _figure(row.base_rate),
            "" if row.count is None else f"{row.count:,}",
        )
        for row in result.rows
    ]


def result_notes(result: Result) -> list[str]:
    """Return what else must be known of rows: each note once, with the rows that it is about."""
    about: dict[str, list[str]] = {}
    for row in result.rows:
        if row.note:
            about.setdefault(row.note, []).append(row.what)
    return [f"{'; '.join(names)}: {note}" for note, names in about.items()]


def render_page(results: Mapping[str, Result], figures: Mapping[tuple[str, str], str]) -> str:
    """Write all results as one page.

    results (mapping): by name. figures (mapping): where each figure is, relative to the page, by the name of its result
        and of its file.
    """
    parts = [TITLE, INTRODUCTION.format(tasks=_tasks(results))]
    for name, result in results.items():
        parts += _section(result, {file: figures[name, file] for file in result.figures})
    seconds = sum(float(numpy.sum(result.facts.get("seconds", 0.0))) for result in results.values())
    cost = f"The experiments on this page took {seconds / 3600:.1f} hours without the trainings."
    return "\n\n".join([*parts, LIMITATIONS.format(head_only=HEAD_ONLY + WHOLE_MODEL, cost=cost)]) + "\n"


def _tasks(results: Mapping[str, Result]) -> str:
    """Return the table of tasks, with the methods of each."""
    lines = []
    for task, name, keys in TASKS:
        rows = {row.key: row for row in results[name].rows} if name in results else {}
        for row in [rows[key] for key in keys if key in rows]:
            cells = (task, row.what, _figure(row.measured.mean), _small(row.base_rate), results[name].section)
            lines.append([markdown_text(cell) for cell in cells])
            task = ""  # which is said once
    return markdown_table(("task", "method and measure", "measured", "base rate", "section"), lines, 2)


def _section(result: Result, figures: Mapping[str, str]) -> list[str]:
    cells = [[markdown_text(cell) for cell in line] for line in result_rows(result)]
    parts = [f"## {markdown_text(result.section)} {markdown_text(result.title)}"]
    for title, sentences in (
        ("What was done", result.protocol),
        ("Where it differs from what was published", result.differences),
    ):
        if sentences:
            parts += [f"### {title}", _bullets(sentences)]
    main = [row.main or bool(row.goal) or row.published is not None for row in result.rows]
    others = [line for line, first in zip(cells, main) if not first]
    tables = [markdown_table(HEADER, [line for line, first in zip(cells, main) if first], WORDS)] if any(main) else []
    if others:
        rest = markdown_table(HEADER, others, WORDS)
        tables += [FURTHER, rest, "</details>"] if tables else [rest]
    parts += ["### What came out", *tables]
    if result_notes(result):
        parts.append(_bullets(result_notes(result)))
    parts += [f"![{markdown_text(result.figures[file])}]({path})" for file, path in figures.items()]
    if result.facts:
        facts = "; ".join(f"{name} {_plain(value)}" for name, value in result.facts.items())
        parts.append(f"Sizes and settings: {markdown_text(facts)}.")
    return parts


def _bullets(sentences: Any) -> str:
    return "\n".join(f"- {markdown_text(sentence)}" for sentence in sentences)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _small(value: Optional[float]) -> str:
    """Show a base rate, which may be less than ``_figure`` has digits for."""
    return f"{value:.5f}" if value is not None and 0 < value < 0.001 else _figure(value)


def _figure(value: Optional[float]) -> str:
    """Show a figure: shares and correlations with three digits, large numbers with one."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"

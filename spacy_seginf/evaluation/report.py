"""A comparison of methods as a Markdown table with its explanation, for files and terminals."""

from __future__ import annotations

from typing import Sequence

from ..rendering.markdown import markdown_table, markdown_text
from .comparison import MEASURES, Comparison
from .deletion import SIDES
from .intervals import Estimate

SMALL = 0.005  # a column of means below it is written with powers of ten
DELETIONS = ("auc_del_plus", "auc_del_minus")
UNCHANGED_NOTE = (
    "No deletion changed a probability by more than {change:.1e}: this head remembers its labels, so nothing is "
    "compared here. Try a tagger that was trained less or on more, or an index with --centre zero."
)


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table, a method in each."""
    measures = comparison.measures
    header = ["method", *(MEASURES[name].column for name in measures), "prepare s", "ms per query", "bytes per segment"]
    cells = {name: _cells(comparison.estimates(name)) for name in measures}
    rows = []
    for number, method in enumerate(comparison.methods):
        costs = method.costs
        rows.append(
            [
                method.name,
                *(cells[name][number] for name in measures),
                f"{costs['prepare_seconds']:.3g}",
                f"{costs['ms_per_query']:.3g}",
                f"{costs['bytes_per_segment']:,.0f}",
            ]
        )
    return header, rows


def comparison_notes(comparison: Comparison) -> list[str]:
    """Say in sentences what the columns mean, what was compared, and what to keep in mind."""
    facts = comparison.facts
    notes = [MEASURES[name].meaning + "." for name in comparison.measures]
    notes[0] = f"{notes[0][:-1]}, averaged over k = {', '.join(map(str, facts['ks']))}."
    notes.append(
        f"{facts['queries']} predictions (median probability {facts['median_probability']:.3f}) and {facts['subsets']} "
        f"halves for each of {len(facts['seeds'])} seeds; {facts['segments']:,} segments of {facts['documents']:,} "
        f"training documents; {facts['refits']:,} refits with l2 = {facts['l2']:g}, "
        f"{facts['refits_not_converged']} of them not converged."
    )
    if facts["planted_base_rate"] is not None:
        notes.append(f"{facts['victims']} victims of planted errors; base rate {facts['planted_base_rate']:.3f}.")
    notes.append(
        "In brackets: 95 % intervals over queries, by bootstrap, or by Student's t where there are fewer than 20. They "
        "do not include the noise of the halves or of the training. The head is refit; the encoder has seen all labels."
    )
    return [UNCHANGED_NOTE.format(change=comparison.largest_change), *notes] if comparison.unchanged else notes


def difference_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the first method minus each other, paired by query; * where the interval excludes 0."""
    first, *others = comparison.methods
    names = [f"{first.name} minus {other.name}" for other in others]
    columns = []
    for measure in comparison.measures:
        found = [comparison.difference(other, measure) for other in others]
        noise = comparison.unchanged and measure in DELETIONS
        stars = ["*" if not noise and (value.low > 0 or value.high < 0) else "" for value in found]
        columns.append([cell + star for cell, star in zip(_cells(found, "+"), stars)])
    header = ["difference", *(MEASURES[name].column for name in comparison.measures)]
    return header, [list(row) for row in zip(names, *columns)]


def render_markdown(comparison: Comparison) -> str:
    """Write the whole comparison as Markdown."""
    parts = ["# Attribution methods compared", _table(*comparison_rows(comparison))]
    parts.append("\n".join(f"- {note}" for note in comparison_notes(comparison)))
    if len(comparison.methods) > 1:
        parts += ["## Differences", _table(*difference_rows(comparison)), "\\* The interval excludes zero."]
    lines = []
    for method in comparison.methods:
        shares = dict(zip(SIDES, method.right_signs.mean(axis=(1, 2)).tolist()))
        signs = ", ".join(f"{share:.0%} {side}" for side, share in shares.items())
        lines.append(
            f"- {markdown_text(method.name)}: {method.cost}. Of what was deleted, the score had the sign of its side: "
            f"{signs}."
        )
    return "\n\n".join([*parts, "## Methods", "\n".join(lines)]) + "\n"


def _table(header: list[str], rows: list[list[str]]) -> str:
    """Write a table whose first column has names of methods, which may be anything."""
    return markdown_table(header, [[markdown_text(row[0]), *row[1:]] for row in rows])


def _cells(column: Sequence[Estimate], sign: str = "") -> list[str]:
    """Write the numbers of a column in one style: with three decimals, or where these would say nothing, two digits."""
    largest = max((abs(value.mean) for value in column), default=0.0)
    style = sign + (".1e" if 0 < largest < SMALL else "z.3f")
    return [f"{value.mean:{style}} [{value.low:{style}}, {value.high:{style}}]" for value in column]

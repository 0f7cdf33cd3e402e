"""A comparison of methods as a Markdown table with its explanation, for files and terminals."""

from __future__ import annotations

from ..rendering.markdown import markdown_table, markdown_text
from .comparison import MEASURES, Comparison
from .deletion import SIDES
from .intervals import Estimate


def comparison_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the table, a method in each."""
    measures = comparison.measures
    header = ["method", *(MEASURES[name].column for name in measures), "prepare s", "ms per query", "bytes per segment"]
    estimates = {name: comparison.estimates(name) for name in measures}
    rows = []
    for number, method in enumerate(comparison.methods):
        costs = method.costs
        rows.append(
            [
                method.name,
                *(_cell(estimates[name][number]) for name in measures),
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
    return notes


def difference_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the first method minus each other, paired by query; * where the interval excludes 0."""
    header = ["difference", *(MEASURES[name].column for name in comparison.measures)]
    rows = []
    for other in comparison.methods[1:]:
        found = [comparison.difference(other, measure) for measure in comparison.measures]
        cells = [_cell(value, "+.3f") + ("*" if value.low > 0 or value.high < 0 else "") for value in found]
        rows.append([f"{comparison.methods[0].name} minus {other.name}", *cells])
    return header, rows


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


def _cell(value: Estimate, style: str = ".3f") -> str:
    return f"{value.mean:{style}} [{value.low:{style}}, {value.high:{style}}]"

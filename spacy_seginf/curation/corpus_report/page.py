"""A report on a corpus as a self-contained page."""

from __future__ import annotations

from ...rendering.templates import template
from .records import CorpusReport, Finding
from .sections import SECTIONS

SHOWN = 50  # findings of a section
LISTED = 12  # places of a finding


def render_report(report: CorpusReport, *, shown: int = SHOWN, listed: int = LISTED) -> str:
    """Return a page with all sections, and a list that chooses a type.

    Everything that comes from texts, labels and ids is escaped; the page loads nothing and runs no script.
    shown (int): findings of each section, at most. listed (int): places of each.
    """
    numbers = {one.label: number for number, one in enumerate(report.types)}

    def classes(finding: Finding) -> str:
        labels = {*finding.counts, *(one.label for one in finding.occurrences)}
        return " ".join(f"type-{numbers[label]}" for label in sorted(labels & numbers.keys()))

    sections = [
        (name, SECTIONS[name], found, [(one, classes(one)) for one in found[:shown]])
        for name, found in report.sections.items()
    ]
    return template("report.html").render(report=report, sections=sections, listed=listed, shown=shown)

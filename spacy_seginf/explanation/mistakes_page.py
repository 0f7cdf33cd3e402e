"""Wrong predictions as a self-contained page that a team can work through."""

from __future__ import annotations

from typing import Sequence

from ..rendering.templates import template
from .mistake_report import Mistake, MistakeReport
from .wording import HEAD_ONLY

CAVEAT = (
    "Shares are parts of the margin log p(predicted) / p(annotated) under the head that training labels alone make of "
    "the encoder's features; with all lines they add up to it. Causes are read off the nearest training labels: they "
    "are guesses, and name where to look first. "
)


def render_mistakes(report: MistakeReport) -> str:
    """Return a page with all mistakes, each with an address of its own, and lists that choose among them.

    Everything that comes from texts, labels and ids is escaped; the page loads nothing and runs no script.
    """
    filters = {
        "cause": report.causes,
        "kind": report.kinds,
        "confusion": report.confusions,
        "document": report.documents,
    }
    classes: dict[str, list[str]] = {one.id: [] for one in report.mistakes}
    for name, groups in filters.items():
        for number, members in enumerate(groups.values()):
            for one in members:
                classes[one.id].append(f"{name}-{number}")
    return template("mistakes.html").render(
        report=report,
        filters=filters,
        mistakes=[(one, " ".join(classes[one.id])) for one in _in_order(report)],
        caveat=CAVEAT + HEAD_ONLY,
    )


def _in_order(report: MistakeReport) -> Sequence[Mistake]:
    """Causes in the order of what can be done about them, and confusions within each."""
    confusions = list(report.confusions)
    return [
        one
        for members in report.causes.values()
        for one in sorted(members, key=lambda one: confusions.index(one.confusion))
    ]

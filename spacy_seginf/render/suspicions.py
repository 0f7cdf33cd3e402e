"""Suspicions as people read them: what would change, and a ranking as a table for notebooks."""

from __future__ import annotations

from collections import Counter

from ..curation.records import Ranking, Suspicion, spoken
from .templates import template
from .text import shorten, visible
from .wording import SUSPICION_SCORE

SHOWN = 20
AROUND = 6  # tokens shown on each side
WIDTH = 60
CHANGED = 40  # characters of the suggested words


def change_of(suspicion: Suspicion) -> str:
    """Say what would change: "LOC -> ORG"."""
    return f"{visible(spoken(suspicion.current))} -> {visible(spoken(suspicion.suggested))}"


def described_change(suspicion: Suspicion) -> str:
    """Say what would change; for other boundaries also what words the suggested entities have."""
    if suspicion.kind != "rebound":
        return change_of(suspicion)
    first = suspicion.first
    words = (" ".join(suspicion.words[one.start - first : one.end - first]) for one in suspicion.suggested)
    return f"{change_of(suspicion)}: {shorten(visible(' + '.join(words)), CHANGED)}"


def family_sizes(ranking: Ranking) -> Counter[str]:
    """Count the members of each family, by its name."""
    return Counter(one.family for one in ranking.suspicions if one.family)


def ranking_html(ranking: Ranking, shown: int = SHOWN) -> str:
    """Return the first suspicions of a ranking as a table."""
    sizes = family_sizes(ranking)
    total = len(ranking.suspicions)
    counted = f"{total:,} suspicion{'s' * (total != 1)}" + (f", the first {shown} of them:" if total > shown else "")
    return template("ranking.html").render(
        counted=counted if total else "There are no suspicions.",
        rows=[_row(one, sizes) for one in ranking.suspicions[:shown]],
        meaning=SUSPICION_SCORE,
    )


def _row(one: Suspicion, sizes: Counter[str]) -> dict[str, str]:
    first, last = one.start - one.first, one.end - one.first
    begin = max(0, first - AROUND)
    return {
        "score": f"{one.score:.2f}",
        "change": described_change(one),
        "before": shorten(_joined(one, begin, first), WIDTH),
        "text": shorten(_joined(one, first, last).rstrip(), WIDTH),
        "after": shorten((" " if _spaced(one, last - 1) else "") + _joined(one, last, last + AROUND), WIDTH),
        "family": f"{sizes[one.family]:,} alike" if one.family else "alone",
        "where": visible(f"{one.document}, token {one.start}" + (f" ({one.file}:{one.line})" if one.file else "")),
    }


def _joined(one: Suspicion, start: int, end: int) -> str:
    words = one.words[start:end]
    return visible("".join(word + " " * _spaced(one, start + number) for number, word in enumerate(words)))


def _spaced(one: Suspicion, number: int) -> bool:
    """True if a space follows a word; so it is where nothing is known of spaces."""
    return one.spaces[number] if 0 <= number < len(one.spaces) else True

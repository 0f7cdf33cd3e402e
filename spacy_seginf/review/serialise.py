"""Label issues as the page shows them: short, with nothing that could act or move other text.

Everything from a corpus that is to be read goes through ``brief``. Labels and families are sent as numbers of tables,
so that the page never has to look anything up by a text.
"""

from __future__ import annotations

import math
from typing import Any, Iterable, Mapping, Optional, Sequence

from ..crf.schemes import Entity
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Decision
from ..curation.whole_document import WholeDocument
from ..rendering.text import shorten, tokens_of, visible

WORD, PART, EDGE = 60, 60, 32  # characters: of a word, of a name, of the context on each side in lists
AROUND = 200  # words shown on each side of a region
WHOLE = 5000  # words shown on each side if the whole document is asked for
EVIDENCE = 20  # references and mistakes shown of each kind
CONTEXT = 240  # characters of a reference's context on each side


class Tables:
    """Labels and families, which are sent once and then named by number.

    ranking (Ranking): its labels come first; they are those that can be chosen.
    decisions (iterable of Decision): may have more labels.
    """

    def __init__(self, ranking: Ranking, decisions: Iterable[Decision] = ()) -> None:
        self.labels: dict[str, int] = {label: number for number, label in enumerate(dict.fromkeys(ranking.labels))}
        self.choices = len(self.labels)
        self.families: dict[str, int] = {}
        for issue in ranking.issues:
            for entity in (*issue.current, *issue.suggested, *issue.entities):
                self.labels.setdefault(entity.label, len(self.labels))
            if issue.family:
                self.families.setdefault(issue.family, len(self.families))
        for decision in decisions:
            for entity in decision.entities:
                self.labels.setdefault(entity.label, len(self.labels))

    def entities(self, entities: Iterable[Entity]) -> list[list[int]]:
        """Write entities as [start, end, number of the label]."""
        return [[entity.start, entity.end, self.labels[entity.label]] for entity in entities]

    def row(self, issue: LabelIssue) -> dict[str, Any]:
        """Return what lists and filters need of an issue."""
        place, end = issue.start - issue.first, issue.end - issue.first
        before = _joined(issue, max(0, place - AROUND), place)
        return {
            "id": issue.id,
            "kind": issue.kind,
            "before": visible(before if len(before) <= EDGE else "…" + before[-EDGE:]),
            "text": brief(_joined(issue, place, end).strip()),
            "after": visible(_joined(issue, end, end + AROUND)[:EDGE]),
            "start": issue.start,
            "end": issue.end,
            "current": self.entities(issue.current),
            "suggested": self.entities(issue.suggested),
            "score": number(issue.score),
            "family": self.families.get(issue.family, -1),
        }

    def detail(self, issue: LabelIssue) -> dict[str, Any]:
        """Return all that is shown of one issue, without its evidence."""
        first = max(issue.first, issue.start - AROUND)
        end = min(issue.first + len(issue.words), issue.end + AROUND)
        window = slice(first - issue.first, end - issue.first)
        words = issue.words[window]
        spaces = [bool(space) for space in issue.spaces[window]]
        return {
            "document": brief(issue.document),
            "place": _line(issue.file, issue.line),
            "first": first,
            "words": [brief(word, WORD) for word in words],
            "spaces": spaces + [True] * (len(words) - len(spaces)),
            "entities": self.entities(issue.entities),
            "probability": number(issue.probability),
            "suggested_probability": number(issue.suggested_probability),
            "reasons": [brief(reason, 4 * CONTEXT) for reason in issue.reasons[:EVIDENCE]],
        }


def whole_shown(whole: WholeDocument, place: int) -> dict[str, Any]:
    """Return a document, or as much of it around a token (int) as anyone reads, as it is shown."""
    first, end = max(0, place - WHOLE), min(len(whole.words), place + WHOLE)
    inside = [one for one in whole.entities if first <= one.start and one.end <= end]
    return {
        "first": first,
        "words": [brief(word, WORD) for word in whole.words[first:end]],
        "spaces": whole.spaces[first:end],
        "entities": [[one.start, one.end, brief(one.label)] for one in inside],
    }


def evidence_shown(evidence: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the mistakes, references and counterexamples of an issue as they are shown.

    evidence (mapping): "mistakes", "supporting", "opposing" and "counterexamples", as in ``LabelIssue``.
    """
    return {
        side: [_reference(entry) for entry in list(evidence.get(side, ()))[:EVIDENCE]]
        for side in ("mistakes", "supporting", "opposing", "counterexamples")
    }


def brief(text: object, limit: int = PART) -> str:
    """Make a text from a corpus safe to show: cut in the middle, control and bidirectional characters escaped."""
    return visible(shorten(str(text), limit))


def number(value: object) -> Optional[float]:
    """Return a number that JSON can hold, else None."""
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _reference(entry: Mapping[str, Any]) -> dict[str, Any]:
    text, context, offset = str(entry.get("text", "")), str(entry.get("context", "")), entry.get("offset", 0)
    before, after = context[:offset], context[offset + len(text) :]
    start, end = entry.get("start", 0), entry.get("end", 0)
    place = [brief(entry.get("document", "")), tokens_of(start, max(end, start + 1))]
    place.append(_line(str(entry.get("file", "")), entry.get("line", 0)))
    labels = {name: brief(entry[name]) for name in ("label", "gold", "predicted") if name in entry}
    return {
        "before": visible(before if len(before) <= CONTEXT else "…" + before[-CONTEXT:]),
        "text": brief(text),
        "after": visible(after if len(after) <= CONTEXT else after[:CONTEXT] + "…"),
        "place": ", ".join(part for part in place if part),
        "effect": number(entry.get("effect")),
        **labels,
    }


def _line(file: str, line: int) -> str:
    """Say in which line of which file something is; empty if nobody knows."""
    return f"{brief(file)}, line {line}" if file and line else brief(file)


def _joined(issue: LabelIssue, start: int, end: int) -> str:
    """Put words together, long ones cut. start, end (int): among the words."""
    words, spaces = issue.words[start:end], issue.spaces[start:end]
    padded = (*spaces, *[True] * (len(words) - len(spaces)))
    return "".join(shorten(word, WORD) + (" " if space else "") for word, space in zip(words, padded))

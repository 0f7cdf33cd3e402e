"""What reviewers agreed on, as a guideline: the rules of families with examples, and comments."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Sequence

from .decisions import merge_decisions
from .issues import LabelIssue, Ranking, described_change
from .notes import Note
from .records import Decision, same_place

EXAMPLES = 5
AROUND = 8  # words on each side


@dataclass(frozen=True)
class Example:
    """A region as it was decided. pieces (tuple of (text, label)): of the text; label is "" outside of entities."""

    document: str
    pieces: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Rule:
    """What holds for a family. family, change (str): its name, and what would change. said (tuple of (text,
    reviewer)). changed, kept (int): members whose labels were changed or kept. examples (tuple of Example)."""

    family: str
    change: str
    said: tuple[tuple[str, str], ...]
    changed: int
    kept: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Guideline:
    """rules (tuple of Rule): in the order of the ranking. comments (tuple of (Example, text, reviewer))."""

    rules: tuple[Rule, ...]
    comments: tuple[tuple[Example, str, str], ...]


def make_guideline(ranking: Ranking, decisions: Sequence[Decision], notes: Sequence[Note]) -> Guideline:
    """Put rules and comments together with what was decided. What reviewers contradict each other about is no
    example."""
    known = {issue.id: issue for issue in ranking.issues}
    decided = {
        one.issue: one
        for one in merge_decisions(decisions)[0]
        if one.issue in known and same_place(one, known[one.issue])
    }
    families: dict[str, list[LabelIssue]] = {}
    for issue in ranking.issues:
        if issue.family:
            families.setdefault(issue.family, []).append(issue)
    rules = []
    for family, members in families.items():
        said = tuple((one.text, one.reviewer) for one in notes if one.kind == "rule" and one.about == family)
        if not said:
            continue
        made = [decided[one.id] for one in members if one.id in decided]
        counts = Counter(sorted(one.outcome or ()) != sorted(one.current) for one in made)
        examples = [_example(one, decided[one.id]) for one in members if one.id in decided][:EXAMPLES]
        rules.append(Rule(family, described_change(members[0]), said, counts[True], counts[False], tuple(examples)))
    comments = [
        (_example(known[one.about], decided.get(one.about)), one.text, one.reviewer)
        for one in notes
        if one.kind == "comment" and one.about in known
    ]
    return Guideline(tuple(rules), tuple(comments))


def _example(issue: LabelIssue, decision: Decision | None) -> Example:
    entities = issue.current if decision is None else decision.outcome or ()
    first = max(issue.first, issue.start - AROUND)
    last = min(issue.first + len(issue.words), issue.end + AROUND)
    pieces: list[tuple[str, str]] = []
    place = first
    for entity in sorted(entities):
        start, end = max(entity.start, place), min(entity.end, last)
        pieces += [(_words(issue, place, start), ""), (_words(issue, start, end), entity.label)]
        place = max(place, end)
    pieces.append((_words(issue, place, last), ""))
    return Example(issue.document, tuple((text, label) for text, label in pieces if text))


def _words(issue: LabelIssue, start: int, end: int) -> str:
    return " ".join(issue.words[start - issue.first : end - issue.first])

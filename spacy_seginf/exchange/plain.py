"""JSON lines for scripts and CSV for spreadsheets: a row for each issue, to be answered in `decision`.

`decision` is "accept", "keep", "skip", or "label", which takes `entities`: all entities of the window as [first token,
last token (exclusive), type], numbered as in the document. They are those of the suggestion until somebody changes
them. An empty decision decides nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from ..crf.schemes import Entity
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Decision, read_json_lines
from .answers import Answers
from .origin import origin_of
from .tables import read_table, write_table
from .task_files import number_of, write_json_lines
from .windows import proposed, showable, window_of

CHOICES = ("accept", "keep", "label", "skip")


def write_jsonl(ranking: Ranking, path: Path) -> None:
    """Write an issue a line. RAISES (ValueError): S190 if one can't be shown."""
    write_json_lines(path, [_row(issue, ranking) for issue in ranking.issues])


def read_jsonl(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions of lines that were answered.

    RAISES (ValueError): S040 without a file, S170 if a line is no JSON, S191 to S198 for answers that can't be used.
    """
    answers = Answers(path, ranking, reviewer)
    for number, row in read_json_lines(path, what="task"):
        _answer(row, answers, f"line {number}")
    return answers.decisions


def write_csv(ranking: Ranking, path: Path) -> None:
    """Write an issue a row. RAISES (ValueError): S190 if one can't be shown."""
    write_table(path, [_row(issue, ranking) for issue in ranking.issues])


def read_csv(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions of rows that were answered.

    RAISES (ValueError): S040 without a file, S191 to S198 if it is no such table or for answers that can't be used.
    """
    answers = Answers(path, ranking, reviewer)
    for number, row in read_table(path):
        _answer(row, answers, f"line {number}")
    return answers.decisions


def _row(issue: LabelIssue, ranking: Ranking) -> dict[str, Any]:
    window = window_of(issue)
    numbered = enumerate(window.words, start=window.first)
    return {
        "decision": "",
        "entities": [(entity.start, entity.end, entity.label) for entity in proposed(issue, window)],
        "annotated": window.describe(issue.current),
        "suggested": window.describe(issue.suggested),
        "text": window.text,
        "kind": issue.kind,
        "family": showable(issue.family) if issue.family else "",
        "score": number_of(issue.score),
        "reasons": "; ".join(map(showable, issue.reasons)),
        "tokens": " ".join(f"{number}:{word}" for number, word in numbered),
        **origin_of(issue, ranking),
    }


def _answer(row: dict[str, Any], answers: Answers, place: str) -> None:
    issue = answers.find(row, place)
    decision = row.get("decision")
    decision = decision.strip().lower() if isinstance(decision, str) else decision
    if decision in ("", None):
        return
    if decision not in CHOICES:
        raise answers.problem(place, f"the decision is {decision!r}, and none of {', '.join(CHOICES)}")
    if decision != "label":
        answers.choose(issue, decision, place)
        return
    entities = [_entity(value) for value in row["entities"]] if isinstance(row.get("entities"), list) else [None]
    found = [entity for entity in entities if entity is not None]
    if len(found) < len(entities):
        problem = f"its entities are {row.get('entities')!r}, and no list of [start, end, type]"
        raise answers.problem(place, problem)
    answers.leave(issue, found, place)


def _entity(value: Any) -> Optional[Entity]:
    if not isinstance(value, list) or len(value) != 3:
        return None
    start, end, label = value
    numbers = all(isinstance(number, int) and not isinstance(number, bool) for number in (start, end))
    return Entity(start, end, label) if numbers and isinstance(label, str) else None

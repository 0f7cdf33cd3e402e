"""JSON lines for scripts and CSV for spreadsheets: a row for each suspicion, to be answered in `decision`.

`decision` is "accept", "keep", "skip", or "label", which takes `entities`: all entities of the window as [first token,
last token (exclusive), type], numbered as in the document. They are those of the suggestion until somebody changes
them. An empty decision decides nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from ..crf.schemes import Entity
from ..curation.records import Decision, read_json_lines
from ..curation.suspicions import Ranking, Suspicion
from .answers import Answers
from .origin import origin_of
from .tables import read_table, write_table
from .task_files import number_of, write_json_lines
from .windows import proposed, showable, window_of

CHOICES = ("accept", "keep", "label", "skip")


def write_jsonl(ranking: Ranking, path: Path) -> None:
    """Write a suspicion a line. RAISES (ValueError): S190 if one can't be shown."""
    write_json_lines(path, [_row(suspicion, ranking) for suspicion in ranking.suspicions])


def read_jsonl(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions of lines that were answered.

    RAISES (ValueError): S040 without a file, S170 if a line is no JSON, S191 to S198 for answers that can't be used.
    """
    answers = Answers(path, ranking, reviewer)
    for number, row in read_json_lines(path, what="task"):
        _answer(row, answers, f"line {number}")
    return answers.decisions


def write_csv(ranking: Ranking, path: Path) -> None:
    """Write a suspicion a row. RAISES (ValueError): S190 if one can't be shown."""
    write_table(path, [_row(suspicion, ranking) for suspicion in ranking.suspicions])


def read_csv(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions of rows that were answered.

    RAISES (ValueError): S040 without a file, S191 to S198 if it is no such table or for answers that can't be used.
    """
    answers = Answers(path, ranking, reviewer)
    for number, row in read_table(path):
        _answer(row, answers, f"line {number}")
    return answers.decisions


def _row(suspicion: Suspicion, ranking: Ranking) -> dict[str, Any]:
    window = window_of(suspicion)
    numbered = enumerate(window.words, start=window.first)
    return {
        "decision": "",
        "entities": [(entity.start, entity.end, entity.label) for entity in proposed(suspicion, window)],
        "annotated": window.describe(suspicion.current),
        "suggested": window.describe(suspicion.suggested),
        "text": window.text,
        "kind": suspicion.kind,
        "score": number_of(suspicion.score),
        "reasons": "; ".join(map(showable, suspicion.reasons)),
        "tokens": " ".join(f"{number}:{word}" for number, word in numbered),
        **origin_of(suspicion, ranking),
    }


def _answer(row: dict[str, Any], answers: Answers, place: str) -> None:
    suspicion = answers.find(row, place)
    decision = row.get("decision")
    decision = decision.strip().lower() if isinstance(decision, str) else decision
    if decision in ("", None):
        return
    if decision not in CHOICES:
        raise answers.problem(place, f"the decision is {decision!r}, and none of {', '.join(CHOICES)}")
    if decision != "label":
        answers.choose(suspicion, decision, place)
        return
    entities = [_entity(value) for value in row["entities"]] if isinstance(row.get("entities"), list) else [None]
    found = [entity for entity in entities if entity is not None]
    if len(found) < len(entities):
        problem = f"its entities are {row.get('entities')!r}, and no list of [start, end, type]"
        raise answers.problem(place, problem)
    answers.leave(suspicion, found, place)


def _entity(value: Any) -> Optional[Entity]:
    if not isinstance(value, list) or len(value) != 3:
        return None
    start, end, label = value
    numbers = all(isinstance(number, int) and not isinstance(number, bool) for number in (start, end))
    return Entity(start, end, label) if numbers and isinstance(label, str) else None

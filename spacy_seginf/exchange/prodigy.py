"""Prodigy: tasks for `ner_manual` as JSON lines, and what `prodigy db-out` writes.

The suggestion is marked already. Accepting takes what is marked, whether or not it was edited; rejecting keeps the
annotation as it is; ignoring decides nothing. Prodigy counts characters as Python does, and marks whole tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..crf.schemes import Entity
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Decision, read_json_lines
from .answers import Answers
from .origin import origin_of
from .task_files import number_of, write_json_lines
from .windows import Window, proposed, window_of

ANSWERS = ("accept", "reject", "ignore")


def write(ranking: Ranking, path: Path) -> None:
    """Write the issues of a ranking as tasks. RAISES (ValueError): S190 if one can't be shown."""
    write_json_lines(path, [_task(issue, ranking) for issue in ranking.issues])


def read(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions of annotated tasks; tasks without an answer give none.

    RAISES (ValueError): S040 without a file, S170 if a line is no JSON, S191 to S198 for answers that can't be used.
    """
    answers = Answers(path, ranking, reviewer)
    for number, task in read_json_lines(path, what="task of Prodigy"):
        place = f"line {number}"
        issue = answers.find(task.get("seginf"), place)
        answer = task.get("answer")
        if answer is None:
            continue
        if answer not in ANSWERS:
            raise answers.problem(place, f"its answer is {answer!r}")
        if answer == "accept":
            answers.leave(issue, _marked(task, issue, answers, place), place)
        else:
            answers.choose(issue, "keep" if answer == "reject" else "skip", place)
    return answers.decisions


def _task(issue: LabelIssue, ranking: Ranking) -> dict[str, Any]:
    window = window_of(issue)
    tokens = []
    for number, (word, start, end, space) in enumerate(zip(window.words, window.starts, window.ends, window.spaces)):
        tokens.append({"text": word, "start": start, "end": end, "id": number, "ws": space})
    origin = origin_of(issue, ranking)
    return {
        "text": window.text,
        "tokens": tokens,
        "spans": [_span(window, entity) for entity in proposed(issue, window)],
        "meta": {
            "current": window.describe(issue.current),
            "suggested": window.describe(issue.suggested),
            "kind": issue.kind,
            "score": number_of(issue.score),
            "document": origin["document"],
        },
        "_view_id": "ner_manual",
        # Prodigy takes tasks for the same if `text` and `input` are, and leaves them out.
        "input": issue.id,
        "seginf": origin,
    }


def _span(window: Window, entity: Entity) -> dict[str, Any]:
    start, end = window.characters(entity)
    tokens = {"token_start": entity.start - window.first, "token_end": entity.end - window.first - 1}
    return {"start": start, "end": end, **tokens, "label": entity.label}


def _marked(task: dict[str, Any], issue: LabelIssue, answers: Answers, place: str) -> list[Entity]:
    spans = answers.objects(task.get("spans"), "its spans are", place)
    window = window_of(issue)
    return [answers.entity(window, span, span.get("label"), place) for span in spans]

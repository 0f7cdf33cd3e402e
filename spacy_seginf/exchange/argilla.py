"""Argilla: records as JSON with the dataset's settings beside them, for version 2 of the client.

The suggestion is marked already. Its users must also say whether what is marked or the annotation as it was is right,
as Argilla takes no submission in which nothing is marked. Discarded records decide nothing, drafts say nothing.

Argilla's editor counts characters as JavaScript does, where an emoji is two, but its server compares with their number
as Python counts it. So texts with such characters end in as many more spaces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

from ..crf.schemes import Entity
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Decision
from .answers import Answers
from .origin import labels_of, origin_of
from .task_files import number_of, read_json_list, write_json
from .windows import Window, proposed, utf16_length, window_of

SUFFIX = ".settings.json"
TEXT, QUESTION, ENTITIES, VERDICT = "text", "question", "entities", "verdict"
VERDICTS = {"marked": "What is marked", "keep": "The annotation as it was"}
GUIDELINES = (
    "Each text has a place whose annotation may be wrong; the suggestion is marked. Correct what is marked and submit "
    "it, or say that the annotation was right. Discard a record to leave it undecided."
)


def write(ranking: Ranking, path: Path) -> None:
    """Write the issues of a ranking as records, and the settings of their dataset beside them as
    PATH.settings.json.

    RAISES (ValueError): S190 if an issue can't be shown.
    """
    records = [_record(issue, ranking) for issue in ranking.issues]
    write_json(path.with_name(path.name + SUFFIX), _settings(ranking))
    write_json(path, records)


def read(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions of annotated records, as ``dataset.records.to_json(path)`` writes them, or the list of
    ``dataset.records.to_list(flatten=True)``, which also tells discarded ones from drafts.

    RAISES (ValueError): S040 without a file, S191 to S198 for answers that can't be used.
    """
    answers = Answers(path, ranking, reviewer)
    for number, record in enumerate(read_json_list(path), start=1):
        place = f"record {number}"
        issue = answers.find(record.get("metadata", record), place)
        for values, status in _responses(record, answers, place):
            if status == "discarded":
                answers.choose(issue, "skip", place)
            elif status == "submitted" and values.get(VERDICT) == "keep":
                answers.choose(issue, "keep", place)
            elif status == "submitted":
                answers.leave(issue, _marked(values.get(ENTITIES), issue, answers, place), place)
    return answers.decisions


def _settings(ranking: Ranking) -> dict[str, Any]:
    fields = [
        {"name": name, "title": title, "required": True, "settings": {"type": "text", "use_markdown": False}}
        for name, title in ((TEXT, "Text"), (QUESTION, "Annotation and suggestion"))
    ]
    entities = {
        "type": "span",
        "field": TEXT,
        "allow_overlapping": False,
        "options": [{"value": label, "text": label, "description": None} for label in labels_of(ranking)],
    }
    verdicts = [{"value": value, "text": text, "description": None} for value, text in VERDICTS.items()]
    questions = [
        {"name": ENTITIES, "title": "Entities", "required": False, "settings": entities},
        {
            "name": VERDICT,
            "title": "What is right?",
            "required": True,
            "settings": {"type": "label_selection", "options": verdicts},
        },
    ]
    metadata = [
        {"name": "kind", "title": "Kind", "settings": {"type": "terms"}},
        {"name": "score", "title": "Score", "settings": {"type": "float"}},
    ]
    return {
        "guidelines": GUIDELINES,
        "fields": fields,
        "questions": questions,
        "metadata": metadata,
        "vectors": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _record(issue: LabelIssue, ranking: Ranking) -> dict[str, Any]:
    window = window_of(issue, utf16_length)
    current, suggested = window.describe(issue.current), window.describe(issue.suggested)
    spans = [_span(window, entity) for entity in proposed(issue, window)]
    metadata = {**origin_of(issue, ranking), "kind": issue.kind, "score": number_of(issue.score)}
    probability = number_of(issue.suggested_probability)
    return {
        "id": issue.id,
        "fields": {
            TEXT: window.text + " " * (utf16_length(window.text) - len(window.text)),
            QUESTION: f"Annotated: {current}. Suggested: {suggested}.",
        },
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "suggestions": {
            ENTITIES: {"value": spans, "score": probability, "agent": "seginf"},
            VERDICT: {"value": "marked", "score": probability, "agent": "seginf"},
        },
        "responses": {},
        "vectors": {},
    }


def _span(window: Window, entity: Entity) -> dict[str, Any]:
    start, end = window.characters(entity)
    return {"start": start, "end": end, "label": entity.label}


def _responses(record: dict[str, Any], answers: Answers, place: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what each user answered to the questions, and the status of it."""
    users: dict[str, dict[str, Any]] = {}
    status: dict[str, str] = {}
    for question in (ENTITIES, VERDICT):
        for response in _responses_to(question, record, answers, place):
            user = str(response.get("user_id"))
            users.setdefault(user, {})[question] = response.get("value")
            # `to_json` leaves the status of responses out, but not that of their record.
            default = "submitted" if record.get("status") == "completed" else "draft"
            status[user] = str(response.get("status") or default)
    for user, values in users.items():
        yield values, status[user]


def _responses_to(question: str, record: dict[str, Any], answers: Answers, place: str) -> list[dict[str, Any]]:
    nested = record.get("responses")
    if nested is None:  # flattened
        columns = [record.get(f"{question}.responses{part}") or [] for part in ("", ".users", ".status")]
        return [{"value": value, "user_id": user, "status": status} for value, user, status in zip(*columns)]
    found = nested.get(question) if isinstance(nested, dict) else "nothing of the kind"
    return answers.objects(found, f"its responses to {question!r} are", place)


def _marked(spans: Any, issue: LabelIssue, answers: Answers, place: str) -> list[Entity]:
    spans = answers.objects(spans, "what is marked is", place)
    window = window_of(issue, utf16_length)
    return [answers.entity(window, span, span.get("label"), place) for span in spans]

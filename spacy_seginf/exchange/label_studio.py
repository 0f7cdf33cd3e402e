"""Label Studio: tasks as JSON with the labelling interface beside them, and its export of the kind "JSON".

Each task has the current labels as an annotation and the suggestion as a prediction. Submitting the annotation takes
what is marked; one that nobody submitted says nothing; a skipped task decides nothing. Label Studio counts code points,
as Python does, but versions before 1.4 counted as JavaScript does. The text of a region tells which it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence
from xml.sax.saxutils import quoteattr

from ..crf.schemes import Entity
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Decision
from ..files import write_text
from .answers import Answers
from .origin import labels_of, origin_of
from .task_files import number_of, read_json_list, write_json
from .windows import Window, proposed, utf16_length, window_of

SUFFIX = ".xml"
CONTROL, OBJECT = "label", "text"
MODEL = "seginf"
# Without this style the browser merges spaces, which count all the same.
INTERFACE = """<View>
  <Style>.htx-text {{ white-space: pre-wrap; }}</Style>
  <Header value="$question"/>
  <Labels name="{control}" toName="{object}">
{labels}
  </Labels>
  <Text name="{object}" value="$text"/>
</View>
"""


def write(ranking: Ranking, path: Path) -> None:
    """Write the issues of a ranking as tasks, and the labelling interface beside them as PATH.xml.

    RAISES (ValueError): S190 if an issue can't be shown.
    """
    tasks = [_task(issue, ranking) for issue in ranking.issues]
    labels = "\n".join(f"    <Label value={quoteattr(label)}/>" for label in labels_of(ranking))
    interface = INTERFACE.format(control=CONTROL, object=OBJECT, labels=labels)
    write_text(path.with_name(path.name + SUFFIX), interface)
    write_json(path, tasks)


def read(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions of submitted annotations; tasks that nobody touched give none.

    RAISES (ValueError): S040 without a file, S191 to S198 for answers that can't be used.
    """
    answers = Answers(path, ranking, reviewer)
    for number, task in enumerate(read_json_list(path), start=1):
        place = f"task {task.get('id', number)}"
        data = task.get("data")
        issue = answers.find(data.get("seginf") if isinstance(data, dict) else None, place)
        for annotation in answers.objects(task.get("annotations"), "its annotations are", place):
            if annotation.get("was_cancelled"):
                answers.choose(issue, "skip", place)
                continue
            left = _marked(annotation, issue, answers, place)
            # The annotation that was exported comes back as it was, without a time that it took.
            if annotation.get("lead_time") or set(left) != set(window_of(issue).entities):
                answers.leave(issue, left, place)
    return answers.decisions


def _task(issue: LabelIssue, ranking: Ranking) -> dict[str, Any]:
    window = window_of(issue)
    current, suggested = window.describe(issue.current), window.describe(issue.suggested)
    origin = origin_of(issue, ranking)
    data = {
        "text": window.text,
        "question": f"Annotated: {current}. Suggested: {suggested}.",
        "document": origin["document"],
        "kind": issue.kind,
        "score": number_of(issue.score),
        "seginf": origin,
    }
    score = min(max(number_of(issue.suggested_probability) or 0.0, 0.0), 1.0)  # others are refused
    prediction = {"model_version": MODEL, "score": score, "result": _regions(window, proposed(issue, window))}
    return {
        "data": data,
        "annotations": [{"result": _regions(window, window.entities)}],
        "predictions": [prediction],
    }


def _regions(window: Window, entities: Sequence[Entity]) -> list[dict[str, Any]]:
    regions = []
    for number, entity in enumerate(entities):
        start, end = window.characters(entity)
        value = {"start": start, "end": end, "text": window.text_of(entity), "labels": [entity.label]}
        names = {"id": f"entity-{number}", "from_name": CONTROL, "to_name": OBJECT, "type": "labels"}
        regions.append({**names, "value": value})
    return regions


def _marked(annotation: dict[str, Any], issue: LabelIssue, answers: Answers, place: str) -> list[Entity]:
    regions = answers.objects(annotation.get("result"), "the result of its annotation is", place)
    windows = [window_of(issue), window_of(issue, utf16_length)]
    entities = []
    for region in regions:
        if region.get("type") != "labels":
            continue  # relations, and what other controls say
        value: Any = region.get("value")
        labels = value.get("labels") if isinstance(value, dict) else None
        if not isinstance(labels, list) or len(labels) != 1:
            raise answers.problem(place, f"a region has the labels {labels!r}, where one is needed")
        entities.append(_entity(windows, value, answers.label(labels[0], place), answers, place))
    return entities


def _entity(windows: Sequence[Window], value: dict[str, Any], label: str, answers: Answers, place: str) -> Entity:
    """Take the count of characters by which the region's text is where it says."""
    start, end = answers.offsets(value, place)
    for window in windows:
        entity = window.entity(start, end, label)
        if entity is not None and _letters(value.get("text")) in ("", _letters(window.text_of(entity))):
            return entity
    raise answers.misaligned(start, end, label, place)


def _letters(text: Any) -> str:
    """Leave spaces out, which the browser changes; a line break is written as \\n."""
    return "".join(text.replace("\\n", " ").split()) if isinstance(text, str) else ""

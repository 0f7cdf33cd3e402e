"""Tasks for Label Studio, read by its own library where it is installed."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.exchange import label_studio

from . import annotators
from .making import LABELS, Case, cases, example, ranking_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tasks.json"


def written(path, *issues):
    label_studio.write(ranking_of(*issues), path)
    return json.loads(path.read_text(encoding="utf8")), path.with_name(path.name + ".xml").read_text(encoding="utf8")


def test_tasks(path):
    (task,), interface = written(path, example())
    assert task["data"]["text"] == "Ada Lind met 🚀 Veltra in Osted. "
    assert task["data"]["question"] == "Annotated: Veltra PER. Suggested: Veltra LOC."
    (current,), (suggested,) = task["annotations"], task["predictions"]
    assert [region["value"]["labels"] for region in current["result"]] == [["PER"], ["PER"], ["LOC"]]
    assert [region["value"]["labels"] for region in suggested["result"]] == [["PER"], ["LOC"], ["LOC"]]
    assert suggested["score"] == 0.8
    assert suggested["result"][1]["value"] == {"start": 15, "end": 21, "text": "Veltra", "labels": ["LOC"]}
    root = ElementTree.fromstring(interface)
    assert [label.get("value") for label in root.iter("Label")] == list(LABELS)


@pytest.mark.parametrize("probability, score", [(1.5, 1.0), (-1.0, 0.0), (float("nan"), 0.0), (0.25, 0.25)])
def test_scores_that_label_studio_takes(path, probability, score):
    (task,), _ = written(path, replace(example(), suggested_probability=probability, score=float("inf")))
    assert task["predictions"][0]["score"] == score and task["data"]["score"] is None


def test_both_ways_to_count(path):
    """Versions before 1.4 count an emoji as two characters; the text tells."""
    left = (Entity(13, 15, "LOC"), Entity(17, 18, "PER"))
    for annotate in (annotators.label_studio, annotators.label_studio_before_1_4):
        ranking = ranking_of(example())
        label_studio.write(ranking, path)
        annotate(path, [Case(example(), "leave", left)])
        (decision,) = label_studio.read(path, ranking, "Mira")
        assert decision.entities == left and (decision.start, decision.end) == (10, 18)


def test_texts_that_are_elsewhere(path):
    (task,), _ = written(path, example())
    task["annotations"][0]["result"][0]["value"]["text"] = "Tarnby"
    path.write_text(json.dumps([task]))
    with pytest.raises(ValueError, match=r"\[S195\].*task 1: the entity at characters 0 to 8 \(PER\)"):
        label_studio.read(path, ranking_of(example()), "Mira")


def test_two_annotators(path):
    (task,), _ = written(path, example())
    answer = {**task["predictions"][0], "lead_time": 4}
    path.write_text(json.dumps([{**task, "id": 71, "annotations": [*task["annotations"], answer, answer]}]))
    with pytest.raises(ValueError, match=r"\[S194\].*task 71.*export each annotator's answers"):
        label_studio.read(path, ranking_of(example()), "Mira")


def test_what_is_no_annotation(path):
    (task,), _ = written(path, example())
    region = task["annotations"][0]["result"][0]
    relation = {"type": "relation", "from_id": "a", "to_id": "b"}
    path.write_text(json.dumps([{**task, "annotations": [{"lead_time": 1, "result": [relation]}]}]))
    (decision,) = label_studio.read(path, ranking_of(example()), "Mira")
    assert (decision.choice, decision.entities) == ("label", ())
    two = {**region, "value": {**region["value"], "labels": ["PER", "LOC"]}}
    for given_annotations, problem in [
        ([{"result": [two]}], "a region has the labels"),
        ([{"result": [{"type": "labels"}]}], "a region has the labels None"),
        ([{"result": ["x"]}], "the result of its annotation is no list"),
        (["x"], "its annotations are no list"),
    ]:
        path.write_text(json.dumps([{**task, "annotations": given_annotations}]))
        with pytest.raises(ValueError, match=rf"\[S191\].*{problem}"):
            label_studio.read(path, ranking_of(example()), "Mira")
    path.write_text(json.dumps([{**task, "annotations": []}]))
    assert label_studio.read(path, ranking_of(example()), "Mira") == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_own_library(path, case):
    """Label Studio's library parses the interface, and finds tasks, annotations and predictions valid."""
    interfaces = pytest.importorskip("label_studio_sdk.label_interface")
    from label_studio_sdk.label_interface.objects import TaskValue

    (task,), text = written(path, case.issue)
    interface = interfaces.LabelInterface(text)
    interface.validate()
    assert set(interface.get_control("label").labels) == set(LABELS)
    assert interface.validate_task({"data": task["data"]})
    assert interface.load_task(task["data"]).get_object("text").value == task["data"]["text"]
    for prediction in task["predictions"]:
        assert interface.validate_prediction(prediction, return_errors=True) == []
    for annotation in task["annotations"]:
        assert interface.validate_annotation(annotation)
        annotation["completed_by"] = 1
    parsed = TaskValue.model_validate(task)
    # What the library writes again is read as what nobody touched, and a submitted annotation as kept.
    task["annotations"] = [annotation.model_dump() for annotation in parsed.annotations]
    for lead_time, choices in ((0.0, []), (2.0, ["keep"])):
        task["annotations"][0]["lead_time"] = lead_time
        path.write_text(json.dumps([task]))
        found = label_studio.read(path, ranking_of(case.issue), "Mira")
        assert [decision.choice for decision in found] == choices


def test_own_conversion(path, tmp_path):
    """Its converter gives the words of entities the types that were marked."""
    converter = pytest.importorskip("label_studio_sdk.converter")
    issue = example(emoji="old")
    _, interface = written(path, issue)
    annotators.label_studio(path, [Case(issue, "keep", ())])
    tool = converter.Converter(config=interface, project_dir=None)
    tool.convert_to_conll2003(str(path), str(tmp_path / "conll"), is_dir=False)
    lines = (tmp_path / "conll" / "result.conll").read_text().split("\n")
    words = [line.split() for line in lines[1:] if line.split()]
    tagged = [(word[0], word[-1]) for word in words if word[-1] != "O"]
    assert tagged[:3] == [("Ada", "B-PER"), ("Lind", "I-PER"), ("Veltra", "B-PER")]
    assert [tag for _, tag in tagged[3:]] == ["B-LOC"]

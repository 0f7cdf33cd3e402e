"""Records for Argilla, read and written by its own client where it is installed."""

from __future__ import annotations

import json
from unittest.mock import Mock
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.exchange import argilla
from spacy_seginf.exchange.windows import utf16_length, window_of

from . import annotators
from .making import LABELS, Case, cases, example, expected, ranking_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.json"


def written(path, *issues):
    argilla.write(ranking_of(*issues), path)
    settings = path.with_name(path.name + ".settings.json")
    return json.loads(path.read_text(encoding="utf8")), json.loads(settings.read_text(encoding="utf8"))


def test_records(path):
    (record,), settings = written(path, example())
    assert record["fields"]["text"] == "Ada Lind met 🚀 Veltra in Osted.  "  # one space more, for the emoji
    # As the editor counts, in which the emoji is two characters.
    assert record["suggestions"]["entities"]["value"][1] == {"start": 16, "end": 22, "label": "LOC"}
    assert record["metadata"]["score"] == 1.5 and record["metadata"]["document"] == "=news"
    assert [option["value"] for option in settings["questions"][0]["settings"]["options"]] == list(LABELS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_server_takes_spans(path, case):
    """The server wants 0 <= start < end <= length, as Python counts it."""
    (record,), _ = written(path, case.issue)
    for entity in case.left:
        start, end = window_of(case.issue, utf16_length).characters(entity)
        assert 0 <= start < end <= len(record["fields"]["text"])


def test_statuses(path):
    """Where responses have no status, their record says whether they were submitted."""
    ranking = ranking_of(example())
    argilla.write(ranking, path)
    annotators.argilla(path, [Case(example(), "accept", ())])
    (record,) = json.loads(path.read_text())
    for responses in record["responses"].values():
        for response in responses:
            del response["status"]
    for status, choices in (("completed", ["accept"]), ("pending", [])):
        path.write_text(json.dumps([{**record, "status": status}]))
        assert [one.choice for one in argilla.read(path, ranking, "Mira")] == choices


def test_two_users(path):
    ranking = ranking_of(example())
    argilla.write(ranking, path)
    annotators.argilla(path, [Case(example(), "keep", ())])
    (record,) = json.loads(path.read_text())
    record["responses"]["verdict"].append({"value": "keep", "user_id": "9", "status": "submitted"})
    path.write_text(json.dumps([record]))
    with pytest.raises(ValueError, match=r"\[S194\].*record 1"):
        argilla.read(path, ranking, "Mira")


def test_what_is_no_answer(path):
    (record,), _ = written(path, example())
    given = {"user_id": "1", "status": "submitted"}
    for responses, problem in [
        ([], "its responses to 'entities' are no list"),
        ({"entities": ["x"]}, "its responses to 'entities' are no list"),
        ({"entities": [{**given, "value": "x"}]}, "what is marked is no list"),
    ]:
        path.write_text(json.dumps([{**record, "responses": responses}]))
        with pytest.raises(ValueError, match=rf"\[S191\].*record 1: {problem}"):
            argilla.read(path, ranking_of(example()), "Mira")


def test_own_settings(path, monkeypatch):
    client = pytest.importorskip("argilla")
    monkeypatch.setattr(client.Argilla, "_get_default", Mock)  # no server is asked
    _, facts = written(path, example())
    loaded = client.Settings.from_json(path.with_name(path.name + ".settings.json"))
    loaded.validate()
    entities, verdict = loaded.questions["entities"], loaded.questions["verdict"]
    assert entities.labels == list(LABELS) and entities.field == "text"
    assert not entities.required and not entities.allow_overlapping and verdict.required
    assert [option["value"] for option in verdict._model.settings.options] == ["marked", "keep"]
    again = loaded.serialize()
    for part in ("guidelines", "allow_extra_metadata", "distribution", "mapping", "vectors"):
        assert again[part] == facts[part]
    for part in ("fields", "questions", "metadata"):
        for one, other in zip(again[part], facts[part], strict=True):
            assert {name: one[name] for name in ("name", "title")} == {name: other[name] for name in ("name", "title")}
            assert one["settings"].items() >= other["settings"].items()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases())
def test_own_client(path, case):
    """The client reads the records, its users respond, and what it writes comes back."""
    client = pytest.importorskip("argilla")
    from argilla.records._io import GenericIO, JsonIO

    ranking = ranking_of(case.issue)
    argilla.write(ranking, path)
    (record,) = JsonIO._records_from_json(path)
    assert record.id == case.issue.id
    assert [one.question_name for one in record.suggestions] == ["entities", "verdict"]
    record.api_model()
    annotators.argilla(path, [case])
    user = uuid4()
    for name, (response,) in json.loads(path.read_text())[0]["responses"].items():
        record.responses.add(client.Response(name, response["value"], user, status=response["status"]))
    path.write_text(json.dumps(GenericIO.to_list([record], flatten=True)))
    found = argilla.read(path, ranking, "Mira")
    wanted = expected(case, ranking, "Mira", found[0].time if found else "")
    assert found == [wanted] * (wanted is not None)
    if case.choice not in ("skip", "untouched"):
        record._model.status = "completed"
        path.unlink()
        JsonIO.to_json([record], path)
        (again,) = argilla.read(path, ranking, "Mira")
        assert again.outcome == found[0].outcome


def test_emoji_in_the_editor(path):
    """A word after an emoji, marked where the editor counts it."""
    ranking = ranking_of(example())
    argilla.write(ranking, path)
    annotators.argilla(path, [Case(example(), "leave", (*example().entities, Entity(17, 18, "LOC")))])
    (record,) = json.loads(path.read_text())
    assert record["responses"]["entities"][0]["value"][-1] == {"start": 31, "end": 32, "label": "LOC"}
    (decision,) = argilla.read(path, ranking, "Mira")
    assert decision.entities[-1] == Entity(17, 18, "LOC")

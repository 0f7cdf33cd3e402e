"""Answers that can't be used: each says in which file, where, and what to do."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.exchange.formats import FORMATS, find_format

from .making import example, make, ranking_of

RANKING = ranking_of(example())


def mark(start, end, label="PER"):
    return {"start": start, "end": end, "label": label}


def read(path, name, content, ranking=RANKING):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return FORMATS[name].read(path, ranking, "Mira")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tasks.json"


@pytest.fixture
def task(path):
    FORMATS["prodigy"].write(RANKING, path)
    return {**json.loads(path.read_text(encoding="utf8")), "answer": "accept"}


@pytest.mark.parametrize(
    "spans, message",
    [
        ([mark(0, 7)], r"\[S195\] .*tasks.json, line 1: the entity at characters 0 to 7 \(PER\) does not begin"),
        ([mark(1, 8)], "S195"),
        ([mark(0, 99)], "S195"),
        ([mark(-3, 8)], "S195"),
        ([mark(8, 0)], "S195"),
        ([mark(3, 4)], "S195"),
        ([mark(0, 8, "TOWN")], r"\[S196\] .*line 1: there is no entity type 'TOWN' \(there are: LOC, PER, R&D"),
        ([mark(0, 8), mark(4, 12)], r"\[S197\] .*line 1: the entities 'Ada Lind PER' and 'Lind met PER' overlap"),
        ([mark(0, 8), mark(4, 8)], "S197"),
        ([mark(0, 8), mark(0, 8)], "S197"),
        ([{"start": 0}], r"\[S191\] .*an entity has no start and end"),
        ([mark("a", 8)], "S191"),
        ([mark(0, 8, None)], r"\[S191\] .*the type of an entity is None"),
    ],
)
def test_entities(path, task, spans, message):
    with pytest.raises(ValueError, match=message):
        read(path, "prodigy", {**task, "spans": spans})


def test_spaces_around_entities_are_left_out(path, task):
    (decision,) = read(path, "prodigy", {**task, "spans": [mark(0, 9), mark(14, 22, "LOC"), mark(24, 30, "LOC")]})
    assert decision.choice == "accept"


def test_where_it_comes_from(path, task):
    origin = task["seginf"]
    for changes, message in [
        ({"issue": "f" * 16}, r"\[S192\] .*line 1: the issue 'f+' is not in the ranking"),
        ({"issue": 5}, "S191"),
        ({"corpus": "d" * 64}, r"\[S193\] .*line 1: the task was exported from another corpus"),
        ({"task": ""}, r"\[S193\] .*line 1: the task was exported from another ranking"),
    ]:
        with pytest.raises(ValueError, match=message):
            read(path, "prodigy", {**task, "seginf": {**origin, **changes}})
    with pytest.raises(ValueError, match="S191"):
        read(path, "prodigy", {**task, "seginf": None})
    for other in (replace(example(), suggested=()), replace(example(), spaces=(True,) * 8)):
        with pytest.raises(ValueError, match=r"\[S193\].*another ranking"):
            read(path, "prodigy", task, ranking_of(other))


def test_second_answers(path, task):
    line = json.dumps(task) + "\n"
    with pytest.raises(ValueError, match=r"\[S194\] .*line 3: the label issue \w+ has an answer already \(line 1\)"):
        read(path, "prodigy", f"{line}\n{line}")


def test_nothing_reaches_into_what_is_cut(path):
    entities = [Entity(0, 2, "PER"), Entity(3, 4, "LOC")]
    issue = make(["Lind", "met", "Veltra", "."], [True] * 4, entities, (3, 4), [], first=1)
    ranking = ranking_of(issue)
    FORMATS["prodigy"].write(ranking, path)
    task = {**json.loads(path.read_text(encoding="utf8")), "answer": "accept"}
    assert read(path, "prodigy", task, ranking)[0].choice == "accept"
    assert read(path, "prodigy", {**task, "spans": [mark(5, 8)]}, ranking)[0].current == (Entity(3, 4, "LOC"),)
    with pytest.raises(ValueError, match=r"\[S198\] .*changes reach into the entity of tokens 0 to 1 \(PER\)"):
        read(path, "prodigy", {**task, "spans": [mark(0, 8)]}, ranking)


@pytest.mark.parametrize("name", ["label-studio", "argilla"])
def test_lists_of_tasks(path, name):
    with pytest.raises(ValueError, match=r"\[S040\]"):
        FORMATS[name].read(path, RANKING, "Mira")
    for content, problem in [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("{}", "it is no list of tasks"),
        ("[1]", "task 1: it is no object"),
        ("[{}]", "does not say which issue"),
    ]:
        with pytest.raises(ValueError, match=rf"\[S191\].*{problem}"):
            read(path, name, content)
    path.write_bytes(b"\xff[]")
    with pytest.raises(ValueError, match="it is no JSON"):
        FORMATS[name].read(path, RANKING, "Mira")


def test_formats_by_name(path):
    assert find_format(None, path.with_suffix(".csv")) is FORMATS["csv"]
    assert find_format(None, path.with_suffix(".spacy")) is FORMATS["incorrect-spans"]
    assert find_format("jsonl", path) is FORMATS["jsonl"]
    for name, other in ((None, ".json"), (None, ".jsonl"), (None, ""), ("doccano", ".csv")):
        with pytest.raises(ValueError, match=r"\[S109\].*prodigy, label-studio, argilla"):
            find_format(name, path.with_suffix(other))


def test_tasks_that_version_0_1_exported(path, task):
    origin = dict(task["seginf"])
    origin["suspicion"] = origin.pop("issue")
    assert len(read(path, "prodigy", {**task, "seginf": origin})) == 1

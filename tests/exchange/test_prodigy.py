"""Tasks for Prodigy: its documented format, as far as it is known to those who can't install it."""

from __future__ import annotations

import json

import pytest
import spacy
from pydantic import BaseModel, ConfigDict, StrictBool, StrictInt, StrictStr
from spacy.tokens import Doc

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.exchange import prodigy

from .making import example, ranking_of


class Token(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: StrictStr
    start: StrictInt
    end: StrictInt
    id: StrictInt
    ws: StrictBool


class Mark(BaseModel):
    model_config = ConfigDict(extra="forbid")
    start: StrictInt
    end: StrictInt
    token_start: StrictInt
    token_end: StrictInt
    label: StrictStr


class Task(BaseModel):
    """A task of the interface `ner_manual`, see https://prodi.gy/docs/api-interfaces#ner_manual."""

    text: StrictStr
    tokens: list[Token]
    spans: list[Mark]
    meta: dict[str, str | float]
    input: StrictStr


def written(path, *issues):
    prodigy.write(ranking_of(*issues), path)
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def test_schema(tmp_path):
    issue = example()
    (task,) = written(tmp_path / "tasks.jsonl", issue)
    parsed = Task.model_validate(task)
    assert task["_view_id"] == "ner_manual"
    assert parsed.text == "Ada Lind met 🚀 Veltra in Osted. "
    assert parsed.meta == {
        "current": "Veltra PER",
        "suggested": "Veltra LOC",
        "kind": "relabel",
        "score": 1.5,
        "document": "=news",
    }
    vocab = spacy.blank("en").vocab
    doc = Doc(vocab, words=[token.text for token in parsed.tokens], spaces=[token.ws for token in parsed.tokens])
    assert doc.text == parsed.text
    for number, token in enumerate(parsed.tokens):
        assert token.id == number and doc.text[token.start : token.end] == token.text == doc[number].text
    spans = [doc.char_span(span.start, span.end, span.label) for span in parsed.spans]
    assert [(span.text, span.label_) for span in spans] == [("Ada Lind", "PER"), ("Veltra", "LOC"), ("Osted", "LOC")]
    assert [(span.start, span.end - 1) for span in spans] == [(m.token_start, m.token_end) for m in parsed.spans]


def test_tasks_on_the_same_text_are_told_apart(tmp_path):
    """Prodigy leaves out tasks whose `text` and `input` it has seen."""
    tasks = written(tmp_path / "tasks.jsonl", example(), example(document="news-2"))
    assert tasks[0]["text"] == tasks[1]["text"] and tasks[0]["input"] != tasks[1]["input"]


def test_edits(tmp_path):
    path, ranking = tmp_path / "tasks.jsonl", ranking_of(example())
    (task,) = written(path, *ranking.issues)
    del task["spans"][1]
    for answer, choice, entities in (("accept", "label", ()), ("reject", "keep", ()), ("ignore", "skip", ())):
        path.write_text(json.dumps({**task, "answer": answer, "_timestamp": 1, "_session_id": None}))
        (decision,) = prodigy.read(path, ranking, "Mira")
        assert (decision.choice, decision.entities) == (choice, entities)
        assert (decision.start, decision.end, decision.current) == (14, 15, (Entity(14, 15, "PER"),))
    path.write_text(json.dumps({**task, "answer": "maybe"}))
    with pytest.raises(ValueError, match=r"\[S191\].*line 1: its answer is 'maybe'"):
        prodigy.read(path, ranking, "Mira")
    path.write_text(json.dumps({**task, "answer": "accept", "spans": {}}) + "\n" + json.dumps({"text": "a"}))
    with pytest.raises(ValueError, match=r"\[S191\].*line 2: it does not say which issue"):
        prodigy.read(path, ranking, "Mira")
    path.write_text(json.dumps({**task, "answer": "accept", "spans": ["x"]}))
    with pytest.raises(ValueError, match=r"\[S191\].*spans are no list"):
        prodigy.read(path, ranking, "Mira")
    path.write_text("{")
    with pytest.raises(ValueError, match=r"\[S170\].*no JSON object"):
        prodigy.read(path, ranking, "Mira")

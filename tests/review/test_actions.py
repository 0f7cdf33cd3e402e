"""What the page does at the end: the corrected corpus, and a preview."""

from __future__ import annotations

import json
import threading

import pytest

from spacy_seginf.api.apply import apply_decisions
from spacy_seginf.api.review import review as start
from spacy_seginf.api.review_actions import Applying, Previewing
from spacy_seginf.curation.records import write_ranking
from spacy_seginf.curation.whole_document import WholeDocument
from spacy_seginf.review.app import make_app
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.drawing import Drawing
from spacy_seginf.review.server import ReviewServer
from spacy_seginf.review.state import Review

from ..influence.fixtures import exact_nlp, exact_path, model_path, unsure_nlp  # noqa: F401
from .making import LABELS, small_ranking

BASE = "http://127.0.0.1:8765"


@pytest.fixture
def corpus(tmp_path):
    """The documents of the small ranking, as JSON lines."""
    lines = {}
    for one in small_ranking().issues:
        words = ["."] * one.first + list(one.words)
        labels = ["O"] * len(words)
        for entity in one.entities:
            labels[entity.start : entity.end] = [f"I-{entity.label}"] * (entity.end - entity.start)
            labels[entity.start] = f"B-{entity.label}"
        lines[one.document] = {"id": one.document, "tokens": words, "labels": labels}
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines.values()))
    return path


@pytest.fixture
def review(tmp_path):
    return Review(small_ranking(), tmp_path / "decisions.jsonl", "ada")


def decide(review, number, choice):
    review.decide([Answer(review.issues[number].id, choice)])


def test_the_corrected_corpus_is_written_and_written_anew(corpus, review, tmp_path):
    output = tmp_path / "new" / "corrected.jsonl"
    run = Applying(corpus, output, [review.path], LABELS)
    assert not output.parent.exists(), "nothing is written before it is asked for"
    assert run()[0] == "0 regions changed, 0 confirmed as they are." and output.read_bytes() == corpus.read_bytes()
    decide(review, 0, "accept")
    decide(review, 1, "keep")
    lines = run()
    assert lines[:2] == ["1 regions changed, 1 confirmed as they are.", "another type: 1"]
    assert any("[Osted United]/ORG" in line for line in lines) and str(output) in lines[2]
    apply_decisions(corpus, tmp_path / "expected.jsonl", [review.path], labels=LABELS)
    for suffix in ("", ".diff"):
        made, expected = (path.with_name(path.name + suffix) for path in (output, tmp_path / "expected.jsonl"))
        assert made.read_bytes() == expected.read_bytes()
    assert sorted(path.name for path in output.parent.iterdir()) == ["corrected.jsonl", "corrected.jsonl.diff"]


def test_drawn_entities_are_applied(corpus, tmp_path):
    first = small_ranking().issues[0]
    words = ["."] * first.first + list(first.words)
    whole = WholeDocument(words, [True] * len(words), list(first.entities))
    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada", whole={first.document: whole}.get)
    Drawing(review).draw(0, {"start": 3, "end": 5, "label": "LOC"})
    decide(review, 0, "accept")
    lines = Applying(corpus, tmp_path / "corrected.jsonl", [review.path], LABELS)()
    assert lines[:3] == ["2 regions changed, 0 confirmed as they are.", "another type: 1", "a new entity: 1"]


def test_nothing_of_others_is_replaced(corpus, review, tmp_path):
    output = tmp_path / "corrected.jsonl"
    run = Applying(corpus, output, [review.path], LABELS)
    run()
    output.write_text("mine\n")
    decide(review, 0, "accept")
    with pytest.raises(ValueError, match=r"S301.*corrected\.jsonl"):
        run()
    assert output.read_text() == "mine\n"
    with pytest.raises(ValueError, match="S204"):
        Applying(corpus, output, [review.path])


def test_the_page_asks_for_it(corpus, review, tmp_path):
    output = tmp_path / "corrected.jsonl"
    client = make_app(
        review, token="secret", port=8765, actions={"apply": Applying(corpus, output, [review.path], LABELS)}
    ).test_client()
    decide(review, 0, "accept")
    answer = client.post("/secret/run/apply", base_url=BASE, json={})
    assert answer.status_code == 200 and answer.json["lines"][0].startswith("1 regions changed")
    assert output.is_file()
    corpus.write_text("{}\n")  # what does not fit is said
    answer = client.post("/secret/run/apply", base_url=BASE, json={})
    assert answer.status_code == 400 and answer.json["error"].startswith("[S")
    assert client.post("/secret/run/preview", base_url=BASE, json={}).status_code == 404
    assert client.post("/secret/run/apply", base_url=BASE, data="{}").status_code == 415
    assert client.get("/secret/run/apply", base_url=BASE).status_code == 405
    assert client.post("/run/apply", base_url=BASE, json={}).status_code == 403
    other = {"Origin": "http://elsewhere.example"}
    assert client.post("/secret/run/apply", base_url=BASE, json={}, headers=other).status_code == 403


def test_one_thing_at_a_time(review):
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go_on.wait(10)
        return []

    app = make_app(review, token="secret", port=8765, actions={"apply": slow})
    first = threading.Thread(target=lambda: app.test_client().post("/secret/run/apply", base_url=BASE, json={}))
    first.start()
    assert begun.wait(10)
    assert app.test_client().post("/secret/run/apply", base_url=BASE, json={}).status_code == 409
    go_on.set()
    first.join()
    assert app.test_client().post("/secret/run/apply", base_url=BASE, json={}).status_code == 200


def test_the_command_is_given_what_it_takes(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "indexed").mkdir()
    write_ranking(tmp_path / "issues.jsonl", small_ranking())
    made = {}

    def serve(server):
        made["server"] = server
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve", serve)
    settings = {"browser": False, "silent": True, "evidence": lambda issue: {}}
    outputs = {"output": tmp_path / "it's new.jsonl", "refit": tmp_path / "better"}
    state = start(tmp_path / "indexed", corpus=corpus, **outputs, **settings)
    assert state.command.endswith("""it'"'"'s new.jsonl' decisions.jsonl""")
    for wrong, code in (
        ({"corpus": corpus}, "S302"),
        ({"corpus": tmp_path / "nowhere.jsonl", "output": tmp_path / "new.jsonl"}, "S040"),
        ({"corpus": corpus, "output": corpus}, "S204"),
        ({"refit": tmp_path / "indexed"}, "S204"),
        ({"corpus": tmp_path, "output": tmp_path / "new.jsonl"}, "S308"),
    ):
        with pytest.raises(ValueError, match=code):
            start(tmp_path / "indexed", **wrong, **settings)


def test_a_preview(exact_nlp, tmp_path):  # noqa: F811
    run = Previewing(
        lambda: (exact_nlp, exact_nlp.get_pipe("influence")), "Ada Lind visited Tarnby .", [tmp_path / "none"]
    )
    assert run()[0].startswith("Regions of texts whose predictions change: 0, in 1 texts")

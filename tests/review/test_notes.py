"""Flags, comments and rules, and the guideline that is made of them."""

from __future__ import annotations

import json

import pytest

from spacy_seginf import write_guideline
from spacy_seginf.curation.notes import Note, append_note, notes_path, read_notes
from spacy_seginf.curation.records import write_ranking
from spacy_seginf.review.app import make_app
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.noting import LONGEST, Noting
from spacy_seginf.review.state import Review

from ..cli.running import run
from .making import BIDI, IMAGE, MARKUP, hostile_ranking, small_ranking
from .pages import press, says, settle, shows

BASE = "http://127.0.0.1:8765"


@pytest.fixture
def review(tmp_path):
    return Review(small_ranking(), tmp_path / "decisions.jsonl", "ada")


def said(kind, about, text):
    return {"kind": kind, "about": about, "text": text}


def test_notes_are_kept_and_taken_back(review):
    noting, name = Noting(review), review.issues[1].id
    noting.note(said("flag", name, "flagged"))
    noting.note(said("comment", name, "first"))
    noting.note(said("comment", name, " ask Mia\n"))
    shown = noting.note(said("rule", "0", "clubs are ORG"))
    expected = [("flag", 1, "flagged"), ("comment", 1, "ask Mia"), ("rule", 0, "clubs are ORG")]
    assert [(one["kind"], one["number"], one["text"]) for one in shown] == expected
    noting.note(said("flag", name, ""))
    again = Noting(Review(review.ranking, review.path, "jonas"))
    assert [(one["kind"], one["reviewer"], one["own"]) for one in again.shown()] == [
        ("comment", "ada", False),
        ("rule", "ada", False),
    ]
    again.note(said("comment", name, "no"))
    assert [one.text for one in read_notes(notes_path(review.path))] == ["ask Mia", "clubs are ORG", "no"]
    assert not review.path.exists() and notes_path(review.path).name == "decisions.notes.jsonl"


@pytest.mark.parametrize(
    "content",
    [
        *(None, [], {}, said("flag", "unheard of", "x"), said("rule", "9", "x"), said("rule", "-1", "x")),
        *(said("opinion", "x", "x"), said("flag", 3, "x"), {**said("flag", "x", "x"), "more": 1}),
    ],
)
def test_what_is_no_note_is_refused(review, content):
    with pytest.raises(ValueError, match="S185"):
        Noting(review).note(content)
    with pytest.raises(ValueError, match=r"S185.*longer"):
        Noting(review).note(said("comment", review.issues[0].id, "x" * (LONGEST + 1)))
    assert not notes_path(review.path).exists()


def test_a_line_that_a_crash_cut_short(review):
    path = notes_path(review.path)
    append_note(path, Note("comment", "a", "one"))
    with path.open("a") as file:
        file.write('{"seginf": "no')
    append_note(path, Note("comment", "b", "two"))
    assert [one.text for one in read_notes(path)] == ["one", "two"]


@pytest.mark.parametrize("line", ['{"seginf": "decision"}', '{"seginf": "note", "version": 1, "kind": "x"}'])
def test_files_of_something_else(review, line):
    notes_path(review.path).write_text(line + "\n")
    with pytest.raises(ValueError, match=r"S306.*line 1"):
        Noting(review)


def test_the_server_takes_notes(review):
    client = make_app(review, token="secret", port=8765).test_client()
    note = said("comment", review.issues[0].id, IMAGE)
    answer = client.post("/secret/notes", base_url=BASE, json=note)
    assert answer.json["notes"][0]["text"] == IMAGE
    page = client.get("/secret/", base_url=BASE).text
    assert IMAGE not in page and "\\u003cimg" in page
    for wrong in ({"json": {}}, {"data": b"[" * 100_000, "content_type": "application/json"}):
        assert client.post("/secret/notes", base_url=BASE, **wrong).status_code == 400
    assert client.post("/secret/notes", base_url=BASE, data="{}").status_code == 415
    other = {"Origin": "http://elsewhere.example"}
    assert client.post("/secret/notes", base_url=BASE, json=note, headers=other).status_code == 403


def test_a_guideline(review, tmp_path):
    write_ranking(tmp_path / "issues.jsonl", review.ranking)
    code, output = run("seginf", "guideline", tmp_path / "issues.jsonl", tmp_path / "decisions.jsonl")
    assert code == 1 and "[S040]" in output
    (tmp_path / "none.jsonl").touch()
    code, output = run("seginf", "guideline", tmp_path / "issues.jsonl", tmp_path / "none.jsonl")
    assert code == 1 and "[S307]" in output
    noting, names = Noting(review), [one.id for one in review.issues]
    noting.note(said("rule", "0", "Companies are ORG"))
    noting.note(said("comment", names[0], "A club."))
    review.decide([Answer(name, "accept") for name in names[4:7]] + [Answer(names[7], "keep")])
    page = tmp_path / "guideline.html"
    found = write_guideline(tmp_path / "issues.jsonl", [review.path], page)
    (rule,) = found.rules
    assert (rule.said, rule.changed, rule.kept) == ((("Companies are ORG", "ada"),), 3, 1)
    assert [one.pieces for one in rule.examples][:1] == [(("Veltra", "ORG"), ("shares fell .", ""))]
    assert rule.examples[3].pieces[1] == ("Veltra", "LOC")
    text = page.read_text()
    assert "Companies are ORG" in text and "A club." in text and "changed 3 times, and kept 1 times" in text
    with pytest.raises(ValueError, match="S2"):
        write_guideline(tmp_path / "issues.jsonl", [review.path], notes_path(review.path))


def test_a_guideline_of_strangers(tmp_path):
    review = Review(hostile_ranking(), tmp_path / "decisions.jsonl", MARKUP)
    write_ranking(tmp_path / "issues.jsonl", review.ranking)
    noting = Noting(review)
    noting.note(said("rule", "0", MARKUP + BIDI))
    noting.note(said("comment", review.issues[0].id, IMAGE))
    review.decide([Answer(review.issues[6].id, "accept"), Answer(review.issues[7].id, "keep")])
    write_guideline(tmp_path / "issues.jsonl", [review.path], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "<script" not in text and "<img" not in text and "\u202e" not in text and "\u2066" not in text


@pytest.mark.slow
def test_notes_on_the_page(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page(server.address)
    press(page, "m", "c")
    page.keyboard.type("kas")  # no keys of the page
    page.click("#note-save")
    says(page, "Comment on this one: saved")
    assert page.locator(".decided.note").all_inner_texts() == ["Flagged", "Comment: kas"]
    press(page, "n", "r")
    says(page, "This one is in no family")
    page.select_option("#status", "flagged")
    shows(page, "Osted United")
    page.select_option("#family", "")
    page.select_option("#status", "open")
    page.select_option("#family", "family")
    page.focus("#item")
    settle(page)
    press(page, "r")
    page.fill("#note-text", MARKUP)
    page.click("#note-save")
    says(page, "Rule for the whole family: saved")
    assert page.locator(".decided.note").inner_text() == f"Rule: {MARKUP}"
    kinds = [json.loads(line)["kind"] for line in notes_path(path).read_text().splitlines()]
    assert kinds == ["flag", "comment", "rule"] and not path.exists() and page.problems == []

"""The whole document of an issue, and spans that are drawn over its words."""

from __future__ import annotations

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.alignment import pieces_of
from spacy_seginf.curation.decisions import append_decisions, final_decisions
from spacy_seginf.curation.records import Decision, read_decisions
from spacy_seginf.curation.whole_document import WholeDocument, whole_document
from spacy_seginf.review.app import make_app
from spacy_seginf.review.serialise import WHOLE
from spacy_seginf.review.state import Review

from ..influence.fixtures import exact_nlp, exact_path, model_path, unsure_nlp  # noqa: F401
from .making import IMAGE, small_ranking
from .pages import press, says, settle, shows, title

BASE = "http://127.0.0.1:8765"
WORDS = [".", "Coach", "Lena", "Farrow", "of", "Osted", "United", "praised", "Ada", "Lind", "on", "Monday", ".", "end"]
LONG = WholeDocument(
    ["."] * 19 + WORDS,
    [True] * (19 + len(WORDS)),
    [Entity(21, 23, "PER"), Entity(24, 26, "LOC"), Entity(30, 31, IMAGE)],
)
FAR = {
    "news-10": WholeDocument(
        [*LONG.words, *["."] * 1967, "Norvik", "Steel", "rose"], [True] * 2003, LONG.entities, [(125, 126)]
    )
}


def test_a_document_of_an_index(exact_nlp, train_examples):  # noqa: F811
    index = exact_nlp.get_pipe("influence").explainer().index
    pieces = pieces_of(index)
    name, _ = index.place(1, 0)
    found = whole_document(index, pieces, name)
    example = train_examples[1].reference
    assert found.words == [token.text for token in example]
    assert found.entities == [Entity(one.start, one.end, one.label_) for one in example.ents]
    assert found.spaces[:-1] == [bool(token.whitespace_) for token in example][:-1]
    assert whole_document(index, pieces, "unheard of") is None
    first = len(index.words(0)[0])
    apart = {"two": [(12, len(found.words), 1), (2, first, 0)]}  # pieces in any order, with tokens left out
    joined = whole_document(index, apart, "two")
    assert (
        joined.words[:2] == ["…", ""]
        and joined.words[2 + first : 4 + first] == ["…", ""]
        and joined.words[12:] == found.words
    )
    assert [one for one in joined.entities if one.start >= 12] == [
        Entity(one.start + 12, one.end + 12, one.label) for one in found.entities
    ]
    assert len(joined.spaces) == len(joined.words) and joined.gaps == [(0, 2), (2 + first, 12)] and found.gaps == []


def test_the_server_shows_it(tmp_path):
    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada", whole={"news-10": LONG}.get)
    client = make_app(review, token="secret", port=8765).test_client()
    shown = client.get("/secret/items/0/document", base_url=BASE).json
    assert shown["first"] == 0 and shown["words"] == LONG.words and shown["entities"][0] == [21, 23, "PER"]
    for path in ("/secret/items/1/document", "/secret/items/99/document"):
        assert client.get(path, base_url=BASE).status_code == 404
    assert client.get("/items/0/document", base_url=BASE).status_code == 403
    many = WholeDocument(["a"] * 30_000, [True] * 30_000, [Entity(0, 1, "LOC"), Entity(24, 26, "LOC")])
    review.whole = lambda name: many
    shown = client.get("/secret/items/0/document", base_url=BASE).json
    assert len(shown["words"]) == 24 + WHOLE


def test_entities_are_drawn_anywhere(tmp_path):
    path = tmp_path / "decisions.jsonl"

    def client_of(ranking, whole=FAR):
        review = Review(ranking, path, "ada", whole=whole.get)
        return make_app(review, token="secret", port=8765).test_client()

    client = client_of(small_ranking())

    def draw(said, number=0):
        return client.post(f"/secret/items/{number}/document", base_url=BASE, json=said)

    shown = draw({"start": 2000, "end": 2002, "label": "ORG"}).json
    assert [one["entities"] for one in shown["drawn"]] == [[[2000, 2002, "ORG"]]]
    draw({"start": 30, "end": 31, "label": ""})  # takes the annotated one away
    draw({"start": 21, "end": 22, "label": "PER"})  # cuts one: the region has all of it
    made = read_decisions(path)
    assert [(one.start, one.end, one.words, one.current, one.entities) for one in made] == [
        (2000, 2002, ("Norvik", "Steel"), (), (Entity(2000, 2002, "ORG"),)),
        (30, 31, ("Monday",), (Entity(30, 31, IMAGE),), ()),
        (21, 23, ("Lena", "Farrow"), (Entity(21, 23, "PER"),), (Entity(21, 22, "PER"),)),
    ]
    assert {one.document for one in made} == {"news-10"} and {one.choice for one in made} == {"label"}
    for said, problem in (
        ({"start": 2001, "end": 2003, "label": "LOC"}, "touches another"),
        ({"start": 24, "end": 26, "label": "LOC"}, "annotated like that"),
        ({"start": 50, "end": 51, "label": "GPE"}, "no label"),
        ({"start": 50, "end": 9999, "label": "LOC"}, "not in the document"),
        ({"start": 51, "end": 51, "label": "LOC"}, "not in the document"),
        ({"start": 120, "end": 130, "label": "LOC"}, "lacks some"),
        ({"start": 50, "end": 51}, "lacks its tokens"),
        ({"start": "50", "end": 51, "label": "LOC"}, "start"),
        ({"undo": "nothing"}, "no such"),
        ([], "dictionary"),
    ):
        answer = draw(said)
        assert answer.status_code == 400 and problem in answer.json["error"], said
    assert read_decisions(path) == made
    assert draw({"start": 1, "end": 2, "label": "LOC"}, number=1).status_code == 404
    client = client_of(small_ranking())  # after a restart, too
    shown = draw({"undo": shown["drawn"][0]["id"]}).json
    assert [one["start"] for one in shown["drawn"]] == [30, 21] and shown["entities"] and len(read_decisions(path)) == 4
    draw({"start": 24, "end": 26, "label": "ORG"})  # what the ranking has is decided there
    assert len(shown["drawn"]) == 2 and read_decisions(path)[-1].issue == small_ranking().issues[0].id
    assert client.post("/secret/items/0/document", base_url=BASE, data="{}").status_code == 415


@pytest.mark.parametrize("name", ["", "by hand", "known"])
def test_what_was_written_by_hand(tmp_path, name):
    """Without the id of an issue, with one for several places, or with that of an issue that is elsewhere."""
    ranking, path = small_ranking(), tmp_path / "decisions.jsonl"
    name = ranking.issues[0].id if name == "known" else name
    made = [
        Decision(name, "news-10", place, place + 1, ("x",), (), "label", (Entity(place, place + 1, "LOC"),), "ada")
        for place in (50, 60)
    ]
    append_decisions(path, made)
    review = Review(ranking, path, "ada", whole=FAR.get)
    client = make_app(review, token="secret", port=8765).test_client()
    assert review.states() == []
    drawn = client.get("/secret/items/0/document", base_url=BASE).json["drawn"]
    assert [one["start"] for one in drawn] == [50, 60]
    undone = client.post("/secret/items/0/document", base_url=BASE, json={"undo": drawn[1]["id"]}).json
    assert [one["start"] for one in undone["drawn"]] == [50]
    assert [one.start for one in final_decisions(read_decisions(path))] == [50]
    assert list(Review(ranking, path, "ada").drawn("news-10")) == [drawn[0]["id"]]
    assert Review(ranking, tmp_path / "new.jsonl", "ben", others=made).others.shown(review.tables) == {}


@pytest.mark.slow
def test_on_the_page(serve, new_page):
    server, path = serve(small_ranking(), whole={"news-10": LONG}.get)
    page = new_page(server.address)
    press(page, "w")
    shown = page.locator("#whole").inner_text()
    assert "Ada Lind on Monday<img" in shown and shown.endswith("> . end ")
    assert page.locator("#whole mark.now").count() == 1
    assert page.locator("#whole img").count() == 0
    press(page, "w")
    assert page.locator("#whole").count() == 0
    press(page, "l", "1")
    words = page.locator("#draw [data-token]")
    words.nth(1).hover()
    page.mouse.down()
    words.nth(3).hover()
    words.nth(2).hover()
    page.mouse.up()
    says(page, "PER: Lena Farrow")
    press(page, "Enter")
    shows(page, "Monday")
    (made,) = read_decisions(path)
    assert made.entities == (Entity(21, 23, "PER"),)
    press(page, "w")
    settle(page)
    assert "nothing of this document" in page.locator("#problem").inner_text() and page.problems == []


@pytest.mark.slow
def test_drawing_on_the_page(serve, new_page):
    server, path = serve(small_ranking(), whole=FAR.get)
    page = new_page(server.address)
    press(page, "w")
    words = page.locator("#whole [data-token]")
    assert words.count() == 2003
    words.nth(2001).scroll_into_view_if_needed()
    words.nth(2000).hover()
    page.mouse.down()
    words.nth(2001).hover()
    page.mouse.up()
    assert page.locator("#drawn").inner_text().startswith("“Norvik Steel” is")
    page.locator("#drawn button", has_text="ORG").click()
    says(page, "Saved: ORG")
    assert page.locator("#whole mark.suggested").inner_text() == "Norvik SteelORG"
    assert title(page) == "Osted United" and page.locator("#whole dd").evaluate("(line) => line.scrollTop") > 0
    (made,) = read_decisions(path)
    assert (made.start, made.entities) == (2000, (Entity(2000, 2002, "ORG"),))
    page.locator("#whole button", has_text="Take back").click()
    says(page, "Taken back")
    assert page.locator("#whole mark.suggested").count() == 0
    assert read_decisions(path)[-1].choice == "undo" and page.problems == []

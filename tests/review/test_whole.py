"""The whole document of an issue, and spans that are drawn over its words."""

from __future__ import annotations

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.alignment import pieces_of
from spacy_seginf.curation.records import read_decisions
from spacy_seginf.curation.whole_document import WholeDocument, whole_document
from spacy_seginf.review.app import make_app
from spacy_seginf.review.serialise import WHOLE
from spacy_seginf.review.state import Review

from ..influence.fixtures import exact_nlp, exact_path, model_path, unsure_nlp  # noqa: F401
from .making import IMAGE, small_ranking
from .pages import press, says, settle, shows

BASE = "http://127.0.0.1:8765"
WORDS = [".", "Coach", "Lena", "Farrow", "of", "Osted", "United", "praised", "Ada", "Lind", "on", "Monday", ".", "end"]
LONG = WholeDocument(
    ["."] * 19 + WORDS,
    [True] * (19 + len(WORDS)),
    [Entity(21, 23, "PER"), Entity(24, 26, "LOC"), Entity(30, 31, IMAGE)],
)


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
    assert len(joined.spaces) == len(joined.words)


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

"""The page for tags of tokens, in a real browser: a token with its tag, and a list of tags that is searched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spacy_seginf.crf.schemes import TAG
from spacy_seginf.curation.issues import Ranking
from spacy_seginf.curation.records import read_decisions

from ..curation.tagged import tag
from .making import CORPUS, issue
from .pages import press, title

pytestmark = pytest.mark.slow

TAGS = ("DT", "IN", "JJ", "NN", "NNP", "NNS", "RB", "VB", "VBD", "VBZ", ".")
WORDS = "Ada sleeps near the boat ."
HELD = ("NNP", "NN", "IN", "DT", "NN", ".")


def tag_ranking():
    """Two issues of one sentence."""
    entities = tuple(tag(token, label) for token, label in enumerate(HELD))
    made = []
    for token, suggested in ((1, "VBZ"), (4, "VB")):
        one = issue(WORDS, token, token + 1, [(token, token + 1, suggested)], score=5.0 - token)
        made.append(replace(one, id=f"{token}", current=(entities[token],), entities=entities))
    return Ranking(tuple(made), CORPUS, TAGS, TAG)


def test_another_tag_is_found_by_its_name(serve, new_page):
    server, path = serve(tag_ranking())
    page = new_page(server.address)
    assert title(page) == "sleeps" and page.locator("#item mark.now").inner_text() == "sleepsNN"
    around = page.locator("#item > .lines > div").first.locator("mark.around")
    assert around.all_inner_texts() == ["AdaNNP", "nearIN", "theDT", "boatNN", ".."]
    press(page, "l")
    assert page.locator("#draw").count() == 0 and page.locator(".bounds").count() == 0
    assert "no entity" not in page.locator("#choices").inner_text()
    press(page, "/")
    page.keyboard.type("nn")
    assert [text.split()[0] for text in page.locator("#choices button").all_inner_texts()] == ["NN4", "NNP5", "NNS6"]
    page.keyboard.type("s")
    press(page, "Enter")
    assert page.locator("#choices [aria-checked=true]").inner_text().startswith("NNS")
    press(page, "Enter")
    page.wait_for_function("() => document.querySelector('#item h2').innerText.startsWith('boat')")
    press(page, "a")
    page.wait_for_function("() => document.querySelector('#progress').innerText.includes('2')")
    said = read_decisions(path)
    assert [(one.choice, one.entities) for one in said] == [("label", (tag(1, "NNS"),)), ("accept", (tag(4, "VB"),))]
    assert page.problems == []

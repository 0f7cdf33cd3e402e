"""Deciding many issues at once, in a real browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spacy_seginf.curation.issues import Ranking
from spacy_seginf.curation.records import read_decisions

from .making import large_ranking, small_ranking
from .pages import TIMES, decided, press, says, settle, shows

pytestmark = pytest.mark.slow


def test_all_that_pass_the_filters(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page(server.address)
    page.fill("#score", "2.9")
    page.focus("#item")
    press(page, "b")
    assert page.locator("#many").is_visible()
    assert sorted(page.locator("#many-counts li").all_inner_texts()) == [
        f"1 {TIMES} LOC → ORG",
        f"1 {TIMES} LOC → no entity",
        f"1 {TIMES} PER: other boundaries",
        f"1 {TIMES} no entity → ORG",
    ]
    assert page.locator("#many-sample li").count() == 4
    press(page, "a", "Escape")  # keys of the page mean nothing here
    assert not page.locator("#many").is_visible() and decided(path) == []
    page.click("#all")
    page.fill("#many-least", "3.5")
    assert page.locator("#many-choices button").all_inner_texts() == [
        "Accept the suggestions: 3",
        "Keep the labels as they are: 3",
    ]
    page.locator("#many-choices button").nth(1).click()
    says(page, "kept as it was: 3 issues")
    assert [choice for choice, _ in decided(path)] == ["keep"] * 3
    shows(page, "Mira Solano")
    press(page, "z")
    says(page, f"Taken back: kept as it was: Osted United {TIMES} 3")
    assert [choice for choice, _ in decided(path)[3:]] == ["undo"] * 3
    assert page.problems == []


def test_a_kind(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page(server.address)
    page.select_option("#kind", "relabel")
    page.focus("#item")
    press(page, "b")
    page.locator("#many-choices button").nth(0).click()
    says(page, "accepted: 5 issues")
    made = read_decisions(path)
    assert len(made) == 5 and {one.family for one in made} == {"", "Veltra LOC ORG"}
    page.select_option("#kind", "add")
    shows(page, "Norvik Steel")
    page.select_option("#kind", "relabel")
    page.focus("#item")
    press(page, "b")
    says(page, "Nothing that is not decided")


def test_a_part_of_a_family_leaves_the_rest_together(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page(server.address)
    page.select_option("#family", "family")
    page.focus("#item")
    press(page, "b")
    page.fill("#many-least", "0.235")
    page.locator("#many-choices button").nth(0).click()
    says(page, "accepted: 2 issues")
    assert {one.family for one in read_decisions(path)} == {""}
    page.wait_for_function("() => document.querySelectorAll('#together input').length === 2")


def test_a_family_of_five_thousand(serve, new_page):
    ranking = large_ranking(5010)
    issues = tuple(replace(one, family="rain" if number >= 10 else "") for number, one in enumerate(ranking.issues))
    server, path = serve(Ranking(issues, ranking.corpus, ranking.labels))
    page = new_page(server.address)
    page.select_option("#family", "family")
    page.focus("#item")
    settle(page)
    assert "same mistake 5000 times" in page.locator("#together-title").inner_text()
    box = page.locator("#together .list")
    assert box.bounding_box()["height"] < 400 and page.locator("#together .row").count() < 20
    for _ in range(2):
        press(page, "k")
        assert page.locator("#many-title").inner_text() == "5000 of the same mistake"
        assert page.locator("#many-sample li").count() == 5 and not path.exists()
        if _ == 0:
            press(page, "Escape")
    page.locator("#many-choices button").click()
    says(page, "kept as it was")
    page.wait_for_function("() => document.getElementById('progress').textContent.startsWith('5000 of')")
    assert len(decided(path)) == 5000
    assert page.evaluate("document.querySelectorAll('*').length") < 1000
    assert page.problems == []

"""The order of reading, made anew while issues are decided."""

from __future__ import annotations

import threading

import pytest

from spacy_seginf.curation.reranking import NewOrder
from spacy_seginf.review.app import make_app
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.order import ReadingOrder
from spacy_seginf.review.state import Review

from .making import large_ranking, small_ranking
from .pages import decided, press, says, shows, title

BACKWARDS = NewOrder([7, 6, 5, 4, 3, 2, 1, 0], [float(number) for number in range(8)])


def wait_for(order, version):
    """Wait until an order of this version is there."""
    done = threading.Event()
    for _ in range(500):
        if order.version >= version:
            return order.shown
        done.wait(0.01)
    raise AssertionError("no order came")


def test_an_order_is_made_after_every_few_decisions():
    known, asked = {}, []

    def rerank(decided):
        asked.append(dict(decided))
        return BACKWARDS

    order = ReadingOrder(small_ranking().issues, lambda issues: rerank, lambda: dict(known))
    for number in range(4):
        known[number] = True
        order.follow()
    assert order.version == 0 and order.shown["order"] == []
    known[4] = False
    order.follow()
    shown = wait_for(order, 1)
    assert asked == [{0: True, 1: True, 2: True, 3: True, 4: False}]
    assert (shown["order"], shown["decided"], shown["problem"]) == (BACKWARDS.numbers, 5, "")
    order.follow()
    assert order.version == 1
    for number in range(5):  # what is taken back or changed counts as well
        known.pop(number) if number % 2 else known.update({number: not known[number]})
        order.follow()
    assert wait_for(order, 2)["decided"] == 3 and len(asked) == 2


def test_what_is_decided_meanwhile_is_followed_too():
    known, begun, go_on = {}, threading.Event(), threading.Event()

    def rerank(decided):
        begun.set()
        assert go_on.wait(10)
        return BACKWARDS

    order = ReadingOrder(small_ranking().issues, lambda issues: rerank, lambda: dict(known))
    known.update(dict.fromkeys(range(5), True))
    order.follow()
    assert begun.wait(10)
    known.update(dict.fromkeys(range(8), True) | {0: False, 1: False})
    order.follow()  # one at a time
    go_on.set()
    assert wait_for(order, 2)["decided"] == 8


def test_without_what_it_takes_the_order_stays_and_says_why():
    def load(issues):
        raise ValueError("[S035] The index was pruned.\u202e")

    known = dict.fromkeys(range(5), True)
    order = ReadingOrder(small_ranking().issues, load, lambda: dict(known))
    order.follow()
    shown = wait_for(order, 1)
    assert shown["problem"] == "[S035] The index was pruned.\\u202e" and shown["order"] == []
    nothing = ReadingOrder(small_ranking().issues, None, lambda: dict(known))
    nothing.follow()
    assert nothing.version == 0


def test_what_is_decided_and_how(tmp_path):
    asked = []
    settings = {"rerank": lambda issues: lambda decided: (asked.append(decided), BACKWARDS)[1]}
    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada", **settings)
    names = [issue.id for issue in review.issues]
    said = [("accept", 0), ("keep", 1), ("skip", 2), ("accept", 3), ("keep", 4), ("accept", 5), ("accept", 6)]
    review.decide([Answer(names[number], choice) for choice, number in said])
    wait_for(review.order, 1)
    assert asked == [{0: True, 1: False, 3: True, 4: False, 5: True, 6: True}]
    assert review.changes(0)["order"] == 1 and review.first() == 7
    again = Review(review.ranking, review.path, "ada", **settings)  # after a restart the order is the same
    assert wait_for(again.order, 1)["order"] == BACKWARDS.numbers


def test_the_page_can_ask_for_it(tmp_path):
    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada")
    client = make_app(review, token="secret", port=8765).test_client()
    shown = client.get("/secret/order", base_url="http://127.0.0.1:8765").json
    assert shown == {"version": 0, "decided": 0, "order": [], "scores": [], "problem": ""}
    assert client.get("/order", base_url="http://127.0.0.1:8765").status_code == 403


@pytest.mark.slow
def test_a_new_order_never_moves_what_is_shown(serve, new_page):
    go_on = threading.Event()

    def rerank(decided):
        assert go_on.wait(30)
        return NewOrder([*range(29, -1, -1)], [float(number) for number in range(30)])

    server, path = serve(large_ranking(30), rerank=lambda issues: rerank)
    page = new_page(server.address)
    page.select_option("#family", "single")
    page.focus("#item")
    press(page, "n", "n", *["a"] * 5)
    made = [found for _, found in decided(path)]
    before = page.locator("#item").inner_text()
    press(page, "l")  # nothing is lost of a decision in the making either
    go_on.set()
    page.evaluate("dispatchEvent(new Event('focus'))")
    page.wait_for_function("() => document.getElementById('ranked').textContent === 'Re-ranked after 5 decisions'")
    assert page.locator("#editor").count() == 1
    press(page, "Escape")
    assert page.locator("#item").inner_text().split("Why")[0] == before.split("Why")[0]
    rows = page.locator("#list .row > span:first-child").all_inner_texts()
    assert page.locator("#list .row[aria-selected=true]").get_attribute("data-place") == "2"
    assert rows[:3] == ["Tarnby", "Osted", title(page)], "what was passed stays before it"
    assert (
        page.locator("#list .row .under >> nth=3").inner_text().startswith("score 26")
    )  # the family is last in the ranking
    press(page, "a")
    shows(page, "Harrow")  # day 28, the first of the new order
    says(page, "accepted")
    assert [found for _, found in decided(path)][:5] == made and len(decided(path)) == 6
    page.reload()
    page.wait_for_function("() => document.getElementById('ranked').textContent.startsWith('Re-ranked')")
    shows(page, "Pelham")  # day 29, with its family


@pytest.mark.slow
def test_the_page_says_why_the_order_stays(serve, new_page):
    def load(issues):
        raise ValueError("[S035] The index was pruned.")

    server, _ = serve(small_ranking(), rerank=load)
    page = new_page(server.address)
    press(page, "n", "n", "n", "n", "a", "p", "a")
    page.wait_for_timeout(200)
    page.evaluate("dispatchEvent(new Event('focus'))")
    page.wait_for_function("() => document.getElementById('ranked').textContent.includes('stays as it is: [S035]')")
    assert page.problems == []

"""The served page in a real browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.records import read_decisions, write_ranking
from spacy_seginf.review.page import PAGES

from .making import LONG, hostile_ranking, large_ranking, small_ranking
from .pages import TIMES, decided, press, says, settle, shows, title
from .region_cases import CASES

pytestmark = pytest.mark.slow


@pytest.fixture
def small(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page(server.address)
    yield page, path
    assert page.problems == []


def test_the_first_item(small):
    page, _ = small
    assert title(page) == "Osted United"
    lines = page.locator("#item > .lines > div").all_inner_texts()
    assert [line.split()[0] for line in lines] == ["now", "suggested", "elsewhere"]
    assert lines[2].split("\n")[-1] == "5. OSTED UNITEDORG 12 points (news-7, tokens 3-4, train.conll, line 40)"
    now, suggested = page.locator("#item mark.now"), page.locator("#item mark.suggested")
    assert now.inner_text() == "Osted UnitedLOC" and suggested.inner_text() == "Osted UnitedORG"
    assert now.evaluate("(mark) => getComputedStyle(mark).borderStyle") == "solid"
    assert suggested.evaluate("(mark) => getComputedStyle(mark).borderStyle") == "dashed"
    text = page.locator("#item").inner_text()
    for part in (
        "The club is ORG 5 times.",
        "5.25",
        "0.02",
        "0.91",
        "train.conll, line 812",
        "gold ORG, predicted LOC",
    ):
        assert part in text
    assert page.locator(".sides .supports").all_inner_texts() == [
        "supports, log-odds -0.42",
        "supports, log-odds -0.12",
    ]
    assert page.locator(".sides .opposes").all_inner_texts() == ["opposes, log-odds +0.77"]
    assert "no proof" in page.locator("footer").inner_text()
    assert page.locator("html").get_attribute("lang") == "en"


def test_the_first_item_is_there_before_anything_else_is_asked(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page()
    page.route("**/items*", lambda route: None)  # never answered
    page.goto(server.address)
    shows(page, "Osted United")
    assert page.locator("#accept").is_disabled()
    page.keyboard.press("a")
    assert decided(path) == []


def test_accept_keep_skip_and_undo(small):
    page, path = small
    for key, following, word in (
        ("a", "Monday", "accepted"),
        ("k", "Norvik Steel", "kept"),
        ("s", "Mira Solano", "skipped"),
    ):
        press(page, key)
        shows(page, following)
        says(page, word)
    assert decided(path) == [("accept", "Osted United"), ("keep", "Monday"), ("skip", "Norvik Steel")]
    assert page.locator("#progress").inner_text() == "2 of 8 decided, 1 skipped"
    press(page, "z")
    shows(page, "Norvik Steel")
    says(page, "Taken back: skipped: Norvik Steel")
    press(page, "z", "z")
    shows(page, "Osted United")
    assert [choice for choice, _ in decided(path)[3:]] == ["undo"] * 3
    assert page.locator("#undo-last").is_disabled()
    assert page.locator("#progress").inner_text() == "0 of 8 decided"


def test_buttons_do_what_keys_do(small):
    page, path = small
    page.click("#accept")
    shows(page, "Monday")
    page.click("#keep")
    shows(page, "Norvik Steel")
    page.click("#undo-last")
    shows(page, "Monday")
    page.click("#next")
    shows(page, "Norvik Steel")
    page.click("#list .row >> nth=2")
    shows(page, "Mira Solano")
    assert [choice for choice, _ in decided(path)] == ["accept", "keep", "undo"]
    for name in ("accept", "keep", "other", "skip", "undo", "undo-last", "previous", "next"):
        button = page.locator(f"#{name}")
        assert button.locator("kbd").inner_text() == button.get_attribute("aria-keyshortcuts")


def test_going_back_and_forth(small):
    page, _ = small
    press(page, "n", "ArrowRight")
    shows(page, "Norvik Steel")
    press(page, "p", "ArrowLeft")
    shows(page, "Osted United")
    press(page, "p")
    says(page, "This is the first one")
    press(page, "n", "n", "n", "n", "n")
    says(page, "This is the last one")
    assert title(page) == "Veltra"


def test_keys_with_modifiers_and_in_fields_decide_nothing(small):
    page, path = small
    page.keyboard.press("Control+a")
    page.keyboard.press("Alt+k")
    press(page, "f")
    page.keyboard.type("kas")
    settle(page)
    assert decided(path) == [] and page.input_value("#search") == "kas"
    page.fill("#search", "")
    page.focus("#search")
    press(page, "Escape", "a")
    assert decided(path) == [("accept", "Osted United")]


def test_help(small):
    page, path = small
    press(page, "?")
    assert page.locator("#help").is_visible()
    press(page, "a")
    assert decided(path) == []
    press(page, "Escape")
    assert not page.locator("#help").is_visible()


def test_a_family_without_one(small):
    page, path = small
    press(page, "n", "n", "n", "n")
    shows(page, "Veltra")
    assert page.locator("#together .row").count() == 4 and page.locator("#together input:checked").count() == 4
    press(page, "ArrowDown", "x")
    assert "3 ticked" in page.locator("#together-title").inner_text()
    press(page, "a")
    says(page, f"Veltra {TIMES} 3")
    made = read_decisions(path)
    assert [decision.document for decision in made] == ["news-20", "news-22", "news-23"]
    assert {decision.family for decision in made} == {"Veltra LOC ORG"}
    assert all(decision.entities == (Entity(decision.start, decision.end, "ORG"),) for decision in made)
    assert title(page) == "Veltra" and "news-21" in page.locator("#item .place").last.inner_text()
    assert page.locator("#together").count() == 0  # the one that was left out is back, alone
    press(page, "k")
    assert read_decisions(path)[-1].document == "news-21" and read_decisions(path)[-1].family == ""
    press(page, "z", "z")
    assert [choice for choice, _ in decided(path)] == ["accept"] * 3 + ["keep"] + ["undo"] * 4
    assert page.locator("#together input:checked").count() == 4


def test_a_family_is_kept_or_ticked_with_the_mouse(small):
    page, path = small
    press(page, "n", "n", "n", "n")
    page.locator("#together input").nth(3).uncheck()
    page.locator("#together input").nth(3).check()
    page.locator("#together input").nth(0).uncheck()
    press(page, "k")
    assert decided(path) == [("keep", "Veltra")] * 3
    assert "news-20" in page.locator("#item .place").last.inner_text()
    press(page, "a")
    assert decided(path)[-1] == ("accept", "Veltra")


def test_no_member_of_a_family_is_ticked(small):
    page, path = small
    press(page, "n", "n", "n", "n", "x", "ArrowDown", "x", "ArrowDown", "x", "ArrowDown", "x", "a")
    says(page, "No member of the family is ticked")
    assert decided(path) == []


def test_another_label_for_a_family(small):
    page, path = small
    press(page, "n", "n", "n", "n", "l", "1", "Enter")
    assert [decision.entities[0].label for decision in read_decisions(path)] == ["PER"] * 4
    assert {(one.entities[0].start, one.entities[0].end) == (one.start, one.end) for one in read_decisions(path)} == {
        True
    }


def test_moved_boundaries_in_a_family_are_for_one(small):
    page, path = small
    press(page, "n", "n", "n", "n", "l", "}", "Enter")
    (decision,) = read_decisions(path)
    assert decision.words == ("Veltra", "shares") and decision.family == ""
    assert page.locator("#together input").count() == 3


def test_another_label_and_other_boundaries(small):
    page, path = small
    press(page, "l")
    assert page.locator("[role=radio]").all_inner_texts() == ["no entity0", "PER1", "ORG2", "LOC3"]
    assert page.locator("[role=radio][aria-checked=true]").inner_text() == "ORG2"
    press(page, "a", "k", "s", "7")  # none of these means anything now
    press(page, "ArrowDown")
    assert page.locator("[role=radio][aria-checked=true]").inner_text() == "LOC3"
    press(page, "1", "[", "[", "}", "{", "]", "[")
    assert page.locator("#editor mark.suggested").inner_text() == "Farrow of Osted UnitedPER"
    press(page, "Enter")
    shows(page, "Monday")
    (decision,) = read_decisions(path)
    assert (decision.choice, decision.start, decision.end) == ("label", 21, 26)
    assert decision.words == ("Lena", "Farrow", "of", "Osted", "United")
    assert decision.current == (Entity(21, 23, "PER"), Entity(24, 26, "LOC"))
    assert decision.entities == (Entity(22, 26, "PER"),)


def test_entities_that_the_region_swallows_but_that_are_not_touched_stay(small):
    page, path = small
    press(page, "l", "}", "}", "}", "}", "]", "]", "]", "]", "]", "Enter")
    (decision,) = read_decisions(path)
    assert " ".join(decision.words) == "Osted United praised Ada Lind on"
    assert decision.entities == (Entity(27, 29, "PER"), Entity(29, 30, "ORG"))


def test_no_entity_and_leaving(small):
    page, path = small
    press(page, "l", "Escape", "n", "l", "0")
    assert page.locator("#editor mark.none").inner_text() == "Mondayno entity"
    press(page, "Enter")
    (decision,) = read_decisions(path)
    assert (decision.choice, decision.words, decision.entities) == ("label", ("Monday",), ())


def test_boundaries_stay_within_what_is_shown(small):
    page, path = small
    press(page, "n", "l", *["["] * 5)
    says(page, "can't reach further")
    assert page.locator("#editor mark.suggested").count() <= 1
    press(page, "1", *["]"] * 5, *["}"] * 9, "Enter")
    (decision,) = read_decisions(path)
    assert decision.end == 6 and decision.start >= 0


def test_two_tabs(small, new_page, serve):
    page, path = small
    other = new_page(page.url, context=page.context)
    press(page, "a")
    shows(page, "Monday")
    other.evaluate("dispatchEvent(new Event('focus'))")
    says(other, "another tab")
    assert "accepted" in other.locator("#item .decided").inner_text()
    assert other.locator("#progress").inner_text() == "1 of 8 decided"
    press(other, "n")
    shows(other, "Monday")
    press(other, "k")
    page.evaluate("dispatchEvent(new Event('focus'))")
    page.wait_for_function("() => document.getElementById('progress').textContent === '2 of 8 decided'")
    assert decided(path) == [("accept", "Osted United"), ("keep", "Monday")]
    press(page, "z")  # its own, not the other's
    assert decided(path)[-1] == ("undo", "Osted United")


def test_answers_that_overtake_each_other(small):
    page, path = small
    held = []
    page.route("**/decisions?since=*", lambda route: held.append((route, route.fetch())))
    press(page, "a")
    with page.expect_request("**/decisions?since=*"):
        page.evaluate("dispatchEvent(new Event('focus'))")
    page.wait_for_timeout(200)  # until the answer is here; it tells of the acceptance
    press(page, "z")
    for route, response in held:
        route.fulfill(response=response)
    page.wait_for_timeout(200)
    assert held and page.locator("#progress").inner_text() == "0 of 8 decided"
    assert [choice for choice, _ in decided(path)] == ["accept", "undo"]


def test_nothing_is_decided_before_it_is_seen(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page()
    page.route("**/items/1", lambda route: None)  # never answered
    page.goto(server.address)
    page.wait_for_selector("#list .row")
    settle(page)
    page.keyboard.press("n")
    for key in ("a", "k", "s", "l"):
        page.keyboard.press(key)
    page.click("#accept")
    assert page.locator("#editor").count() == 0
    page.click("#list .row >> nth=2")
    shows(page, "Norvik Steel")
    page.keyboard.press("a")
    says(page, "accepted")
    assert decided(path) == [("accept", "Norvik Steel")]


def test_a_reload_goes_on_and_can_undo(small):
    page, path = small
    press(page, "a", "k")
    page.reload()
    shows(page, "Norvik Steel")
    settle(page)
    assert page.locator("#progress").inner_text() == "2 of 8 decided"
    press(page, "z")
    shows(page, "Monday")
    assert [choice for choice, _ in decided(path)] == ["accept", "keep", "undo"]


def test_filters(small):
    page, _ = small
    rows = page.locator("#list .row > span:first-child")
    assert rows.all_inner_texts() == ["Osted United", "Monday", "Norvik Steel", "Mira Solano", f"Veltra {TIMES} 4"]
    page.select_option("#label", label="PER")
    assert rows.all_inner_texts() == ["Mira Solano"]
    page.select_option("#label", "")
    page.select_option("#family", "family")
    assert rows.all_inner_texts() == [f"Veltra {TIMES} 4"]
    page.select_option("#family", "this")
    assert rows.all_inner_texts() == [f"Veltra {TIMES} 4"]
    page.select_option("#family", "single")
    page.fill("#score", "3.5")
    assert rows.all_inner_texts() == ["Osted United", "Monday", "Norvik Steel"]
    page.fill("#search", "norv")
    assert rows.all_inner_texts() == ["Norvik Steel"]
    shows(page, "Norvik Steel")
    page.fill("#search", "nothing like that")
    assert "No issue passes" in page.locator("#item").inner_text()
    page.fill("#search", "")
    page.fill("#score", "")
    page.focus("#item")
    shows(page, "Osted United")
    press(page, "s", "a")
    page.select_option("#status", "skipped")
    assert rows.all_inner_texts() == ["Osted United"]
    page.select_option("#status", "decided")
    assert rows.all_inner_texts() == ["Monday"]
    page.select_option("#family", "")
    page.select_option("#status", "all")
    assert len(rows.all_inner_texts()) == 5
    page.fill("#search", "veltra loc")  # the family's name
    assert rows.all_inner_texts() == [f"Veltra {TIMES} 4"]


def test_changing_ones_mind(small):
    page, path = small
    press(page, "a")
    page.select_option("#status", "all")
    page.focus("#item")
    shows(page, "Osted United")
    assert "accepted" in page.locator("#item .decided").inner_text()
    press(page, "k", "p")
    assert "kept" in page.locator("#item .decided").inner_text()
    assert decided(path) == [("accept", "Osted United"), ("keep", "Osted United")]


def test_undo_is_about_the_item_that_is_shown(small):
    page, path = small
    press(page, "a", "k")
    shows(page, "Norvik Steel")
    assert page.locator("#undo").is_disabled()
    press(page, "u")
    says(page, "Nothing is decided here: z takes the last decision back")
    shows(page, "Norvik Steel")
    assert [choice for choice, _ in decided(path)] == ["accept", "keep"]
    page.select_option("#status", "all")
    page.focus("#item")
    shows(page, "Osted United")
    press(page, "u")
    says(page, "Taken back: accepted: Osted United")
    shows(page, "Osted United")
    assert decided(path)[2:] == [("undo", "Osted United")]
    press(page, "z")  # the last one that is left
    shows(page, "Monday")
    assert decided(path)[3:] == [("undo", "Monday")] and page.locator("#undo-last").is_disabled()


def test_undo_goes_back_to_what_was_said_before(small):
    page, path = small
    page.select_option("#status", "all")
    page.focus("#item")
    press(page, "a", "p", "k", "p", "u")
    says(page, "Taken back: kept as it was: Osted United; it is accepted, as before")
    assert "accepted" in page.locator("#item .decided").inner_text()
    press(page, "u")
    assert page.locator("#item .decided").count() == 0
    assert [choice for choice, _ in decided(path)] == ["accept", "keep", "undo", "undo"]


def test_nothing_is_open_any_more(small):
    page, path = small
    press(page, "a", "a", "s", "a", "a")
    assert "Nothing is open any more. 1 were skipped" in " ".join(page.locator("#item").inner_text().split())
    press(page, "a", "l", "n", "x")
    assert len(decided(path)) == 8
    press(page, "z")
    shows(page, "Veltra")


def test_dark_and_light(serve, new_page):
    server, _ = serve(small_ranking())
    page = new_page(server.address, color_scheme="dark")

    def light():
        return page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"

    assert not light()
    press(page, "d")
    assert light()
    page.reload()
    assert light()  # remembered
    press(page, "d")
    assert not light()


def test_a_phone(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page(server.address, viewport={"width": 375, "height": 700})
    wide = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    for keys in ((), ("l",), ("Escape", "n", "n", "n", "n"), ("?",)):
        press(page, *keys)
        scroll, client = page.evaluate(wide)
        assert scroll <= client == 375
    press(page, "Escape")
    page.click("#accept")
    says(page, "accepted")
    assert decided(path) == [("accept", "Veltra")] * 4


def test_a_server_that_is_gone(serve, new_page):
    server, path = serve(small_ranking())
    page = new_page(server.address)
    press(page, "a")
    shows(page, "Monday")
    server.stop()
    page.route("**/decisions*", lambda route: route.abort())  # open connections may live on
    press(page, "a")
    page.wait_for_selector("#problem:not([hidden])")
    assert "nothing can be saved" in page.locator("#problem").inner_text()
    assert title(page) == "Monday" and decided(path) == [("accept", "Osted United")]


def test_a_server_that_is_killed_has_saved_what_it_confirmed(tmp_path, new_page):
    write_ranking(tmp_path / "issues.jsonl", small_ranking())
    code = "from spacy_seginf.api.review import review; from pathlib import Path; review(Path('.'), browser=False)"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        address = next(line.split()[-1] for line in process.stdout if "http://" in line)
        page = new_page(address)
        press(page, "a")
        shows(page, "Monday")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert decided(tmp_path / "decisions.jsonl") == [("accept", "Osted United")]


def test_a_hostile_corpus(serve, new_page):
    server, path = serve(hostile_ranking())
    page = new_page(server.address)
    for _ in range(6):
        press(page, "l", "ArrowDown", "Escape")
        assert page.evaluate("document.querySelectorAll('*').length") < 600
        assert page.evaluate("document.body.innerText.length") < 20_000
        press(page, "n")
    assert page.locator("#together").count() == 1
    assert page.evaluate("window.__pwned") is None
    assert page.locator("img, a, iframe, object, #item script").count() == 0
    text = page.evaluate("document.body.textContent")
    assert not set(text) & set("\u202e\u2066\u200b\u2028\x00\x07\x1b")
    assert "</script ><!--<script>window" in page.locator("#item").inner_text()
    isolated = "[...document.querySelectorAll('bdi')].every((one) => getComputedStyle(one).unicodeBidi === 'isolate')"
    assert page.evaluate(isolated)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    press(page, "a", "z", "p", "p", "l", "2", "Enter")
    made = read_decisions(path)
    assert [decision.choice for decision in made] == ["accept", "accept", "undo", "undo", "label"]
    assert made[0].words == ("\ud800",) or made[0].document == hostile_ranking().issues[6].document
    press(page, "p", "k")
    assert LONG in {word for decision in read_decisions(path) for word in decision.words}
    assert all(url.startswith(server.address) for url in page.asked if not url.endswith("/favicon.ico"))
    assert page.problems == []


def test_ten_thousand_issues(serve, new_page):
    server, path = serve(large_ranking(10_000))
    page = new_page(server.address)
    assert "10000 decided" in page.locator("#progress").inner_text()
    assert 0 < page.locator("#list .row").count() < 60
    page.evaluate("document.getElementById('list').scrollTop = 300_000")
    page.wait_for_function("() => document.querySelector('#list .row').dataset.place > 6000")
    assert page.locator("#list .row").count() < 60
    press(page, *["a", "n"] * 5)
    assert len(decided(path)) == 5
    page.select_option("#family", "family")
    shows(page, "Pelham")
    assert "same mistake 1000 times" in page.locator("#together-title").inner_text()
    assert page.locator("#together .row").count() < 40
    press(page, *["ArrowDown"] * 30, "x", "a")
    assert page.locator("#many-sample li").count() == 5 and len(decided(path)) == 5
    page.locator("#many-choices button").click()
    says(page, f"{TIMES} 999")
    assert len(decided(path)) == 5 + 999
    assert page.evaluate("document.querySelectorAll('*').length") < 1000
    press(page, "z")
    assert len(decided(path)) == 5 + 2 * 999
    assert page.problems == []


def test_regions_grow_as_the_server_has_them(browser):
    page = browser.new_page()
    page.add_script_tag(path=PAGES / "regions.js")
    for name, case in CASES.items():
        (start, end), (first, last) = case.region, case.shown
        detail = {"first": first, "words": ["word"] * (last - first), "start": start, "end": end}
        detail["entities"] = [[*span, 0] for span in case.annotated]
        found = page.evaluate("([detail, entity]) => replaced(detail, ...entity)", [detail, [*case.entity, 1]])
        assert (found and (found["start"], found["end"])) == case.grown, name
    page.close()

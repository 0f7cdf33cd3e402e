"""The page as one file: what is in it, and in a browser without a server."""

from __future__ import annotations

import json
import re

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.records import read_decisions
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.state import Review
from spacy_seginf.review.static_page import static_data, write_static_page

from .making import LONG, MARKUP, hostile_ranking, large_ranking, small_ranking
from .pages import press, says, settle, shows


@pytest.fixture
def write(tmp_path):
    """Return a function that writes the page of a ranking and gives its path."""

    def write(ranking, reviewer="ada", name="page.html"):
        path = tmp_path / name
        write_static_page(path, Review(ranking, tmp_path / "decisions.jsonl", reviewer))
        return path

    return write


def download(page, path):
    with page.expect_download() as found:
        page.click("#download")
    assert found.value.suggested_filename == "decisions.jsonl"
    found.value.save_as(path)
    return read_decisions(path)


def test_the_page_loads_nothing(write):
    text = write(small_ranking()).read_text(encoding="utf8")
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none';") and "connect-src" not in policy and "unsafe" not in policy
    assert not re.search(r'(src|href)="|https?://', text)


def test_nothing_breaks_out_of_the_page(write):
    text = write(hostile_ranking(), reviewer=MARKUP).read_text(encoding="utf8")
    assert text.count("</script") == text.count("<script") == 2 and "<!--" not in text
    data = json.loads(re.search('id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert data["texts"].count(LONG) == 1 and text.count(LONG) == 1  # kept for decisions, once
    assert not any(LONG in json.dumps(detail) for detail in data["details"])


def test_what_was_decided_is_decided_in_the_page(tmp_path):
    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada")
    review.decide([Answer(review.issues[0].id, "accept")])
    assert [(state["number"], state["choice"]) for state in static_data(review)["states"]] == [(0, "accept")]


def test_pages_of_other_rankings_do_not_share_decisions(tmp_path):
    keys = {
        static_data(Review(ranking, tmp_path / "none.jsonl", "ada"))["key"]
        for ranking in (small_ranking(), large_ranking(3))
    }
    assert len(keys) == 2


def test_a_page_that_cannot_be_written(tmp_path):
    (tmp_path / "page.html").mkdir()
    with pytest.raises(ValueError, match=r"S186.*page\.html"):
        write_static_page(tmp_path / "page.html", Review(small_ranking(), tmp_path / "decisions.jsonl", "ada"))
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.slow
def test_decisions_are_downloaded_as_the_server_would_save_them(write, new_page, tmp_path):
    address = write(small_ranking()).as_uri()
    page = new_page(address)
    shows(page, "Osted United")
    press(page, "l", "1", "[", "[", "Enter", "k", "s", "z", "a", "a", "n", "x", "a")
    made = download(page, tmp_path / "downloaded.jsonl")
    served = Review(small_ranking(), tmp_path / "served.jsonl", "ada")
    ids = [issue.id for issue in served.issues]
    served.decide([Answer(ids[0], "label", (Entity(22, 26, "PER"),))])
    for said in (
        Answer(ids[1], "keep"),
        Answer(ids[2], "skip"),
        Answer(ids[2], "undo"),
        Answer(ids[2], "accept"),
        Answer(ids[3], "accept"),
    ):
        served.decide([said])
    served.decide([Answer(name, "accept", together=True) for name in ids[5:]])
    expected = read_decisions(tmp_path / "served.jsonl")
    without_time = [{**vars(decision), "time": ""} for decision in made]
    assert without_time == [{**vars(decision), "time": ""} for decision in expected]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", decision.time) for decision in made)
    first = json.loads((tmp_path / "downloaded.jsonl").read_text(encoding="utf8").splitlines()[0])
    assert list(first) == list(json.loads((tmp_path / "served.jsonl").read_text(encoding="utf8").splitlines()[0]))
    assert page.asked[0] == address and all(url.startswith("blob:") for url in page.asked[1:])
    assert page.problems == []


@pytest.mark.slow
def test_a_reload_and_another_tab_keep_decisions(write, new_page, tmp_path):
    address = write(small_ranking()).as_uri()
    page = new_page(address)
    press(page, "a", "k")
    page.reload()
    shows(page, "Norvik Steel")
    settle(page)
    press(page, "z")
    shows(page, "Monday")
    other = new_page(address, context=page.context)
    shows(other, "Monday")
    press(other, "s")
    page.wait_for_function("() => document.getElementById('progress').textContent.includes('1 skipped')")
    page.fill("#reviewer", "Jonas")
    made = download(page, tmp_path / "downloaded.jsonl")
    assert [decision.choice for decision in made] == ["accept", "keep", "undo", "skip"]
    assert {decision.reviewer for decision in made} == {"Jonas"}


@pytest.mark.slow
def test_a_browser_that_keeps_nothing_says_so(write, new_page, tmp_path):
    page = new_page()
    page.add_init_script("Storage.prototype.setItem = () => { throw new Error('full'); };")
    page.goto(write(small_ranking()).as_uri())
    settle(page)
    press(page, "a")
    says(page, "accepted")
    assert "download them before" in page.locator("#problem").inner_text()
    press(page, "k")
    assert [decision.choice for decision in download(page, tmp_path / "downloaded.jsonl")] == ["accept", "keep"]


@pytest.mark.slow
def test_a_hostile_corpus(write, new_page, tmp_path):
    address = write(hostile_ranking()).as_uri()
    page = new_page(address)
    press(page, "a", "a", "k", "l", "2", "Enter", "a", "a", "a")
    made = download(page, tmp_path / "downloaded.jsonl")
    ranking = hostile_ranking()
    assert [decision.words for decision in made] == [issue.region for issue in ranking.issues]
    assert {decision.document for decision in made} == {issue.document for issue in ranking.issues}
    assert {decision.family for decision in made} == {"", ranking.issues[7].family}
    assert made[3].entities == (Entity(3, 4, ranking.labels[1]),)
    assert page.evaluate("window.__pwned") is None and page.problems == []
    assert page.evaluate("document.querySelectorAll('*').length") < 600
    assert page.asked[0] == address and all(url.startswith("blob:") for url in page.asked[1:])


@pytest.mark.slow
def test_ten_thousand_issues(write, new_page):
    page = new_page(write(large_ranking(10_000)).as_uri())
    shows(page, "Tarnby")
    press(page, *"aanask")
    assert page.locator("#list .row").count() < 60
    assert "4 of 10000 decided, 1 skipped" in page.locator("#progress").inner_text()
    assert page.problems == []

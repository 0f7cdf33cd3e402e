"""What other reviewers said, and a decision that wins over it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.decisions import append_decisions, merge_decisions
from spacy_seginf.curation.records import decision_line, read_decisions
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.state import Review

from .making import small_ranking
from .pages import press, settle, shows

ENTITY = {"PER": (Entity(24, 26, "PER"),)}


@pytest.fixture
def others(tmp_path):
    """What mia and jonas said of the first four issues: two contradictions, one of them about the first."""
    ranking, path = small_ranking(), tmp_path / "others.jsonl"
    names = [issue.id for issue in ranking.issues]
    said = {
        "mia": [Answer(names[0], "accept"), Answer(names[1], "keep"), Answer(names[2], "accept")],
        "jonas": [Answer(names[0], "keep"), Answer(names[1], "keep"), Answer(names[3], "accept")],
    }
    for reviewer, answers in said.items():
        Review(ranking, path, reviewer).decide(answers)
    return read_decisions(path)


def test_what_others_said_is_shown(others, tmp_path):
    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada", others=others)
    shown = {
        number: [(one["reviewer"], one["choice"]) for one in said]
        for number, said in review.others.shown(review.tables).items()
    }
    assert shown == {
        0: [("mia", "accept"), ("jonas", "keep")],
        1: [("mia", "keep"), ("jonas", "keep")],
        2: [("mia", "accept")],
        3: [("jonas", "accept")],
    }
    assert review.states() == [] and review.first() == 0
    mia = Review(small_ranking(), review.path, "mia", others=others)
    assert set(mia.others.shown(mia.tables)) == {0, 1, 3}


def test_a_decision_wins_over_those_that_differ(others, tmp_path):
    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada", others=others)
    names = [issue.id for issue in review.issues]
    assert len(merge_decisions(others)[1]) == 1
    review.decide([Answer(names[0], "label", ENTITY["PER"]), Answer(names[1], "keep"), Answer(names[2], "keep")])
    made = read_decisions(review.path)
    assert [one.overrules for one in made] == [("jonas", "mia"), (), ("mia",)]
    for order in ([*others, *made], [*made, *others]):  # whatever the order of the files
        agreed, conflicts = merge_decisions(order)
        assert conflicts == []
        held = {one.issue: one.outcome for one in agreed}
        assert held[names[0]] == ENTITY["PER"] and held[names[2]] == () and len(held) == 4
    review.decide([Answer(names[0], "undo")])
    assert len(merge_decisions([*others, *read_decisions(review.path)])[1]) == 1


def test_saying_the_same_again_settles_a_contradiction(others, tmp_path):
    ranking, path = small_ranking(), tmp_path / "decisions.jsonl"
    name = ranking.issues[0].id
    Review(ranking, path, "ada").decide([Answer(name, "accept")])
    Review(ranking, path, "ada", others=others).decide([Answer(name, "accept")])
    assert [one.overrules for one in read_decisions(path)] == [(), ("jonas",)]


def test_two_that_overrule_each_other_are_in_conflict(others):
    mia, jonas = (one for one in others if one.issue == small_ranking().issues[0].id)
    both = [replace(mia, overrules=("jonas",)), replace(jonas, overrules=("mia",))]
    assert len(merge_decisions(both)[1]) == 1
    assert merge_decisions(both[:1] + [jonas]) == ([both[0]], [])
    elsewhere = replace(both[0], document="news-99")
    assert len(merge_decisions([elsewhere, jonas])[0]) == 2


def test_lines_that_overrule_nobody_are_as_they_were(others, tmp_path):
    assert "overrules" not in decision_line(others[0])
    append_decisions(tmp_path / "one.jsonl", [replace(others[0], overrules=("jonas",))])
    assert read_decisions(tmp_path / "one.jsonl")[0].overrules == ("jonas",)


@pytest.mark.slow
def test_contradictions_on_the_page(others, serve, new_page):
    server, path = serve(small_ranking(), others=others)
    page = new_page(server.address)
    assert page.locator(".decided.other").all_inner_texts() == ["mia: accepted", "jonas: kept as it was"]
    rows = page.locator("#list .row > span:first-child")
    page.select_option("#status", "unsettled")
    assert rows.all_inner_texts() == ["Osted United"]
    page.focus("#item")
    settle(page)
    press(page, "k")
    assert read_decisions(path)[0].overrules == ("mia",)
    assert rows.all_inner_texts() == []
    page.select_option("#status", "contradicted")
    shows(page, "Osted United")
    assert "Decided: kept" in page.locator("#item").inner_text()
    assert page.problems == []

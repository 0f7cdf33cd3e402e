"""What is reviewed, and what has been decided."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.decisions import append_decisions, final_decisions
from spacy_seginf.curation.issues import LabelIssue, Ranking
from spacy_seginf.curation.records import read_decisions
from spacy_seginf.review.decide import Answer, grow, read_answers
from spacy_seginf.review.serialise import Tables, brief, number
from spacy_seginf.review.state import Review

from .making import BIDI, CORPUS, LABELS, LONG, hostile_ranking, issue, small_ranking
from .region_cases import CASES


@pytest.fixture
def review(tmp_path):
    return Review(small_ranking(), tmp_path / "new" / "decisions.jsonl", "ada")


def test_accept_names_what_was_decided_on(review):
    found = review.issues[0]
    changes = review.decide([Answer(found.id, "accept")])
    assert [(change["number"], change["choice"]) for change in changes] == [(0, "accept")]
    (decision,) = read_decisions(review.path)
    assert (decision.document, decision.start, decision.end) == ("news-10", 24, 26)
    assert decision.words == ("Osted", "United")
    assert decision.current == (Entity(24, 26, "LOC"),) and decision.entities == (Entity(24, 26, "ORG"),)
    assert (decision.reviewer, decision.corpus, decision.family) == ("ada", CORPUS, "")
    assert decision.time.endswith("Z") and review.saved == 1


def test_decisions_are_taken_up_again(review):
    ids = [issue.id for issue in review.issues]
    review.decide([Answer(ids[0], "accept"), Answer(ids[1], "keep"), Answer(ids[2], "skip")])
    review.decide([Answer(ids[0], "undo")])
    again = Review(review.ranking, review.path, "ada")
    assert {state["number"]: state["choice"] for state in again.states()} == {1: "keep", 2: "skip"}
    assert again.first() == 0 and again.saved == 0 and again.changes(0)["changes"] == []
    assert Review(review.ranking, review.path, "jonas").states() == []


def test_undo_takes_the_last_word_back_only(review):
    name = review.issues[0].id
    review.decide([Answer(name, "accept")])
    review.decide([Answer(name, "keep")])
    assert review.decide([Answer(name, "undo")])[0]["choice"] == "accept"
    assert review.decide([Answer(name, "undo")])[0]["choice"] == ""
    with pytest.raises(ValueError, match=r"S185.*nothing to take back"):
        review.decide([Answer(name, "undo")])
    assert final_decisions(read_decisions(review.path)) == []


def test_what_was_said_already_is_not_said_again(review):
    said = [Answer(review.issues[0].id, "accept")]
    assert len(review.decide(said)) == 1
    assert review.decide(said) == []
    assert len(read_decisions(review.path)) == 1
    for label in ("PER", "LOC", "LOC"):
        review.decide([Answer(review.issues[0].id, "label", (Entity(24, 26, label),))])
    assert [decision.entities[0].label for decision in read_decisions(review.path)] == ["ORG", "PER", "LOC"]


def test_all_or_none(review):
    said = [Answer(review.issues[0].id, "accept"), Answer("unheard of", "accept")]
    with pytest.raises(ValueError, match=r"S185.*unheard of.*no such issue"):
        review.decide(said)
    assert not review.path.exists() and review.states() == []


def test_a_family_is_named_in_its_decisions(review):
    members = review.issues[4:6]
    review.decide([Answer(member.id, "accept", together=True) for member in members])
    assert {decision.family for decision in read_decisions(review.path)} == {"Veltra LOC ORG"}
    assert all(state["together"] for state in review.states())


def test_a_file_that_cannot_be_written_changes_nothing(review):
    review.path.mkdir(parents=True)
    with pytest.raises(ValueError, match="S171"):
        review.decide([Answer(review.issues[0].id, "accept")])
    assert review.states() == [] and review.saved == 0


def test_decisions_on_another_corpus_are_refused(review):
    review.decide([Answer(review.issues[0].id, "keep")])
    with pytest.raises(ValueError, match=r"S182.*c0ffeec0"):
        Review(replace(review.ranking, corpus="5eed" * 16), review.path, "ada")


def test_decisions_of_an_older_ranking_stay_in_the_file(review):
    review.decide([Answer(review.issues[0].id, "keep")])
    rest = replace(review.ranking, issues=review.ranking.issues[1:])
    assert Review(rest, review.path, "ada").states() == []


def test_other_labels(review):
    found = review.issues[0]
    review.decide([Answer(found.id, "label", (Entity(23, 26, "PER"),))])
    (decision,) = read_decisions(review.path)
    assert (decision.start, decision.end, decision.words) == (23, 26, ("of", "Osted", "United"))
    assert decision.issue == found.id and decision.current == found.current


def test_a_region_grows_over_the_entities_that_it_would_cut(review):
    found = review.issues[0]
    review.decide([Answer(found.id, "label", (Entity(22, 26, "ORG"),))])
    (decision,) = read_decisions(review.path)
    assert (decision.start, decision.end) == (21, 26) and decision.words[:2] == ("Lena", "Farrow")
    assert decision.current == (Entity(21, 23, "PER"), Entity(24, 26, "LOC"))
    assert decision.entities == (Entity(22, 26, "ORG"),)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_regions_grow(case):
    words = ("word",) * (case.shown[1] - case.shown[0])
    annotated = tuple(Entity(*span, "LOC") for span in case.annotated)
    found = LabelIssue("i", "d", *case.region, "rebound", (), (), 1.0, 0.5, 0.5)
    found = replace(found, words=words, first=case.shown[0], entities=annotated)
    if case.grown is None:
        with pytest.raises(ValueError, match=r"S185.*beyond the words"):
            grow(found, [Entity(*case.entity, "ORG")])
    else:
        assert grow(found, [Entity(*case.entity, "ORG")]) == case.grown


@pytest.mark.parametrize(
    "entities,problem",
    [
        ((Entity(24, 26, "Town"),), "no label 'Town'"),
        ((Entity(24, 26, "ORG"), Entity(25, 27, "LOC")), "overlap at token 25"),
        ((Entity(0, 2, "ORG"),), "beyond the words"),
        ((Entity(24, 99, "ORG"),), "beyond the words"),
    ],
)
def test_impossible_entities_are_refused(review, entities, problem):
    with pytest.raises(ValueError, match=f"S185.*{problem}"):
        review.decide([Answer(review.issues[0].id, "label", entities)])
    assert not review.path.exists()


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        [],
        ["accept"],
        [{"choice": "accept"}],
        [{"issue": 3, "choice": "accept"}],
        [{"issue": "x"}],
        [{"issue": "x", "choice": "burn"}],
        [{"issue": "x", "choice": ["accept"]}],
        [{"issue": "x", "choice": "label"}],
        [{"issue": "x", "choice": "label", "entities": "PER"}],
        [{"issue": "x", "choice": "label", "entities": [{"start": 1, "end": 1, "label": "PER"}]}],
        [{"issue": "x", "choice": "label", "entities": [{"start": False, "end": True, "label": "PER"}]}],
        [{"issue": "x", "choice": "label", "entities": [{"start": 0, "end": 1, "label": None}]}],
        [{"issue": "x", "choice": "label", "entities": [None]}],
    ],
)
def test_what_is_no_list_of_decisions_is_refused(content):
    with pytest.raises(ValueError, match="S185"):
        read_answers(content)


def test_what_is_said_is_read():
    entry = {
        "issue": "x",
        "choice": "label",
        "entities": [{"start": 2, "end": 3, "label": "PER"}],
        "together": True,
    }
    assert read_answers([entry]) == [Answer("x", "label", (Entity(2, 3, "PER"),), True)]


def test_evidence_is_asked_for_once_and_only_if_there_is_none(tmp_path):
    asked = []

    def evidence(issue):
        asked.append(issue.id)
        return {"supporting": small_ranking().issues[0].supporting, "opposing": (), "mistakes": ()}

    review = Review(small_ranking(), tmp_path / "decisions.jsonl", "ada", evidence)
    assert not review.detail(0)["pending"] and len(review.detail(0)["mistakes"]) == 1
    assert review.detail(1, ask=False)["pending"] and asked == []
    for _ in range(2):
        found = review.detail(1)
        assert not found["pending"] and [one["text"] for one in found["supporting"]] == ["Pelham Bay", "Tarnby"]
    assert asked == [review.issues[1].id] and not review.detail(1, ask=False)["pending"]


def test_what_is_shown_is_short_and_inert():
    ranking = hostile_ranking()
    tables = Tables(ranking)
    for one in ranking.issues:
        for shown in (tables.row(one) | {"id": ""}, tables.detail(one)):
            text = json.dumps(shown, ensure_ascii=False)
            assert len(text) < 6000 and text.isprintable()
    assert brief(BIDI) == "evil\\u202etxt\\u2066\\u200b end"
    assert len(brief(LONG)) < 70


def test_numbers_that_json_cannot_hold():
    assert [number(value) for value in (1, 0.5, float("nan"), float("inf"), "1", None)] == [
        1.0,
        0.5,
        None,
        None,
        None,
        None,
    ]


def test_labels_of_the_tagger_come_first_and_only_they_can_be_chosen(tmp_path):
    found = issue("[Osted]/TOWN won .", 0, 1, [(0, 1, "LOC")])
    tables = Tables(Ranking((found,), CORPUS, LABELS))
    assert list(tables.labels) == [*LABELS, "TOWN"] and tables.choices == 3


def test_nothing_to_review(tmp_path):
    review = Review(Ranking((), CORPUS, LABELS), tmp_path / "decisions.jsonl", "ada")
    assert review.first() is None and review.rows == []


def test_a_line_that_a_crash_cut_short(review):
    review.decide([Answer(review.issues[0].id, "keep")])
    with review.path.open("a") as file:
        file.write('{"seginf": "deci')
    again = Review(review.ranking, review.path, "ada")
    again.decide([Answer(again.issues[1].id, "accept")])
    assert [decision.choice for decision in read_decisions(review.path)] == ["keep", "accept"]
    append_decisions(review.path, [])

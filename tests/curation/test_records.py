"""Records on disk: what is written is read again, and what is broken is named with its line."""

from __future__ import annotations

import json
import math
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.issues import LabelIssue, Ranking
from spacy_seginf.curation.records import (
    CHOICES,
    Decision,
    corpus_digest,
    decision_line,
    issue_id,
    read_decisions,
    read_ranking,
    write_ranking,
)
from spacy_seginf.curation.regions import KINDS

from ..review.making import small_ranking

TEXT = st.text(max_size=8)
SPANS = st.tuples(st.integers(0, 50), st.integers(1, 9)).map(lambda pair: (pair[0], pair[0] + pair[1]))
ENTITIES = st.lists(st.builds(lambda span, label: Entity(*span, label), SPANS, st.text(min_size=1)), max_size=3)
TUPLES = ENTITIES.map(tuple)
DECISIONS = st.builds(
    lambda span, **values: Decision(start=span[0], end=span[1], **values),
    SPANS,
    issue=st.text(min_size=1, max_size=8),
    document=TEXT,
    words=st.lists(TEXT).map(tuple),
    current=TUPLES,
    choice=st.sampled_from(CHOICES),
    entities=TUPLES,
    reviewer=TEXT,
    time=TEXT,
    corpus=TEXT,
    family=TEXT,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLACES = {"start": st.integers(0, 99), "end": st.integers(0, 99), "offset": st.integers(0, 99), "effect": FINITE}
DICTS = st.lists(st.fixed_dictionaries({}, optional={"text": TEXT, "label": TEXT, **PLACES}), max_size=3).map(tuple)


def issue(span, before, after, words, **values):
    """A region with some words around it, or without any."""
    first = max(0, span[0] - before)
    words = tuple(words[: 1 + number % 2] for number in range(span[1] + after - first)) if words else ()
    return LabelIssue(start=span[0], end=span[1], first=first, words=words, **values)


ISSUES = st.builds(
    issue,
    SPANS,
    st.integers(0, 3),
    st.integers(0, 3),
    TEXT,
    id=TEXT,
    document=TEXT,
    kind=st.sampled_from(KINDS),
    current=TUPLES,
    suggested=TUPLES,
    score=FINITE,
    probability=st.floats(0, 1),
    suggested_probability=st.floats(0, 1),
    family=TEXT,
    spaces=st.lists(st.booleans()).map(tuple),
    entities=TUPLES,
    reasons=st.lists(TEXT).map(tuple),
    mistakes=DICTS,
    supporting=DICTS,
    opposing=DICTS,
    counterexamples=DICTS,
    file=TEXT,
    line=st.integers(0, 99),
)
GOOD = Decision("s", "news-3", 1, 3, ("Ada", "Lind"), (Entity(1, 3, "PER"),), "accept", (Entity(1, 3, "ORG"),), "ann")


def written(content):
    """Write a file of its own; the folder goes when the test is over."""
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "records.jsonl"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8", "backslashreplace"))
    return folder, path


@settings(deadline=None, max_examples=60)
@given(st.lists(DECISIONS, max_size=4))
def test_decisions_are_read_as_they_were_written(decisions):
    folder, path = written("".join(map(decision_line, decisions)))
    with folder:
        assert read_decisions(path) == decisions


@settings(deadline=None, max_examples=40)
@given(st.lists(ISSUES, max_size=3), TEXT, st.lists(TEXT, max_size=3), st.dictionaries(st.text(), st.integers()))
def test_rankings_are_read_as_they_were_written(issues, corpus, labels, about):
    ranking = Ranking(tuple(issues), corpus, tuple(labels), "BILUO", about)
    with tempfile.TemporaryDirectory() as folder:
        write_ranking(Path(folder) / "ranking.jsonl", ranking)
        assert read_ranking(Path(folder) / "ranking.jsonl") == ranking


@settings(deadline=None, max_examples=60)
@given(st.lists(DECISIONS, min_size=1, max_size=3), st.data())
def test_a_file_cut_anywhere_holds_the_decisions_before(decisions, data):
    lines = [decision_line(decision).encode("utf8", "backslashreplace") for decision in decisions]
    content = b"".join(lines)
    size = data.draw(st.integers(0, len(content)))
    complete = [number for number in range(len(lines) + 1) if len(b"".join(lines[:number])) <= size]
    extra = size == len(b"".join(lines[: complete[-1] + 1])) - 1  # only the line break is missing
    folder, path = written(content[:size])
    with folder:
        assert read_decisions(path) == decisions[: complete[-1] + extra]


def test_a_broken_line_that_is_not_the_last_is_an_error():
    line = decision_line(GOOD)
    for content in (line[:-9] + "\n" + line, line + line[:-9] + "\n", "{\n"):
        folder, path = written(content)
        with folder, pytest.raises(ValueError, match=r"\[S170\] .*records\.jsonl, line \d, is no decision: .*JSON"):
            read_decisions(path)


BROKEN = {
    "another record": {"seginf": "ranking"},
    "another version": {"version": 99},
    "an unknown choice": {"choice": "perhaps"},
    "a choice of another kind": {"choice": ["accept"]},
    "no tokens": {"start": 3},
    "a start that is no number": {"start": "1"},
    "a start that is true": {"start": True},
    "a start that is a fraction": {"start": 1.0},
    "a start below zero": {"start": -1},
    "words that are a text": {"words": "Ada"},
    "words that are numbers": {"words": [1, 2]},
    "words that are null": {"words": None},
    "entities that are null": {"current": None},
    "entities that are a text": {"entities": "PER"},
    "an empty entity": {"entities": [{"start": 2, "end": 2, "label": "PER"}]},
    "an entity without a label": {"entities": [{"start": 2, "end": 3, "label": ""}]},
    "an entity that lacks something": {"entities": [{"start": 2, "end": 3}]},
    "a document that is a list": {"document": ["news-3"]},
    "a reviewer that is null": {"reviewer": None},
    "a field too many": {"mood": "good"},
}


@pytest.mark.parametrize("case", BROKEN)
def test_lines_that_are_no_decision(case):
    line = {**json.loads(decision_line(GOOD)), **BROKEN[case]}
    folder, path = written(decision_line(GOOD) + "\n" + json.dumps(line) + "\n")
    with folder, pytest.raises(ValueError, match=r"\[S170\] .*records\.jsonl, line 3, is no decision: ."):
        read_decisions(path)


@pytest.mark.parametrize(
    "field", [name for name in asdict(GOOD) if name not in ("reviewer", "time", "corpus", "family", "overrules")]
)
def test_fields_that_are_missing(field):
    line = json.loads(decision_line(GOOD))
    if field == "start":
        line.pop("end")
    line.pop(field)
    folder, path = written(json.dumps(line) + "\n")
    with folder, pytest.raises(ValueError, match=r"\[S170\] .*line 1, is no decision"):
        read_decisions(path)


HEAD = {"seginf": "ranking", "version": 1, "corpus": "", "labels": [], "scheme": "BIO", "about": {}}


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{}],
        [{**HEAD, "version": 3}],
        [{**HEAD, "about": "abc"}],
        [{**HEAD, "about": [1]}],
        [{**HEAD, "labels": None}],
        [HEAD, {"id": "a"}],
        [HEAD, "text"],
    ],
)
def test_files_that_are_no_ranking(lines):
    folder, path = written("".join(json.dumps(line) + "\n" for line in lines))
    with folder, pytest.raises(ValueError, match=r"\[S170\] .*line \d, is no "):
        read_ranking(path)


@pytest.mark.parametrize("change", [{"kind": "odd"}, {"start": 5, "end": 5}, {"document": 3}, {"extra": 1}])
def test_lines_that_are_no_issue(change):
    issue = LabelIssue("a", "news-1", 0, 1, "remove", (), (), 1.0, 0.5, 0.5)
    folder, path = written(json.dumps(HEAD) + "\n" + json.dumps({**asdict(issue), **change}) + "\n")
    with folder, pytest.raises(ValueError, match=r"\[S170\] .*line 2, is no issue"):
        read_ranking(path)


def test_what_version_1_wrote_is_read():
    old = {**json.loads(decision_line(GOOD)), "version": 1}
    old["suspicion"] = old.pop("issue")
    folder, path = written(json.dumps(old) + "\n" + decision_line(GOOD))
    with folder:
        assert read_decisions(path) == [GOOD, GOOD]
    line = asdict(small_ranking().issues[0])
    line["drives"] = line.pop("mistakes")
    folder, path = written(json.dumps(HEAD) + "\n" + json.dumps(line) + "\n")
    with folder:
        assert read_ranking(path).issues == small_ranking().issues[:1]


def test_files_that_are_not_there(tmp_path):
    for read in (read_decisions, read_ranking):
        with pytest.raises(ValueError, match=r"\[S040\] There is no (decision|ranking) at"):
            read(tmp_path / "nothing.jsonl")


@given(TEXT, SPANS, ENTITIES, st.randoms())
def test_ids_do_not_depend_on_the_order_of_entities(document, span, entities, random):
    shuffled = random.sample(entities, len(entities))
    name = issue_id(document, *span, entities)
    assert name == issue_id(document, *span, shuffled)
    assert len(name) == 16 and set(name) <= set("0123456789abcdef")
    assert name != issue_id(document, span[0], span[1] + 1, entities)
    assert name != issue_id(document + "x", *span, entities)


def test_digests_tell_corpora_apart():
    base = ("a", ["Ada", "Lind"], [Entity(0, 2, "PER")])
    others = [
        ("b", *base[1:]),
        ("a", ["AdaLind"], base[2]),
        ("a", ["Ada", "Lind."], base[2]),
        (*base[:2], [Entity(0, 2, "ORG")]),
        (*base[:2], []),
    ]
    digests = {corpus_digest([one]) for one in (base, *others)} | {corpus_digest([]), corpus_digest([base, base])}
    assert len(digests) == len(others) + 3
    assert corpus_digest([base]) == corpus_digest(iter([("a", ("Ada", "Lind"), (Entity(0, 2, "PER"),))]))


def test_outcomes_and_regions():
    assert GOOD.outcome == GOOD.entities
    assert replace(GOOD, choice="label", entities=()).outcome == ()
    assert replace(GOOD, choice="keep").outcome == GOOD.current
    assert replace(GOOD, choice="skip").outcome is None and replace(GOOD, choice="undo").outcome is None
    words = ("met", "Ada", "Lind", ".")
    issue = LabelIssue("a", "news-1", 5, 7, "add", (), (), 1.0, 0.5, 0.5, words=words, first=4)
    assert issue.region == ("Ada", "Lind")


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\r\r\n"], ids=repr)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_that_any_editor_saved(mark, line_break):
    lines = [
        decision_line(GOOD).rstrip("\n"),
        "",
        decision_line(replace(GOOD, reviewer="x\u2028y\u0085")).rstrip("\n"),
        "",
    ]
    folder, path = written(mark + line_break.join(lines))
    with folder:
        assert [one.reviewer for one in read_decisions(path)] == ["ann", "x\u2028y\u0085"]


def test_numbers_that_are_not_finite(tmp_path):
    good = LabelIssue("i", "d", 1, 2, "relabel", (), (), math.inf, math.nan, 0.5)
    write_ranking(tmp_path / "ranking.jsonl", Ranking((good,), "c", ("PER",)))
    ranking = read_ranking(tmp_path / "ranking.jsonl")
    assert math.isnan(ranking.issues[0].score) and math.isnan(ranking.issues[0].probability)
    assert "nan" in ranking._repr_html_()


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"words": ["Ada", 3]},
            {"words": "Ada"},
            {"spaces": ["x"]},
            {"reasons": [None]},
            {"first": -1},
            {"first": None},
        ),
        *(
            {"first": 3},
            {"words": ["Ada"]},
            {"line": "x"},
            {"file": 7},
            {"family": []},
            {"score": "high"},
            {"end": 1e300},
        ),
        *({"supporting": [3]}, {"opposing": {"a": 1}}, {"mistakes": ["x"]}, {"mistakes": [{"offset": None}]}),
        *({"supporting": [{"offset": -1}]}, {"opposing": [{"start": 2**63}]}, {"mistakes": [{"text": 3}]}),
        *(
            {"supporting": [{"effect": "x"}]},
            {"opposing": [{"label": None}]},
            {"current": [{"start": 0, "end": 10**30}]},
        ),
    ],
    ids=str,
)
def test_fields_of_an_issue(tmp_path, change):
    good = LabelIssue("i", "d", 1, 2, "relabel", (), (), 1.0, 0.5, 0.5, words=("Ada", "Lind", "left"), first=0)
    path = tmp_path / "ranking.jsonl"
    write_ranking(path, Ranking((good,), "c", ("PER",)))
    head, line = path.read_text().splitlines()
    assert read_ranking(path).issues == (good,)
    path.write_text(head + "\n" + json.dumps({**json.loads(line), **change}) + "\n")
    with pytest.raises(ValueError, match=r"\[S170\] .*ranking\.jsonl, line 2"):
        read_ranking(path)


@pytest.mark.parametrize("place", ["id", "label"])
def test_names_without_characters_are_refused(tmp_path, place):
    """Corpora may hold lone surrogates; what names a label issue or a type goes to files that can't."""
    path = tmp_path / "ranking.jsonl"
    write_ranking(path, small_ranking())
    head, first = path.read_text(encoding="utf8").splitlines()[:2]
    line = json.loads(first)
    (line["suggested"][0] if place == "label" else line)[place] = "\ud800"
    path.write_text(f"{head}\n{json.dumps(line)}\n", encoding="utf8")
    with pytest.raises(ValueError, match=rf"\[S170\].*line 2.*{place} holds surrogates"):
        read_ranking(path)

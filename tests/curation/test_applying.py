"""From decisions to changes: what fits is applied, and everything that does not is listed at once."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spacy_seginf.corpora.formats import read_annotated
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.applying import plan_changes
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.records import corpus_digest, read_decisions

from ..corpora.making import (
    LABELS,
    decide,
    documents,
    expected_entities,
    regions,
    write_binary,
    write_columns,
    write_corpus,
    write_json_lines,
)

NAMES = ("train.spacy", "train.conll", "train.jsonl", "train.jsonl.gz")
WORDS = ["Ada", "Lind", "left", "Osted", "."]
ENTITIES = [Entity(0, 2, "PER"), Entity(3, 4, "LOC")]
TEXT = (WORDS, ENTITIES, [])
RELABEL = (0, 2, [Entity(0, 2, "LOC")])


def decision(change=RELABEL, document="train:1", **settings):
    return decide(document, WORDS, ENTITIES, change, **settings)


@pytest.fixture
def corpus(tmp_path):
    """Two documents in columns."""
    return read_annotated(write_columns(tmp_path / "train.conll", [TEXT, TEXT]))


def problems(corpus, decisions, **settings):
    """Plan; return the lines of the error behind its first."""
    with pytest.raises(ValueError, match=r"\[S202\] Nothing was written") as caught:
        plan_changes(corpus, decisions, **settings)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("train.conll:") and lines[-1].startswith("Apply them to the corpus that they were made on")
    return lines[1:-1]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(NAMES), st.lists(documents(), min_size=1, max_size=3))
def test_entities_after_are_the_expected_ones_in_any_order(data, name, texts):
    assume(any(not word.startswith("#") for words, *_ in texts for word in words))  # else it is asked what they are
    with tempfile.TemporaryDirectory() as folder:
        path = write_corpus(Path(folder) / name, texts)
        corpus = read_annotated(path, scheme=None if name.endswith("spacy") else "BIO")
        made, expected = [], []
        for number, (words, entities, starts) in enumerate(texts, start=1):
            changes = data.draw(regions(len(words), entities, starts))
            made += [decide(f"train:{number}", words, entities, change) for change in changes]
            expected.append(expected_entities(entities, changes))
        plan = plan_changes(corpus, made, labels=LABELS)
        content = corpus.corrected(plan.replacements)
        shuffled = data.draw(st.permutations(made))
        assert corpus.corrected(plan_changes(corpus, shuffled, labels=LABELS).replacements) == content
        path.write_bytes(content)
        after = read_annotated(path, scheme=None if name.endswith("spacy") else "BIO")
        assert [list(one.entities) for one in after.documents] == expected
        assert [one.words for one in after.documents] == [one.words for one in corpus.documents]
        if plan.changes:
            with pytest.raises(ValueError, match=r"\[S202\] .*"):
                plan_changes(after, made, labels=LABELS)
        else:
            assert plan_changes(after, made, labels=LABELS) == plan


def test_changes_and_their_kinds(corpus):
    changes = [
        (0, 2, [Entity(0, 2, "LOC")]),
        (2, 3, [Entity(2, 3, "PER")]),
        (3, 5, [Entity(3, 5, "LOC")]),
    ]
    made = [decision(change) for change in changes[::-1]]
    made += [decision((0, 2, []), "train:2"), decision((2, 5, ENTITIES[1:]), "train:2", choice="keep")]
    plan = plan_changes(corpus, made)
    assert [(one.document, one.start, one.kind) for one in plan.changes] == [
        (0, 0, "relabel"),
        (0, 2, "add"),
        (0, 3, "rebound"),
        (1, 0, "remove"),
    ]
    assert (plan.kept, plan.conflicts, plan.other_corpus) == (1, (), False)


@pytest.mark.parametrize("name", ["", "by hand"])
def test_places_that_no_issue_names_all_count(corpus, tmp_path, name):
    places = [(RELABEL, "train:1"), ((3, 4, []), "train:1"), (RELABEL, "train:2")]
    made = [replace(decision(*place), issue=name) for place in places]
    append_decisions(tmp_path / "decisions.jsonl", made)
    read = read_decisions(tmp_path / "decisions.jsonl")
    assert [(one.document, one.start) for one in plan_changes(corpus, read).changes] == [(0, 0), (0, 3), (1, 0)]
    append_decisions(tmp_path / "decisions.jsonl", [replace(made[1], choice="undo")])
    read = read_decisions(tmp_path / "decisions.jsonl")
    assert [(one.document, one.start) for one in plan_changes(corpus, read).changes] == [(0, 0), (1, 0)]


def test_an_accepted_annotation_is_no_change(corpus):
    plan = plan_changes(corpus, [decision((0, 2, ENTITIES[:1]), choice="accept")])
    assert plan.changes == () and plan.kept == 1
    assert corpus.corrected(plan.replacements) == corpus.path.read_bytes()


def test_reviewers_who_agree_are_both_named(corpus):
    made = [decision(reviewer="ben"), decision(), decision(choice="accept", reviewer="eve")]
    assert plan_changes(corpus, made).changes[0].reviewers == ("ann", "ben", "eve")


def test_another_version_that_fits(corpus):
    digest = corpus_digest((one.identifier, one.words, one.entities) for one in corpus.documents)
    assert not plan_changes(corpus, [decision(corpus=digest)]).other_corpus
    assert plan_changes(corpus, [decision(corpus="0" * 64)]).other_corpus


REFUSED = {
    "an unknown document": (
        decision(document="train:9"),
        "train:9, tokens 0-1 (by ann): the corpus has no such document",
    ),
    "behind the end": (replace(decision(), end=9), "train:1, tokens 0-8 (by ann): the document has only 5 tokens"),
    "other words": (replace(decision(), words=("Ida", "Lind")), "the words are 'Ada Lind' now, and were 'Ida Lind'"),
    "fewer words": (replace(decision(), words=("Ada",)), "the words are 'Ada Lind' now, and were 'Ada'"),
    "another annotation": (
        replace(decision(), current=(Entity(0, 2, "LOC"),)),
        "the annotation is [Ada Lind]/PER now, and was [Ada Lind]/LOC",
    ),
    "no annotation": (replace(decision(), current=()), "the annotation is [Ada Lind]/PER now, and was no entity"),
    "a new annotation": (
        replace(decision((2, 3, [])), current=(Entity(2, 3, "PER"),)),
        "token 2 (by ann): the annotation is no entity now, and was [left]/PER",
    ),
    "a cut entity": (decision((1, 3, [])), "tokens 1-2 (by ann): an annotated entity goes beyond the region"),
    "an entity outside": (decision((0, 2, [Entity(0, 3, "LOC")])), "it puts an entity outside its region"),
    "overlapping entities": (decision((0, 2, [Entity(0, 2, "LOC"), Entity(1, 2, "PER")])), "its entities overlap"),
    "an unknown label": (
        decision((0, 2, [Entity(0, 2, "ANIMAL")])),
        "no entity of the corpus has the label 'ANIMAL' (allow it with --label ANIMAL)",
    ),
    "a stale confirmation": (
        replace(decision(choice="keep"), current=(Entity(0, 1, "PER"),)),
        "the annotation is [Ada Lind]/PER now, and was [Ada]/PER",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(corpus, case):
    made, problem = REFUSED[case]
    (line,) = problems(corpus, [decision(document="train:2"), made])
    assert line.startswith("- train:") and line.endswith(problem)


def test_a_new_label_may_be_allowed(corpus):
    made = decision((0, 2, [Entity(0, 2, "ANIMAL")]))
    assert len(plan_changes(corpus, [made], labels=["ANIMAL"]).changes) == 1


def test_all_problems_are_listed_in_the_order_of_the_corpus(corpus):
    made = [decision(document=f"gone:{number:02}") for number in range(30)]
    made += [decision((1, 3, []), "train:2"), replace(decision((4, 5, [])), words=("!",))]
    lines = problems(corpus, made)
    assert [line.split(",")[0] for line in lines[:3]] == ["- train:1", "- train:2", "- gone:00"]
    assert len(lines) == 21 and lines[-1] == "- and 12 more"


def test_conflicts_are_errors_or_left_alone(corpus):
    made = [
        decision(),
        decision(choice="keep", reviewer="ben"),
        decision((0, 3, []), reviewer="eve"),
        decision(document="train:2"),
    ]
    (line,) = problems(corpus, made)
    assert line == (
        "- train:1, tokens 0-1: decisions contradict each other: ann says tokens 0-1: [Ada Lind]/LOC; "
        "ben says tokens 0-1: right as annotated; eve says tokens 0-2: no entity"
    )
    plan = plan_changes(corpus, made, conflicts="skip")
    assert [one.document for one in plan.changes] == [1]
    assert [len(conflict.decisions) for conflict in plan.conflicts] == [3]


def test_stale_decisions_do_not_hide_behind_those_that_agree(corpus):
    stale = replace(decision(reviewer="ben"), current=())
    assert "(by ben): the annotation is" in problems(corpus, [decision(), stale])[0]
    assert "(by ben): the annotation is" in problems(corpus, [stale, decision()], conflicts="skip")[0]


def test_undone_and_skipped_decisions_are_not_checked(corpus):
    gone = decision(document="gone")
    made = [gone, replace(gone, choice="undo"), decision(), decision(choice="skip")]
    assert plan_changes(corpus, made).changes == ()


def test_an_unknown_way_with_conflicts(corpus):
    with pytest.raises(ValueError, match=r"\[S206\] The setting --conflicts is 'first'. Choose one of: error, skip"):
        plan_changes(corpus, [], conflicts="first")


@pytest.mark.parametrize("write", [write_binary, write_json_lines])
def test_ids_that_are_there_twice(tmp_path, write):
    path = tmp_path / ("train.spacy" if write is write_binary else "train.jsonl")
    corpus = read_annotated(write(path, [TEXT] * 3, names=["a", "b", "a"]))
    with pytest.raises(ValueError, match=r"\[S203\] .* the id 'a' \(documents 1 and 3\)"):
        plan_changes(corpus, [])


def test_what_the_format_can_not_hold(tmp_path):
    path = tmp_path / "train.conll"
    path.write_text("-DOCSTART- O\n\nAda I-PER\n\nLind O\nleft O\nOsted I-LOC\n. O\n")
    corpus = read_annotated(path)
    entities = [Entity(0, 1, "PER"), Entity(3, 4, "LOC")]
    crossing = decide("train:1", WORDS, entities, (0, 2, [Entity(0, 2, "PER")]))
    beside = decide("train:1", WORDS, entities, (2, 3, [Entity(2, 3, "LOC")]))
    lines = problems(corpus, [beside, crossing])
    assert "tokens 0-1 (by ann): tags can't hold a PER that crosses the end of a sentence" in lines[0]
    assert "token 2 (by ann): IO tags can't tell two LOC side by side apart" in lines[1]
    corpus = read_annotated(path, scheme="IOB1")
    changed = corpus.corrected(plan_changes(corpus, [beside]).replacements)
    assert changed == path.read_bytes().replace(b"left O\nOsted I-LOC", b"left I-LOC\nOsted B-LOC")


def test_control_characters_are_shown(corpus):
    (line,) = problems(corpus, [decision(), decision(document="a\x1b[2J\u202eb")])
    assert line.startswith("- a\\u001b[2J\\u202eb, ") and re.search(r"no such document$", line)


def test_decisions_of_another_corpus(corpus):
    """One line says so, not one for each decision."""
    with pytest.raises(
        ValueError, match=r"\[S316\] None of the documents .*\(2, such as 'a\\x1b\[2J'\) is in"
    ) as error:
        plan_changes(corpus, [decision(document="a\x1b[2J"), decision(document="b")])
    assert "\n" not in str(error.value) and "\x1b" not in str(error.value)

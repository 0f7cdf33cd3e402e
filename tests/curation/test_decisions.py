"""Decisions: appended all or none, and what all reviewers' decisions come to."""

from __future__ import annotations

import errno
import itertools
import multiprocessing
import os
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.decisions import append_decisions, final_decisions, merge_decisions, now
from spacy_seginf.curation.records import Decision, decision_line, issue_id, read_decisions

PER, ORG = (Entity(1, 3, "PER"),), (Entity(1, 3, "ORG"),)


def decided(choice="accept", start=1, end=3, current=PER, entities=ORG, reviewer="ann", document="news-3"):
    name = issue_id(document, start, end, current)
    return Decision(name, document, start, end, ("w",) * (end - start), current, choice, entities, reviewer)


def test_decisions_are_appended(tmp_path):
    path = tmp_path / "new" / "decisions.jsonl"
    append_decisions(path, [decided()])
    append_decisions(path, [])
    append_decisions(path, [decided("keep"), decided("undo")])
    assert read_decisions(path) == [decided(), decided("keep"), decided("undo")]


def test_a_torn_last_line_is_cut_off(tmp_path):
    path, line = tmp_path / "decisions.jsonl", decision_line(decided())
    for size in [*range(1, 30), len(line) // 2, len(line) - 2]:
        for zeros in (b"", b"\0" * 40):
            path.write_bytes(line.encode() + line.encode()[:size] + zeros)
            assert read_decisions(path) == [decided()]
            append_decisions(path, [decided("keep")])
            assert path.read_text() == line + decision_line(decided("keep"))


def test_a_torn_line_may_be_long(tmp_path):
    path = tmp_path / "decisions.jsonl"
    long = replace(decided(), words=("x" * 200_000,))
    path.write_bytes(decision_line(decided()).encode() + decision_line(long).encode()[:-5])
    append_decisions(path, [decided("keep")])
    assert read_decisions(path) == [decided(), decided("keep")]


def test_a_full_last_line_only_gets_its_line_break(tmp_path):
    path = tmp_path / "decisions.jsonl"
    path.write_text(decision_line(decided()).rstrip("\n"))  # as some editors save it
    append_decisions(path, [decided("keep")])
    assert read_decisions(path) == [decided(), decided("keep")]


@pytest.mark.parametrize("content", ["a letter", "x\ny\n{'a'", "[1", "\ufeff{"])
def test_what_somebody_else_wrote_is_not_cut(tmp_path, content):
    path = tmp_path / "letter.txt"
    path.write_text(content)
    line = 1 + content.count("\n")
    with pytest.raises(ValueError, match=rf"\[S170\] .*letter\.txt, line {line}, is no decision"):
        append_decisions(path, [decided()])
    assert path.read_text() == content


@pytest.mark.parametrize("place", ["file/decisions.jsonl", "folder"])
def test_a_file_that_can_not_be_written(tmp_path, place):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"\[S171\] The decision was not saved: .* can't be written \([A-Z].*--dec"):
        append_decisions(tmp_path / place, [decided()])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_all_or_none_on_a_full_disk(tmp_path, monkeypatch, call):
    path, write = tmp_path / "decisions.jsonl", os.write
    append_decisions(path, [decided()])
    before, calls = path.read_bytes(), []

    def full(*arguments):
        if call == "write" and not calls:  # the first write goes half through
            calls.append(1)
            return write(arguments[0], arguments[1][:20])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(ValueError, match=r"\[S171\] .*No space left"):
            append_decisions(path, [decided("keep"), decided("undo")])
    assert path.read_bytes() == before
    append_decisions(path, [decided("keep")])
    assert read_decisions(path) == [decided(), decided("keep")]


def append_many(path, reviewer):
    for number in range(40):
        append_decisions(path, [decided(start=number, end=number + 1, current=(), entities=(), reviewer=reviewer)] * 2)


def test_several_processes_append_at_once(tmp_path):
    path = tmp_path / "decisions.jsonl"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=append_many, args=(path, name)) for name in ("ann", "ben", "eve")]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = read_decisions(path)
    for name in ("ann", "ben", "eve"):
        starts = [decision.start for decision in found if decision.reviewer == name]
        assert starts == [number for number in range(40) for _ in range(2)]
    assert all(one == other for one, other in zip(found[::2], found[1::2])), "what belongs together stays together"


def test_the_time():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", now())


@given(st.lists(st.sampled_from(["accept", "keep", "label", "skip", "undo"]), max_size=12))
def test_undo_takes_one_word_back(choices):
    said = []
    for choice in choices:
        said = said[:-1] if choice == "undo" else [*said, choice]
    expected = said[-1:] if said and said[-1] != "skip" else []
    assert [one.choice for one in final_decisions(map(decided, choices))] == expected


def test_everything_undone_and_more():
    choices = ["accept", "keep", "undo", "undo", "undo", "label"]
    assert [one.choice for one in final_decisions(map(decided, choices))] == ["label"]


def test_skipping_after_accepting_takes_it_back():
    assert final_decisions([decided(), decided("skip")]) == []
    assert final_decisions([decided(), decided("skip"), decided("undo")]) == [decided()]


def test_one_id_for_several_places():
    """As decisions that are written by hand may have."""
    made = [replace(decided(start=start, end=start + 2), issue="mine") for start in (1, 5)]
    made.append(replace(decided(document="news-4"), issue="mine"))
    assert final_decisions(made) == made
    assert final_decisions([*made, replace(made[1], choice="undo")]) == [made[0], made[2]]
    assert final_decisions([*made, replace(made[1], choice="keep")])[1].choice == "keep"


def test_a_later_decision_may_have_a_wider_region():
    wider = replace(decided(start=0, end=4), issue=decided().issue)
    assert final_decisions([decided(), wider]) == [wider]
    assert final_decisions([wider, decided("keep")]) == [decided("keep")]
    assert final_decisions([decided(), wider, decided("undo")]) == [decided()]


def test_undo_of_one_reviewer_leaves_the_other():
    ben = decided(reviewer="ben")
    assert final_decisions([decided(), ben, decided("undo")]) == [ben]


def test_two_who_agree():
    agreed, conflicts = merge_decisions([decided(), decided("label", reviewer="ben")])
    assert agreed == [decided()] and conflicts == []


def test_two_who_agree_in_other_words():
    one, other = Entity(1, 2, "PER"), Entity(2, 3, "ORG")
    agreed, conflicts = merge_decisions(
        [decided(entities=(one, other)), decided("label", entities=(other, one), reviewer="ben")]
    )
    assert len(agreed) == 1 and conflicts == []
    both = decided("label", current=(other, one), entities=(one, other)), decided("keep", start=0, current=(one, other))
    agreed, conflicts = merge_decisions(both)
    assert len(agreed) == 2 and conflicts == []


def test_two_who_disagree():
    ann, ben = decided(), decided("keep", reviewer="ben")
    agreed, conflicts = merge_decisions([ann, ben])
    assert agreed == [] and [conflict.decisions for conflict in conflicts] == [(ann, ben)]


def test_the_same_outcome_of_other_regions_is_one_decision():
    wide = decided(start=0, end=5, reviewer="ben")
    agreed, conflicts = merge_decisions([decided(), wide])
    assert conflicts == [] and len(agreed) == 1
    assert (agreed[0].start, agreed[0].end) == (0, 5) and agreed[0].words == wide.words
    assert set(agreed[0].outcome) == set(decided().outcome) and set(agreed[0].current) == set(decided().current)


def test_a_region_that_leaves_out_part_of_the_outcome_is_a_conflict():
    part = decided(start=2, end=4, current=(), entities=(Entity(2, 4, "LOC"),), reviewer="ben")
    agreed, conflicts = merge_decisions([decided(), part])
    assert agreed == [] and len(conflicts) == 1


def test_other_words_at_the_same_place_are_a_conflict():
    agreed, conflicts = merge_decisions([decided(), replace(decided(start=0, end=5), words=("x",) * 5, reviewer="ben")])
    assert agreed == [] and len(conflicts) == 1


def test_a_later_word_on_the_same_tokens_replaces_an_earlier_one():
    wider = decided(start=0, end=4, current=(Entity(1, 3, "LOC"),), entities=(Entity(0, 3, "ORG"),))
    assert merge_decisions([decided(), wider]) == ([wider], [])
    assert merge_decisions([wider, decided()]) == ([decided()], [])
    assert len(merge_decisions([wider, replace(decided(), reviewer="ben")])[1]) == 1


def test_chains_of_overlaps_are_one_conflict():
    def of(reviewer, start, end):
        return decided(start=start, end=end, current=(), entities=(Entity(start, end, "PER"),), reviewer=reviewer)

    chain = [of("ann", 0, 4), of("ben", 3, 5), of("cas", 4, 6), of("ann", 6, 7)]
    agreed, conflicts = merge_decisions(chain)
    assert agreed == [chain[3]] and [conflict.decisions for conflict in conflicts] == [tuple(chain[:3])]
    together = [of("ann", 0, 9), of("ben", 1, 2), of("cas", 5, 6)]
    assert [len(conflict.decisions) for conflict in merge_decisions(together)[1]] == [3]


def test_other_documents_are_apart():
    both = [decided(document="a"), decided("keep", document="b")]
    assert merge_decisions(both) == (both, [])


CASES = st.tuples(
    st.integers(0, 5), st.integers(1, 3), st.sampled_from(["accept", "keep", "skip"]), st.sampled_from(["ann", "ben"])
).map(lambda case: decided(case[2], case[0], case[0] + case[1], (), (Entity(case[0], case[0] + 1, "PER"),), case[3]))


@given(st.lists(CASES, max_size=7))
def test_merging_by_brute_force(decisions):
    final = final_decisions(decisions)
    agreed, conflicts = merge_decisions(decisions)
    disputed = [decision for conflict in conflicts for decision in conflict.decisions]
    positions = {id(one): number for number, one in enumerate(decisions)}
    assert all(any(one is other for other in final) for one in disputed)
    for one in final:
        rivals = [other for other in final if one.start < other.end and other.start < one.end]
        later = [r for r in rivals if r.reviewer == one.reviewer and positions[id(r)] > positions[id(one)]]
        if any(one is other for other in disputed) or any(set(other.outcome) != set(one.outcome) for other in later):
            continue
        (home, *rest) = [two for two in agreed if two.start < one.end and one.start < two.end]
        for two in (home, *rest):  # what one said holds in what all come to
            inside = {entity for entity in two.outcome if entity.start < one.end and one.start < entity.end}
            assert inside <= set(one.outcome) or later
    for first, second in itertools.combinations(agreed, 2):
        apart = first.end <= second.start or second.end <= first.start
        assert apart or first.outcome == tuple(sorted(first.current))
    for conflict in conflicts:
        assert len({(one.start, one.end, one.outcome) for one in conflict.decisions}) > 1

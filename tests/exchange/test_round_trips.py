"""Label issues go out, somebody answers, and the same decisions come back: for every format."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.exchange.formats import FORMATS

from . import annotators
from .making import cases, expected, ranking_of

SOME = st.integers(1, 3).flatmap(lambda count: st.tuples(*(cases(f"news-{number}") for number in range(count))))
FEW = settings(max_examples=60, deadline=None)


def came_back(name, annotate, answered):
    ranking = ranking_of(*(case.issue for case in answered))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"tasks{FORMATS[name].suffix}")
        FORMATS[name].write(ranking, path)
        annotate(path, answered)
        found = FORMATS[name].read(path, ranking, "Mira")
    time = found[0].time if found else ""
    wanted = [expected(case, ranking, "Mira", time) for case in answered]
    assert found == [decision for decision in wanted if decision is not None]


@pytest.mark.parametrize(
    "name, annotate",
    [
        ("prodigy", annotators.prodigy),
        ("label-studio", annotators.label_studio),
        ("argilla", annotators.argilla),
        ("argilla", annotators.argilla_flat),
        ("jsonl", annotators.jsonl),
        ("csv", annotators.table),
        ("csv", annotators.table_with_semicolons),
    ],
)
@FEW
@given(answered=SOME)
def test_round_trip(name, annotate, answered):
    came_back(name, annotate, answered)


@FEW
@given(answered=SOME)
def test_incorrect_spans(answered):
    # This format has no place for "skip", and its documents say nothing of words outside of regions.
    answered = [case for case in answered if case.choice != "skip" and at_region(case)]
    came_back("incorrect-spans", annotators.incorrect_spans, answered)


def at_region(case):
    """Does every change touch the region, or give way to one that does?"""
    one = case.issue
    region = range(one.start, one.end)
    at = [entity for entity in case.left if entity.start in region or one.start in range(entity.start, entity.end)]
    at += one.current
    return case.choice != "leave" or all(
        any(entity.start < other.end and other.start < entity.end for other in at)
        for entity in set(case.left) ^ set(one.entities)
    )

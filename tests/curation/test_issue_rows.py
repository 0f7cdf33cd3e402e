"""A ranking as plain data, for people who filter tables."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.issues import LabelIssue, Ranking, readings

WORDS = ("in", "the", "Hague", "today")
COLUMNS = [
    "document",
    "start",
    "end",
    "text",
    "label",
    "suggestion",
    "suggested_text",
    "score",
    "kind",
    "family",
    "why",
]


def issue(kind, start, end, current, suggested, **given):
    sides = tuple(current), tuple(suggested)
    return LabelIssue("0", "news", start, end, kind, *sides, 2.5, 0.1, 0.9, words=WORDS, first=4, **given)


RANKING = Ranking(
    (
        issue("rebound", 5, 7, [Entity(6, 7, "LOC")], [Entity(5, 7, "LOC")], family="f", reasons=("one", "two")),
        issue("remove", 6, 7, [Entity(6, 7, "LOC")], []),
        issue("add", 7, 8, [], [Entity(7, 8, "DATE")]),
    ),
    "digest",
    ("LOC", "DATE"),
)


def test_rows():
    rows = RANKING.rows
    assert [list(row) for row in rows] == [COLUMNS] * 3
    assert list(rows[0].values()) == [
        *("news", 5, 7, "the Hague", "LOC", "LOC", "the Hague"),
        *(2.5, "rebound", "f", "one; two"),
    ]
    assert [row["suggestion"] for row in rows if row["label"] == "LOC"] == ["LOC", "O"]
    assert [(row["label"], row["text"], row["suggested_text"]) for row in rows[1:]] == [
        ("LOC", "Hague", ""),
        ("O", "today", "today"),
    ]
    assert Ranking((), "digest", ()).rows == []


@pytest.mark.parametrize(
    ("words", "current", "suggested", "expected"),
    [
        (("the", "Hague"), (4, 5), (3, 5), "the [Hague]/LOC -> [the Hague]/LOC"),
        (tuple("abcdefghijkl"), (3, 15), (3, 4), "[a b ... k l]/LOC -> [a]/LOC b ... k l"),
        (("the", "Hague"), (4, 5), (2, 5), "LOC -> LOC"),  # as no region has them
        (("\u202ethe", "Hague"), (4, 5), (3, 5), "\\u202ethe [Hague]/LOC -> [\\u202ethe Hague]/LOC"),
    ],
)
def test_other_boundaries_are_in_brackets(words, current, suggested, expected):
    sides = [(Entity(*one, "LOC"),) for one in (current, suggested)]
    assert " -> ".join(readings(words, 3, *sides)) == expected


def test_a_frame(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows, columns: (rows, columns)))
    assert RANKING.to_pandas() == (RANKING.rows, COLUMNS)


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ValueError, match=r"S321.*pip install pandas"):
        RANKING.to_pandas()

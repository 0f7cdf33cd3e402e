"""Words as text: where they are, in whatever way a tool counts characters, and what is decided about them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.exchange.deciding import decide
from spacy_seginf.exchange.windows import STAND_IN, proposed, utf16_length, window_of

from .making import cases, example, make


@pytest.mark.parametrize("length", [len, utf16_length])
@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_offsets(length, case):
    window = window_of(case.issue, length)
    for entity in (*case.left, *case.issue.entities):
        start, end = window.characters(entity)
        if length is len:
            assert window.text[start:end] == window.text_of(entity)
        else:
            units = window.text.encode("utf-16-le")
            assert units[2 * start : 2 * end].decode("utf-16-le") == window.text_of(entity)
        assert window.entity(start, end, entity.label) == entity
    assert window.ends[-1] == length(window.text) - window.spaces[-1]
    assert len(window.words) == len(case.issue.words) and all(window.words)
    window.text.encode("utf8")  # no lone surrogates


@settings(max_examples=100, deadline=None)
@given(case=cases(), data=st.data())
def test_only_whole_words(case, data):
    window = window_of(case.issue)
    start = data.draw(st.integers(-1, len(window.text) + 1))
    end = data.draw(st.integers(-1, len(window.text) + 1))
    found = window.entity(start, end, "PER")
    inside = {place for place in range(max(start, 0), end) if place < len(window.text)}
    words = [set(range(a, b)) for a, b in zip(window.starts, window.ends)]
    whole = [number for number, word in enumerate(words) if word <= inside]
    cut = any(word & inside and not word <= inside for word in words)
    if cut or not whole or not 0 <= start < end <= len(window.text):
        assert found is None
    else:
        assert found == Entity(window.first + whole[0], window.first + whole[-1] + 1, "PER")


def test_what_can_not_be_shown():
    window = window_of(make(["a\r\nb", "", "\x00", "\ud800x", "\t"], [True] * 5, [], (0, 1), []))
    assert window.words == ("a \nb", STAND_IN, STAND_IN, STAND_IN + "x", "\t")
    assert window.describe([]) == "no entity"
    assert window.describe([Entity(1, 3, "PER"), Entity(4, 5, "LOC")]) == f"{STAND_IN} {STAND_IN} PER; \t LOC"


def test_proposed():
    issue = example()
    expected = (Entity(10, 12, "PER"), Entity(14, 15, "LOC"), Entity(16, 17, "LOC"))
    assert proposed(issue, window_of(issue)) == expected


@pytest.mark.parametrize(
    "left, choice, region, current, entities",
    [
        ("PPL", "keep", (14, 15), "P", ""),
        ("PLL", "accept", (14, 15), "P", "L"),
        ("P.L", "label", (14, 15), "P", ""),
        ("PP.", "label", (14, 17), "PL", "P"),
        (".LL", "label", (10, 15), "PP", "L"),
        ("...", "label", (10, 17), "PPL", ""),
    ],
)
def test_decisions(left, choice, region, current, entities):
    issue = example()
    places, types = [(10, 12), (14, 15), (16, 17)], {"P": "PER", "L": "LOC"}

    def read(text, within=(10, 18)):
        fitting = [place for place in places if within[0] <= place[0] and place[1] <= within[1]]
        return tuple(Entity(*place, types[sign]) for place, sign in zip(fitting, text) if sign != ".")

    decision = decide(issue, window_of(issue), read(left))
    assert (decision.choice, (decision.start, decision.end)) == (choice, region)
    assert decision.current == read(current, region)
    assert [entity.label[0] for entity in decision.entities] == list(entities)
    assert decision.words == issue.words[region[0] - 10 : region[1] - 10]


def test_regions_grow_over_what_they_would_cut():
    issue = example()
    decision = decide(issue, window_of(issue), [Entity(11, 15, "PER"), Entity(16, 17, "LOC")])
    assert (decision.start, decision.end) == (10, 15)
    assert decision.current == (Entity(10, 12, "PER"), Entity(14, 15, "PER"))
    assert decision.entities == (Entity(11, 15, "PER"),)


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"words": ("a",)}, "1 words and 8 spaces"),
        ({"first": 15}, "its region is not among its words 15 to 23"),
        ({"entities": ()}, "the entities of its region are not its current ones"),
        ({"suggested": (Entity(14, 16, "PER"),)}, "the entity 14-16 PER is not inside its region"),
    ],
)
def test_issues_that_can_not_be_shown(changes, problem):
    with pytest.raises(ValueError, match=rf"\[S190\] The label issue \w+ can't be exported: .*{problem}"):
        window_of(replace(example(), **changes))

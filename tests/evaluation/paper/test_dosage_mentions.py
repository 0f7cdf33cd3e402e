"""Dosages in tokenized text: what is one, what is none, and where it begins and ends."""

import numpy
import pytest
from hypothesis import given, strategies

from experiments.paper.dosage.mentions import dosage_mentions, mentions_near

DOSAGES = [
    "50 mg",
    "50mg",
    "50-mg",
    "50 - mg",
    "50 mg.",
    "0.5 mL",
    ".5 ml",
    "1,000 IU",
    "12,500.5 units",
    "5-10 mg",
    "5 - 10 mg",
    "5 to 10 mg",
    "5 or 10 mg",
    "5 and 10 g",
    "5 +/- 2 mg",
    "5\u201310 mg",
    "20 micrograms",
    "20 mcg",
    "20 µg",
    "20 μg",
    "20 ug",
    "20 ?g",
    "20 microg",
    "20 micro g",
    "3 milligrams",
    "2 Grams",
    "1 litre",
    "2 cc",
    "5 mmol",
    "10 mEq",
    "3 MIU",
    "100 international units",
    "10 mg/kg/day",
    "10 mg / kg / day",
    "10 mg/ kg /day",
    "10mg/kg",
    "10 micrograms per day",
    "10 mg per kg per day",
    "375 mg/m2",
    "375 mg / m 2",
    "375 mg/m ( 2 ) /day",
    "375 mg/m²",
    "10 mL/h",
    "4 mg/24 h",
    "4 mg / 4 hours",
    "5 mg kg-1",
    "5 mg.kg-1.min-1",
    "5 mg x kg ( -1 ) x min ( -1 )",
    "10 mg/tablet",
    "250 IU per dose",
]
OTHERS = [
    "5 years",
    "50 %",
    "mg",
    "12 patients",
    "mg / kg",
    "70 kg",
    "28 kg/m2",
    "100 mg/dl",
    "100 mg / dl",
    "7 mmol/L",
    "5 ng per ml",
    "5 mg/100 ml",
    "10 mm",
    "3 months",
    "5 gaps",
    "B12 mg",
    "5,00,0x mg",
    "5 of mg",
    "p50mg",
    "10 mg-based",
    "five mg",
    "10 l-dopa",
    "",
]


@pytest.mark.parametrize("text", DOSAGES)
def test_a_dosage_is_found_whole(text):
    tokens = text.split(" ")
    assert dosage_mentions(["received", *tokens, "for", "weeks"]) == [(1, 1 + len(tokens))]
    assert dosage_mentions(tokens) == [(0, len(tokens))]


@pytest.mark.parametrize("text", OTHERS)
def test_other_amounts_are_no_dosages(text):
    assert dosage_mentions(["with", *text.split(" "), "."]) == []


def test_several_dosages_of_a_text():
    text = "drug 5 mg plus other 0.5 g / day , aged 40 years , or 3 ml"
    tokens = text.split(" ")
    assert [" ".join(tokens[start:end]) for start, end in dosage_mentions(tokens)] == ["5 mg", "0.5 g / day", "3 ml"]


def test_an_amount_ends_where_the_next_begins():
    assert dosage_mentions(["5", "mg", "/", "10", "mg"]) == [(0, 2), (3, 5)]


def test_no_text():
    assert dosage_mentions([]) == []


PIECES = ["5", "10", "1,000", "0.5", "-", "to", "mg", "g", "/", "kg", "day", "per", "( ", "(", "2", ")", "m", "mg/kg"]
PIECES += ["50mg", "", " ", "5 mg", "\n", "x", ".", "ml", "-1"]
TEXTS = strategies.lists(strategies.one_of(strategies.sampled_from(PIECES), strategies.text(max_size=3)), max_size=25)


@given(TEXTS)
def test_mentions_are_in_order_inside_the_text_and_do_not_overlap(tokens):
    last = 0
    for start, end in dosage_mentions(tokens):
        assert last <= start < end <= len(tokens)
        assert any(character.isdigit() for token in tokens[start:end] for character in token)
        last = end


@given(TEXTS, strategies.lists(strategies.sampled_from("abc,;"), max_size=4))
def test_words_before_a_text_move_its_mentions(tokens, words):
    moved = [(start - len(words), end - len(words)) for start, end in dosage_mentions([*words, *tokens])]
    assert moved == dosage_mentions(tokens)


def test_the_window_counts_tokens_on_both_sides():
    tokens = ["a", "b", "5", "mg", "c", "d"]
    for place, distance in ((0, 2), (1, 1), (2, 0), (3, 0), (4, 1), (5, 2)):
        wanted = numpy.arange(6) == place
        found = [mentions_near(tokens, wanted, window) for window in range(4)]
        assert found == [[]] * distance + [[(2, 4)]] * (4 - distance)

"""JSON lines and CSV: rows that scripts and spreadsheets can answer."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import example as instance
from hypothesis import given
from hypothesis import strategies as st

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.records import is_number, short_digest
from spacy_seginf.exchange import plain
from spacy_seginf.exchange.tables import read_table, write_table

from .making import example, make, ranking_of

SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def rows_of(path):
    content = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def test_rows(tmp_path):
    issue = example(reasons=("Veltra is a LOC in 3 places", "rare"))
    plain.write_jsonl(ranking_of(issue), tmp_path / "tasks.jsonl")
    row = json.loads((tmp_path / "tasks.jsonl").read_text(encoding="utf8"))
    assert row["decision"] == "" and row["entities"] == [[10, 12, "PER"], [14, 15, "LOC"], [16, 17, "LOC"]]
    assert (row["annotated"], row["suggested"]) == ("Veltra PER", "Veltra LOC")
    assert row["tokens"] == "10:Ada 11:Lind 12:met 13:🚀 14:Veltra 15:in 16:Osted 17:."
    assert row["reasons"] == "Veltra is a LOC in 3 places; rare"
    plain.write_csv(ranking_of(issue), tmp_path / "tasks.csv")
    assert (tmp_path / "tasks.csv").read_bytes().startswith(b"\xef\xbb\xbfdecision,entities,annotated")
    (cells,) = rows_of(tmp_path / "tasks.csv")
    assert cells["document"] == "'=news" and cells["start"] == "14" and json.loads(cells["entities"]) == row["entities"]


def test_nothing_to_export(tmp_path):
    for write, read, name in (
        (plain.write_csv, plain.read_csv, "a.csv"),
        (plain.write_jsonl, plain.read_jsonl, "a.jsonl"),
    ):
        write(ranking_of(), tmp_path / name)
        assert read(tmp_path / name, ranking_of(), "Mira") == []


@given(text=st.one_of(st.text(), st.builds("{}{}".format, st.sampled_from([*SIGNS, "'"]), st.text())))
def test_no_cell_is_a_formula(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    write_table(path, [{"text": text, "number": -1.5, "nothing": None}])
    (cells,) = rows_of(path)
    assert not cells["text"].startswith(SIGNS)
    assert (cells["number"], cells["nothing"]) == ("-1.5", "")
    ((_, row),) = read_table(path)
    assert row["text"] == text


HOSTILE = [
    "=1+1",
    "a;=1+1",
    "a\t=1+1",
    'a";=1+1',
    'a;"=1+1',
    ";\t@x",
    "a,-1",
    "\n=1",
    ";'=1",
    ";''",
    "\t-1",
    '"";""+1',
    "1;\r=1",
]


@given(text=st.one_of(st.sampled_from(HOSTILE), st.text(st.sampled_from([*SIGNS, *"'\",;a 1"]), max_size=12)))
@instance(text="-1")
@instance(text="'1")
@instance(text="''1")
def test_no_cell_is_a_formula_for_whoever_separates_otherwise(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "separated.csv"
    write_table(path, [{"text": text, "more": text, "entities": [[0, 1, text]]}])
    content = path.read_bytes().decode("utf-8-sig")
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter):
            assert not [cell for cell in row if cell.startswith(SIGNS)]
    ((_, row),) = read_table(path)
    assert row == {"text": text, "more": text, "entities": [[0, 1, text]]}


@pytest.mark.parametrize("identifier", ["7123456789012345", "12e4567890123456", "1e5", "'x", "''"])
def test_ids_that_spreadsheets_would_take_for_numbers(tmp_path, identifier):
    issue = replace(example(), id=identifier)
    path = tmp_path / "tasks.csv"
    plain.write_csv(ranking_of(issue), path)
    (row,) = rows_of(path)
    assert row["issue"] == "'" + identifier
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow({**row, "decision": " KEEP"})
    (decision,) = plain.read_csv(path, ranking_of(issue), "Mira")
    assert (decision.issue, decision.choice) == (identifier, "keep")


def test_ids_need_no_guard(tmp_path):
    """None that this package makes is a number; whole numbers stay what they are in a spreadsheet."""
    numbers = [text for text in map(str, range(20_000)) if is_number(sha256(text.encode()).hexdigest()[:16])]
    assert numbers and not any(is_number(short_digest(text)) for text in numbers)
    write_table(tmp_path / "ids.csv", [{"document": text} for text in ("12", "0", "007", "1.50")])
    assert [row["document"] for row in rows_of(tmp_path / "ids.csv")] == ["12", "0", "'007", "'1.50"]
    assert [row["document"] for _, row in read_table(tmp_path / "ids.csv")] == ["12", "0", "007", "1.50"]


def test_long_texts(tmp_path):
    issue = make(["Osted", "a" * 200_000], [True, False], [], (0, 1), [Entity(0, 1, "LOC")])
    path = tmp_path / "tasks.csv"
    plain.write_csv(ranking_of(issue), path)
    assert plain.read_csv(path, ranking_of(issue), "Mira") == []


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"decision": "yes"}, r"\[S191\].*line 1: the decision is 'yes', and none of accept, keep, label, skip"),
        ({"decision": 1}, r"\[S191\].*the decision is 1"),
        (
            {"decision": "label", "entities": "x"},
            r"\[S191\].*entities are 'x', and no list of \[start, end, type\]",
        ),
        ({"decision": "label", "entities": [[1, 2]]}, "S191"),
        ({"decision": "label", "entities": [[True, 2, "PER"]]}, "S191"),
        ({"decision": "label", "entities": None}, "S191"),
        ({"decision": "label", "entities": [[9, 11, "PER"]]}, r"\[S198\].*tokens 9 to 10 \(PER\) is not in the text"),
        ({"decision": "label", "entities": [[12, 12, "PER"]]}, "S198"),
        ({"decision": "label", "entities": [[10, 11, "TOWN"]]}, "S196"),
    ],
)
def test_rows_that_can_not_be_used(tmp_path, changes, message):
    path, ranking = tmp_path / "tasks.jsonl", ranking_of(example())
    plain.write_jsonl(ranking, path)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf8")), **changes}))
    with pytest.raises(ValueError, match=message):
        plain.read_jsonl(path, ranking, "Mira")


def test_tables_that_are_none(tmp_path):
    path = tmp_path / "tasks.csv"
    with pytest.raises(ValueError, match=r"\[S040\]"):
        plain.read_csv(path, ranking_of(), "Mira")
    path.write_bytes("decision,text\n,São\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"\[S191\].*the whole table: it is not in UTF-8"):
        plain.read_csv(path, ranking_of(), "Mira")
    path.write_text('decision,text\nkeep,"a\n')
    with pytest.raises(ValueError, match=r"\[S191\].*line 2"):
        plain.read_csv(path, ranking_of(), "Mira")


def test_empty_rows_of_spreadsheets(tmp_path):
    path = tmp_path / "rows.csv"
    plain.write_csv(ranking_of(example()), path)
    header, row, *_ = path.read_bytes().decode("utf-8-sig").split("\r\n")
    empty = "," * header.count(",")
    lines = [header, empty, "accept" + row, "", empty.replace(",", " ,", 1), empty]
    for line_break in ("\r\n", "\n", "\r"):
        path.write_bytes(("\ufeff" + line_break.join(lines)).encode("utf8"))
        assert [one.choice for one in plain.read_csv(path, ranking_of(example()), "Ada")] == ["accept"]

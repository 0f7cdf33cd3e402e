"""Results: goals, and plain values that come back as they were."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from experiments.paper.report import FURTHER, render_page
from experiments.paper.results import Result, Row, read_results
from spacy_seginf.evaluation.intervals import Estimate

NAN = float("nan")


def row(mean, goal="", key="figure", **more):
    return Row(key, "a figure", Estimate(mean, NAN, NAN), goal=goal, **more)


@pytest.mark.parametrize(
    "mean,goal,reached",
    [
        (0.5, "", None),
        (0.5, ">= 0.5", True),
        (0.499, ">= 0.5", False),
        (60.0, "<= 60", True),
        (61.0, "<= 60", False),
        (0.95, "0.95 to 1.05", True),
        (1.0501, "0.95 to 1.05", False),
        (0.94, "0.95 to 1.05", False),
        (NAN, ">= 0.5", False),
        (NAN, "<= 0.5", False),
        (NAN, "0.95 to 1.05", False),
    ],
)
def test_goals(mean, goal, reached):
    assert row(mean, goal).reached is reached


def test_plain_values_come_back(tmp_path):
    full = Row("full", "all", Estimate(0.5, 0.4, 0.6), (0.25, 0.75), 0.89, 0.1, ">= 0.4", 12, "a note")
    first = Result("5.1", "title", (full, row(1.0)), ("done",), ("other",), {"seeds": [0, 1]}, {"a.png": "a picture"})
    lacking = replace(row(NAN, key="lacking", base_rate=NAN), by_seed=(NAN, 1.0))
    for name, result in (("b", first), ("a", replace(first, section="6.1")), ("c", replace(first, rows=(lacking,)))):
        text = json.dumps(result.as_dict(), allow_nan=False)
        (tmp_path / f"{name}.json").write_text(text)
    (tmp_path / "b").mkdir()
    read = read_results(tmp_path)
    assert list(read) == ["b", "c", "a"], "in the order of the sections"
    assert read["b"].as_dict() == json.loads(json.dumps(first.as_dict()))
    assert read["b"].rows[0] == full
    assert json.loads((tmp_path / "b.json").read_text())["rows"]["full"]["reached"] is True
    values = read["c"].rows[0].as_dict()
    assert values["measured"] == {"mean": None, "low": None, "high": None}
    assert (values["by_seed"], values["base_rate"]) == ([None, 1.0], None)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"section": "1", "title": "", "rows": {"x": {}}}', '{"rows": 3}'])
def test_files_that_are_no_results(tmp_path, text):
    with pytest.raises(ValueError, match="S137"):
        read_results(tmp_path)
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(ValueError, match=r"S136.*other\.json"):
        read_results(tmp_path)


def test_the_page_shows_what_matters_and_published_figures_first():
    rows = (row(1.0, key="a"), replace(row(0.5, ">= 0.4"), what="what matters"), replace(row(0.3), published=0.2))
    page = render_page({"one": Result("5.1", "title", rows)}, {})
    before, inside = page.split(FURTHER)
    assert "what matters" in before and "| 0.200 |" in before and "| 1.000 |" not in before
    assert "| 1.000 |" in inside.split("</details>")[0] and "0.200" not in inside
    assert FURTHER not in render_page({"one": Result("5.1", "title", rows[1:])}, {})
    assert render_page({"one": Result("5.1", "title", rows[:1])}, {}).count("| what |") == 1


def test_the_page_begins_with_methods_by_task():
    rows = (row(0.9, key="pearson", base_rate=0.0), row(0.6, key="identity_pearson", base_rate=0.0004))
    page = render_page({"validity": Result("5.1", "title", rows)}, {})
    table = [line for line in page.split("## 5.1")[0].splitlines() if line.startswith("| ")]
    question = "How much would a prediction change without a label?"
    assert table[2:] == [
        f"| {question} | a figure | 0.900 | 0.000 | 5.1 |",
        "|  | a figure | 0.600 | 0.00040 | 5.1 |",
    ]

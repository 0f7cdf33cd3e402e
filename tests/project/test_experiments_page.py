"""docs/experiments.md is what the committed results say, and shows pictures that are there."""

from __future__ import annotations

import json
import re

import pytest

from experiments.paper.report import TASKS, WHOLE_MODEL, render_page
from experiments.paper.results import read_results

from .conftest import ROOT

RESULTS = ROOT / "experiments" / "results" / "paper"
PAGE = ROOT / "docs" / "experiments.md"


@pytest.fixture(scope="module")
def results():
    return read_results(RESULTS)


def test_the_page_is_that_of_the_results(results):
    places = {(name, file): f"experiments/{name}_{file}" for name, result in results.items() for file in result.figures}
    assert PAGE.read_text(encoding="utf8") == render_page(results, places)
    for place in places.values():
        assert (PAGE.parent / place).stat().st_size > 10_000


def test_every_task_has_its_methods(results):
    for _, name, keys in TASKS:
        assert set(keys) <= {row.key for row in results[name].rows}
    assert "goal " not in PAGE.read_text(encoding="utf8").lower()


def test_all_experiments_are_there(results):
    assert [result.section for result in results.values()] == ["5.1", "5.2", "6.1", "6.2", "6.3"]


def test_results_name_no_folder_of_a_machine(results):
    assert not re.search(r"/(home|root|tmp|work|usr|mnt)/", PAGE.read_text(encoding="utf8"))
    for path in RESULTS.glob("*.json"):
        assert not re.search(r'"/', path.read_text(encoding="utf8")), path.name


def test_figures_about_the_whole_model_are_the_measured_ones():
    measured = json.loads((RESULTS.parent / "whole_pipeline.json").read_text(encoding="utf8"))
    halves = measured["corpora"]["wikigold"]["halves"]
    figures = halves["against_one"]["index"], halves["against_mean"]["index"], halves["ceiling_one"]["reliability"]
    for figure in figures:
        assert f"{figure['value']:.2f}" in WHOLE_MODEL

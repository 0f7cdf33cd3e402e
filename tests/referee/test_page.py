"""docs/whole_pipeline.md shows the committed results."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.common.reporting import RESULTS
from experiments.referee.page import tables

PAGE = Path(__file__).parents[2] / "docs" / "whole_pipeline.md"


def test_tables_are_those_of_the_results():
    figures = json.loads((RESULTS / "whole_pipeline.json").read_text(encoding="utf8"))
    page = PAGE.read_text(encoding="utf8")
    shown = tables(figures)
    assert shown
    for table in shown:
        assert table in page

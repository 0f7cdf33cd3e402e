"""The page of promises says what the last run counted."""

from __future__ import annotations

import json
import re

from experiments.torture.promises import PAGE, TRUST, page_of


def test_page_and_run_agree():
    """If this fails: python -m experiments.torture.promises"""
    page, trust = PAGE.read_text(encoding="utf8"), json.loads(TRUST.read_text(encoding="utf8"))
    assert page_of(page, trust) == page


def test_other_counts_are_other_pages():
    page, trust = PAGE.read_text(encoding="utf8"), json.loads(TRUST.read_text(encoding="utf8"))
    for key in ("kills", "fuzzed"):
        assert page_of(page, {**trust, key: trust[key] + 1}) != page
    fewer = {**trust, "parts": {part: counted for part, counted in trust["parts"].items() if part != "soak"}}
    assert "soak" in page_of(page, fewer).partition("Not recorded yet: ")[2].partition("\n")[0]


def test_every_promise_has_a_count():
    """If this fails: python -m experiments.torture --only promises"""
    page, trust = PAGE.read_text(encoding="utf8"), json.loads(TRUST.read_text(encoding="utf8"))
    tests = trust["parts"]["promises"]["tests"]
    rows = re.findall(r"^\| [^|]+ \| `tests?[/_][^|]+ \|.*$", page, re.MULTILINE)
    assert len(rows) > 25 and all(re.search(r"\| [1-9][\d,]* \|$", row) for row in rows)
    parts = {
        **trust["parts"],
        "promises": {**trust["parts"]["promises"], "tests": {test: count + 1 for test, count in tests.items()}},
    }
    assert page_of(page, {**trust, "parts": parts}) != page

"""The page of promises says what the last run counted."""

from __future__ import annotations

import json
import re

from experiments.torture.promises import PAGE, TRUST, page_of


def test_page_and_run_agree():
    """If this fails: python -m experiments.torture --only promises"""
    page, trust = PAGE.read_text(encoding="utf8"), json.loads(TRUST.read_text(encoding="utf8"))
    assert page_of(page, trust) == page
    rows = re.findall(r"^\| .*`tests?[/_].*\|$", page, re.MULTILINE)
    assert len(rows) > 25 and all(re.search(r"\| [1-9][\d,]* \|$", row) for row in rows)


def test_other_counts_are_other_pages():
    page, trust = PAGE.read_text(encoding="utf8"), json.loads(TRUST.read_text(encoding="utf8"))
    for key in ("kills", "fuzzed"):
        assert page_of(page, {**trust, key: trust[key] + 1}) != page
    tests = {name: count + 1 for name, count in trust["parts"]["promises"]["tests"].items()}
    assert (
        page_of(
            page, {**trust, "parts": {**trust["parts"], "promises": {**trust["parts"]["promises"], "tests": tests}}}
        )
        != page
    )

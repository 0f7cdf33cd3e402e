"""The page of promises, docs/reliability.md: its tests are run, and what was counted is put on it.

python -m experiments.torture.promises          # the page, of experiments/results/trust.json
python -m experiments.torture --only promises   # run the tests first, and note them there
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Mapping
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
TRUST = ROOT / "experiments" / "results" / "trust.json"
ROW = re.compile(r"(\| .* \| )((?:`[^`]+`[,;] )*`tests?[^`]+` \|)(?: [\d,]+ \|)?")
NAMED = re.compile(r"`(?:(?P<file>tests/[\w/]+\.py)(?:::)?)?(?P<test>test_\w+)?`")
BEGINS, ENDS = "<!-- the last full run -->\n", "<!-- end -->\n"


def run_promises() -> dict[str, Any]:
    """Run the tests that the page names; return how many passed, of each, and which failed."""
    files = sorted(set(re.findall(r"tests/[\w/]+\.py", PAGE.read_text(encoding="utf8"))))
    with tempfile.TemporaryDirectory() as room:
        results = Path(room) / "results.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not gpu", f"--junitxml={results}", *files]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
        cases = ElementTree.parse(results).getroot().iter("testcase")
    passed, failing = Counter[str](), list[str]()
    for case in cases:
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            failing.append(name)
        elif "skipped" not in outcomes:
            passed[name.partition("[")[0]] += 1
    print(f"tests of promises: {passed.total()} passed, failing: {failing}", flush=True)
    return {"passed": passed.total(), "failing": failing, "tests": dict(passed)}


def page_of(text: str, trust: Mapping[str, Any]) -> str:
    """Put the counts of a run on the page. RAISES (KeyError): if a test that it names did not pass in that run."""
    lines, file = [], ""
    for line in text.splitlines():
        row = ROW.fullmatch(line)
        if row:
            count = 0
            for named in NAMED.finditer(row[2]):
                file = named["file"] or file
                count += _passed(trust["parts"]["promises"]["tests"], file, named["test"])
            line = f"{row[1]}{row[2]} {count:,} |"
        lines.append(line)
    before, _, rest = "".join(line + "\n" for line in lines).partition(BEGINS)
    return before + BEGINS + _last_run(trust) + ENDS + rest.partition(ENDS)[2]


def _passed(tests: Mapping[str, int], file: str, test: str) -> int:
    if test:
        return tests[f"{file}::{test}"]
    found = sum(count for name, count in tests.items() if name.startswith(f"{file}::"))
    if not found:
        raise KeyError(file)
    return found


def _last_run(trust: Mapping[str, Any]) -> str:
    parts = trust["parts"]
    disks = [parts["disks"]["operations"], parts["disks"]["decisions"]]
    soak, pages, operations = parts["soak"], parts["pages"], parts["kills"]["operations"]
    edits, decisions = (parts["edits"]["kinds"][kind] for kind in ("edits", "decision files"))
    confirmed = operations["review"]["found"]["confirmed decisions that were looked for"]
    others = [name for name in operations if name.partition("SIG")[1]]
    signals = sum(sum(operations[name]["found"].values()) for name in others if "review" not in name)
    killed = sum(one["lost"] for one in operations.values())
    faults = f"{trust['silent_wrong']} silent wrong answers, {trust['hangs']} hangs, {trust['memory']} over the memory"
    rows = (
        ("kills", "kills", trust["kills"], f"{killed} lost; {confirmed:,} confirmed decisions were looked for"),
        (
            "signals (SIGINT, SIGTERM, SIGHUP)",
            "kills",
            signals,
            f"{sum(operations[one]['lost'] for one in others)} lost",
        ),
        ("broken inputs", "inputs", trust["fuzzed"], f"{trust['raw_tracebacks']} raw tracebacks, {faults}"),
        ("edits after indexing", "edits", sum(edits.values()), f"{edits.get('wrong', 0)} not noticed"),
        ("damaged files of decisions", "edits", sum(decisions.values()), f"{decisions.get('lost', 0)} with a loss"),
        (
            "disks full, limited, broken, read-only",
            "disks",
            sum(one["tried"] for one in disks),
            f"{sum(one['lost'] for one in disks)} lost, {sum(one['raw_tracebacks'] for one in disks)} raw tracebacks",
        ),
        ("pages in Chromium", "pages", pages["pages"], f"{pages['payloads']} payloads, {pages['faults']} faults"),
        (
            "requests in a soak",
            "soak",
            soak["requests"],
            f"of {soak['seconds']} seconds, beside {soak['documents']:,} explained documents: {soak['faults']} faults, "
            f"{soak['lost']} of {soak['confirmed']:,} confirmed decisions lost",
        ),
        (
            "tests of promises",
            "promises",
            parts["promises"]["passed"],
            f"{len(parts['promises']['failing'])} failing",
        ),
        ("cases", "cases", parts["cases"]["cases"], f"{len(parts['cases']['failing'])} failing"),
    )
    table = "".join(
        f"| {name} | {count:,} | {found} | {parts[part]['seed']}, {parts[part]['commit']} |\n"
        for name, part, count, found in rows
    )
    return f"\n| | count | what did not hold | seed and commit |\n| --- | ---: | --- | --- |\n{table}\n"


def write_page() -> None:
    """Put the counts on the page."""
    trust = json.loads(TRUST.read_text(encoding="utf8"))
    PAGE.write_text(page_of(PAGE.read_text(encoding="utf8"), trust), encoding="utf8")


if __name__ == "__main__":
    write_page()

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
from typing import Any, Callable, Mapping
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
Part = Mapping[str, Any]
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
        if row and "promises" in trust["parts"]:
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
    rows: list[tuple[str, str, int, str]] = []
    for part, counted in sorted(parts.items(), key=lambda item: list(ROWS).index(item[0])):
        rows += [(name, part, count, found) for name, count, found in ROWS[part](counted, trust)]
    table = "".join(
        f"| {name} | {count:,} | {found} | {parts[part]['seed']}, {parts[part]['commit']} |\n"
        for name, part, count, found in rows
    )
    missing = ", ".join(part for part in ROWS if part not in parts)
    note = f"Not recorded yet: {missing}.\n\n" if missing else ""
    return f"\n| | count | what did not hold | seed and commit |\n| --- | ---: | --- | --- |\n{table}\n{note}"


Rows = list[tuple[str, int, str]]


def _kills(part: Part, trust: Part) -> Rows:
    operations = part["operations"]
    lost = sum(one["lost"] for one in operations.values())
    confirmed = operations["review"]["found"]["confirmed decisions that were looked for"]
    others = [name for name in operations if name.partition("SIG")[1]]
    signals = sum(sum(operations[name]["found"].values()) for name in others if "review" not in name)
    said = f"{lost} lost; {confirmed:,} confirmed decisions were looked for"
    return [
        ("kills", trust["kills"], said),
        ("signals (SIGINT, SIGTERM, SIGHUP)", signals, f"{sum(operations[one]['lost'] for one in others)} lost"),
    ]


def _inputs(part: Part, trust: Part) -> Rows:
    faults = f"{trust['silent_wrong']} silent wrong answers, {trust['hangs']} hangs, {trust['memory']} over the memory"
    return [("broken inputs", trust["fuzzed"], f"{trust['raw_tracebacks']} raw tracebacks, {faults}")]


def _edits(part: Part, trust: Part) -> Rows:
    edits, decisions = (part["kinds"][kind] for kind in ("edits", "decision files"))
    return [
        ("edits after indexing", sum(edits.values()), f"{edits.get('wrong', 0)} not noticed"),
        ("damaged files of decisions", sum(decisions.values()), f"{decisions.get('lost', 0)} with a loss"),
    ]


def _disks(part: Part, trust: Part) -> Rows:
    both = [part["operations"], part["decisions"]]
    lost, raw = (sum(one[key] for one in both) for key in ("lost", "raw_tracebacks"))
    tried = sum(one["tried"] for one in both)
    return [("disks full, limited, broken, read-only", tried, f"{lost} lost, {raw} raw tracebacks")]


def _pages(part: Part, trust: Part) -> Rows:
    return [("pages in Chromium", part["pages"], f"{part['payloads']} payloads, {part['faults']} faults")]


def _soak(part: Part, trust: Part) -> Rows:
    said = (
        f"of {part['seconds']} seconds, beside {part['documents']:,} explained documents: {part['faults']} faults, "
        f"{part['lost']} of {part['confirmed']:,} confirmed decisions lost"
    )
    return [("requests in a soak", part["requests"], said)]


def _cases(part: Part, trust: Part) -> Rows:
    return [("cases", part["cases"], f"{len(part['failing'])} failing")]


def _promises(part: Part, trust: Part) -> Rows:
    return [("tests of promises", part["passed"], f"{len(part['failing'])} failing")]


ROWS: dict[str, Callable[[Part, Part], Rows]] = {
    "kills": _kills,
    "inputs": _inputs,
    "edits": _edits,
    "disks": _disks,
    "pages": _pages,
    "soak": _soak,
    "cases": _cases,
    "promises": _promises,
}


def write_page() -> None:
    """Put the counts on the page."""
    trust = json.loads(TRUST.read_text(encoding="utf8"))
    PAGE.write_text(page_of(PAGE.read_text(encoding="utf8"), trust), encoding="utf8")


if __name__ == "__main__":
    write_page()

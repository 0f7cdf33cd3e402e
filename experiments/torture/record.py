"""The record of parts that ran, each with its seed and commit, and the totals over all."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Mapping

from ..common.reporting import RESULTS, commit
from .fuzz import FAULTS, figures
from .promises import write_page

FILE = RESULTS / "trust.json"
PARTS = ("soak", "pages", "disks", "kills", "edits", "inputs", "cases", "promises")


def finish(found: Mapping[str, Mapping[str, Any]], seed: int, *, quick: bool, whole: bool) -> dict[str, Any]:
    """Print the totals as the last line; a full run also writes experiments/results/trust.json and the page.

    found (dict): what was counted, by part. whole (bool): whether these are all parts; else the others stay.
    """
    stamp = {"seed": seed, "commit": commit()}
    parts = {} if quick or whole or not FILE.exists() else json.loads(FILE.read_text(encoding="utf8"))["parts"]
    parts.update({part: {**counted, **stamp} for part, counted in found.items()})
    record = {**totals(parts), "quick": quick, "parts": parts}
    if not quick:
        FILE.write_text(json.dumps(record, indent=2) + "\n", encoding="utf8")
        write_page()
    print(json.dumps(record))
    return record


def totals(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up what did not hold over the parts that ran."""
    inputs, edits = (
        sum((Counter(kind) for kind in parts[part]["kinds"].values()), Counter[str]()) if part in parts else Counter()
        for part in ("inputs", "edits")
    )
    operations = parts["kills"]["operations"].values() if "kills" in parts else ()
    disks = [parts["disks"][one] for one in ("operations", "decisions")] if "disks" in parts else []
    soaked = [parts["soak"]] if "soak" in parts else []
    both = inputs + edits
    return {
        "kills": sum(one["kills"] for one in operations),
        "lost": sum(one["lost"] for one in [*operations, *disks, *soaked]) + both["lost"],
        **figures(both),
        "fuzzed": inputs.total(),
        "raw_tracebacks": figures(both)["raw_tracebacks"] + sum(one["raw_tracebacks"] for one in disks),
        "faults": {fault: both[fault] for fault in FAULTS if both[fault]},
        "cases_failing": len(parts["cases"]["failing"]) if "cases" in parts else None,
    }


def failed(record: Mapping[str, Any]) -> bool:
    """Say whether anything did not hold."""
    parts = record["parts"]
    acted = [parts[part]["faults"] for part in ("soak", "pages") if part in parts]
    failing = [one for part in ("cases", "promises") for one in parts.get(part, {}).get("failing", ())]
    return bool(record["lost"] or record["raw_tracebacks"] or record["faults"] or failing or any(acted))

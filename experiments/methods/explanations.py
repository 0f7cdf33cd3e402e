"""Put the figures of the experiments on explanations together: experiments/results/explanations.json.

    python -m experiments.methods.explanations

Reads what the single experiments wrote (families, joint, flips, retrained_families, diagnosis, reading, search) and
names those that are missing; a figure that was not measured is null.
"""

from __future__ import annotations

import json
from typing import Any

from ..common.reporting import RESULTS, commit

# key: file and the path in it
FIGURES: dict[str, tuple[str, str]] = {
    "account_error": ("families", "account_error"),
    "account_error_float64": ("families", "account_error_float64"),
    "first_family_is_culprit": ("families", "first_family_is_culprit"),
    "first_family_purity": ("families", "first_family_purity"),
    "stability": ("families", "stability"),
    "joint_pearson": ("joint_embedded", "refined_pearson"),
    "joint_slope": ("joint_embedded", "refined_slope"),
    "flip_confirmed": ("flips_embedded", "flip_confirmed"),
    "flip_found": ("flips_embedded", "flip_found"),
    "flip_size_ratio": ("flips_embedded", "flip_size_ratio"),
    "flip_retrained": ("retrained_families", "family_minus_nearest"),
    "diagnosis_right_min": ("diagnosis_wikigold", "diagnosis_right_min"),
    "useful_families": ("reading", "useful_families"),
    "useful_effects": ("reading", "useful_effects"),
    "useful_neighbours": ("reading", "useful_neighbours"),
    "pipe_overhead_exact": ("search", "pipe_overhead_exact"),
}


def main() -> None:
    figures: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for key, (name, field) in FIGURES.items():
        path = RESULTS / f"{name}.json"
        found = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
        figures[key] = found.get(field)
        sources[name] = found.get("commit", "not measured")
    record = {**figures, "commits": sources, "quick": False, "commit": commit()}
    (RESULTS / "explanations.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf8")
    print(json.dumps(record))


if __name__ == "__main__":
    main()

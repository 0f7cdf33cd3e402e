"""Right numbers, an unharmed tagger, the same answer to everybody: all parts of it, one after another.

    OMP_NUM_THREADS=1 python -m experiments.right.run --data DIR [--quick] [--collect]

Each part is a command of its own and writes its own result; ``--collect`` puts results that are there together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ..common.reporting import RESULTS, finish, print_table

PARTS = ("right_effects", "right_harm", "right_threads", "right_features", "right_memory")
WITH_DATA = ("right_effects", "right_harm")
KEYS = {
    "right_effects": ("effects_pearson_min", "effects_slope_min", "effects_slope_max", "effects_signs_min"),
    "right_harm": ("f1_loss_mean", "f1_loss_interval", "f1_loss_worst", "agreement_min", "attach_agreement_min"),
    "right_threads": ("threads_wrong", "requests"),
    "right_features": ("feature_error_max",),
    "right_memory": ("peak_gb_200_types", "peak_gb_60x400"),
}


def main() -> None:
    quick, collect = "--quick" in sys.argv, "--collect" in sys.argv
    for part in () if collect else PARTS:
        command = [
            sys.executable,
            "-m",
            f"experiments.right.{part.removeprefix('right_')}",
            *(["--quick"] if quick else []),
        ]
        if part in WITH_DATA and "--data" in sys.argv:
            command += ["--data", sys.argv[sys.argv.index("--data") + 1]]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if quick:  # its parts have printed their figures, and written nothing
        return
    results = {part: json.loads((RESULTS / f"{part}.json").read_text(encoding="utf8")) for part in PARTS}
    figures = {key: results[part][key] for part, keys in KEYS.items() for key in keys}
    figures["commits"] = {part: result["commit"] for part, result in results.items()}
    print_table(("figure", "value"), [(key, json.dumps(value)) for key, value in figures.items()])
    finish("right", figures, quick=False, rows=sum(result["rows"] for result in results.values()), seeds=[0, 1, 2])


if __name__ == "__main__":
    main()

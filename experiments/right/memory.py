"""Peak resident memory of indexing large label sets: 200 entity types, with one long document, and 60 types with 400
features. Each is indexed by a process of its own (``many_labels.py``), whose whole memory counts.

python -m experiments.right.memory
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import Any

from ..common.reporting import finish, one_thread, parse_arguments, print_table

# Entity types, features, documents, tokens of the longest one.
SIZES = {"200_types": (200, 96, 300, 2000), "60x400": (60, 400, 300, 2000)}
QUICK_SIZES = {"200_types": (200, 32, 10, 100), "60x400": (60, 400, 10, 100)}


def measure(types: int, width: int, documents: int, longest: int) -> dict[str, Any]:
    """Index such a corpus; return bytes and seconds, by name."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "experiments.right.many_labels",
            folder,
            *map(str, (types, width, documents, longest)),
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def memory_of_large_label_sets(*, quick: bool = False) -> dict[str, float]:
    """Measure all sizes: peaks and estimates in GB, seconds of the processor."""
    result = {}
    for name, size in (QUICK_SIZES if quick else SIZES).items():
        found = measure(*size)
        result[f"peak_gb_{name}"] = found["peak"] / 1e9
        result[f"estimate_gb_{name}"] = (found["before"] + found["estimate"]) / 1e9
        result[f"disk_gb_{name}"] = found["disk"] / 1e9
        result[f"seconds_{name}"] = found["seconds"]
    return result


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    figures = memory_of_large_label_sets(quick=arguments.quick)
    print_table(["figure", "value"], list(figures.items()))
    sizes = QUICK_SIZES if arguments.quick else SIZES
    finish("right_memory", figures, quick=arguments.quick, rows=sum(size[2] for size in sizes.values()), seeds=[0])


if __name__ == "__main__":
    main()

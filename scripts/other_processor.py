"""Print a type of processor (OPENBLAS_CORETYPE) that this machine does not choose itself, but can run.

numpy and scipy each bring an OpenBLAS with routines for every type, and a factorisation may fail under one only.
"""

import os
import subprocess
import sys
from typing import Optional

TYPES = ("SkylakeX", "Haswell", "Zen", "Nehalem")
PROBE = """
import numpy, scipy.linalg, threadpoolctl
square = numpy.eye(300) + numpy.random.default_rng(0).random((300, 300)) / 1000
scipy.linalg.solve(square, square @ square), numpy.linalg.inv(square)
print(*sorted({found["architecture"] for found in threadpoolctl.threadpool_info() if "architecture" in found}))
"""


def architecture(coretype: Optional[str]) -> Optional[str]:
    """Return what OpenBLAS uses if it is told a type; None if this machine can't run it."""
    environment = {**os.environ, **({} if coretype is None else {"OPENBLAS_CORETYPE": coretype})}
    probe = subprocess.run([sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True)
    return probe.stdout.strip() if probe.returncode == 0 else None


if __name__ == "__main__":
    os.environ.pop("OPENBLAS_CORETYPE", None)
    own = architecture(None)
    print(next((name for name in TYPES if architecture(name) not in (None, own)), ""))

"""Ask the package index which versions of Python every pinned package can be installed on, as a binary.

python scripts/python_versions.py        # those that setup.cfg names; prints a table (Markdown)
python scripts/python_versions.py 3.10   # others

Nothing is installed, but what has to be looked into is downloaded: some minutes, and some gigabytes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# Tags of wheels that a current system takes, beside "any".
SYSTEMS = {
    "Linux, x86-64": (
        "manylinux_2_28_x86_64",
        "manylinux_2_27_x86_64",
        "manylinux_2_17_x86_64",
        "manylinux2014_x86_64",
    ),
    "macOS, arm64": tuple(f"macosx_{number}_0_arm64" for number in (14, 13, 12, 11)) + ("macosx_11_0_universal2",),
    "Windows, x86-64": ("win_amd64",),
}
MISSING = re.compile(r"No matching distribution found for (\S+)")


def missing(pins: Sequence[str], version: str, tags: Sequence[str]) -> Iterator[str]:
    """Yield the pins that have no wheel for a version of Python on a system. pip names one at a time.

    RAISES (RuntimeError): if pip ends for another reason.
    """
    left = list(pins)
    while True:
        found = _refused(left, version, tags)
        if found is None:
            return
        left.remove(found)
        yield found


def pinned() -> list[str]:
    """List the pins of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _refused(pins: Sequence[str], version: str, tags: Sequence[str]) -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed"]
        command += ["--only-binary=:all:", "--target", folder, "--implementation", "cp", "--python-version", version]
        command += [part for tag in tags for part in ("--platform", tag)]
        done = subprocess.run([*command, *pins], capture_output=True, text=True)
    if done.returncode == 0:
        return None
    named = MISSING.search(done.stderr)
    if named is None or named[1] not in pins:
        raise RuntimeError(done.stderr)
    return named[1]


def main(versions: Sequence[str]) -> None:
    """Print the table, row by row."""
    print(f"| Python | {' | '.join(SYSTEMS)} |\n| --- | {' | '.join('---' for _ in SYSTEMS)} |")
    for version in versions:
        cells = [", ".join(missing(pinned(), version, tags)) for tags in SYSTEMS.values()]
        print(f"| {version} | {' | '.join(f'lacks {cell}' if cell else 'every pin' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or VERSIONS)

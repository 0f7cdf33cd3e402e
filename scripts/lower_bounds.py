"""Run the tests of the CRF and of indexes with the lowest versions that setup.cfg permits, in an environment of their
own: python scripts/lower_bounds.py FOLDER. It prints the versions that were tested."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ["tests/crf", "tests/cli/test_index.py"]
ALSO = ["hypothesis", "pytest", "setuptools>=68"]


def lowest_versions() -> list[str]:
    """Return the requirements of setup.cfg, each at its lower bound."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf8")
    required = settings["options"]["install_requires"].split()
    return [re.sub(r">=([^,]+).*", r"==\1", one) for one in required]


def main() -> None:
    folder = Path(sys.argv[1]).absolute()
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    lowest = lowest_versions()
    print("Lower bounds:", *lowest, flush=True)
    install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, *lowest, *ALSO], check=True)
    subprocess.run([*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], check=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    sys.exit(subprocess.run([python, "-m", "pytest", "-q", *TESTS], cwd=ROOT, env=environment).returncode)


if __name__ == "__main__":
    main()

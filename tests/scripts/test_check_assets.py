"""Missing and wrong private files are named, with their checksum and where they come from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import srsly

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def project(tmp_path):
    assets = [
        {
            "dest": f"assets/private/{name}.gz",
            "checksum": hashlib.md5(name.encode()).hexdigest(),
            "description": f"From the owners of {name}.",
        }
        for name in ("one", "two")
    ]
    assets.append({"dest": "assets/private/big.tar", "checksum": "0", "git": {"repo": "x", "branch": "y", "path": "z"}})
    srsly.write_yaml(tmp_path / "project.yml", {"assets": assets})
    (tmp_path / "assets" / "private").mkdir(parents=True)
    return tmp_path


def check(project, *arguments):
    command = [sys.executable, "scripts/check_assets.py", "--project", str(project / "project.yml"), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_missing_and_wrong_files(project):
    (project / "assets" / "private" / "two.gz").write_bytes(b"three")
    code, said = check(project)
    assert code == 1 and "big.tar" not in said
    assert f"one.gz: missing. Expected MD5: {hashlib.md5(b'one').hexdigest()}" in said and "owners of one" in said
    assert f"two.gz: another file (its MD5 is {hashlib.md5(b'three').hexdigest()})" in said and "owners of two" in said
    code, said = check(project, "assets/other")
    assert code == 1 and "no private files under assets/other" in said


def test_right_files(project):
    for name in ("one", "two"):
        (project / "assets" / "private" / f"{name}.gz").write_bytes(name.encode())
    code, said = check(project)
    assert code == 0 and "2 private files are there" in said


def test_the_project_has_private_files():
    assets = srsly.read_yaml(ROOT / "project.yml")["assets"]
    private = [asset for asset in assets if "git" not in asset]
    assert len(private) == 7 and all(asset["checksum"] and asset["description"] for asset in private)

"""What is installed: all of the package and its data, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the repository, in which nothing was built before, and the files of the package by name."""
    pytest.importorskip("build")
    tree = tmp_path_factory.mktemp("package") / "tree"
    unwanted = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build", "results", "cache", "training")
    tree.mkdir()
    for folder in ("spacy_seginf", "tests", "experiments", "assets", "configs", "docs", "scripts"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=unwanted)
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", str(tree)], check=True, capture_output=True)
    return tree


def package_files():
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "spacy_seginf").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_the_wheel(tree):
    (wheel,) = (tree / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    info = {name for name in names if ".dist-info/" in name}
    assert names - info == package_files()
    assert {Path(name).name for name in info} >= {"METADATA", "entry_points.txt", "LICENSE"}


@pytest.mark.slow
def test_the_source_distribution(tree):
    (archive,) = (tree / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {member.name.partition("/")[2] for member in packed.getmembers() if member.isfile()}
    assert names >= package_files() | set(FILES)
    assert {name.partition("/")[0] for name in names} <= {*FILES, "spacy_seginf", "spacy_seginf.egg-info", "PKG-INFO"}


@pytest.mark.slow
def test_an_editable_install_is_a_path(tree, tmp_path):
    """Editors and type checkers follow a path, and not a finder that is imported."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--target", str(tmp_path), "--editable", str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.pth")
    assert Path(path.read_text(encoding="utf8").strip()) == tree

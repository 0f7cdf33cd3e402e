"""Workflows and hooks run what people run, with the versions of Python that the package names."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

from scripts import python_versions

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf8")


def versions():
    """The versions of Python that setup.cfg names."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    return re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"]), setup["options"]["python_requires"]


def jobs(path):
    return yaml.safe_load(path.read_text(encoding="utf8"))["jobs"]


def test_there_are_workflows_for_tests_documentation_and_wheel():
    assert [path.stem for path in WORKFLOWS] == ["docs", "tests", "wheel"]


def test_tests_run_with_every_version_on_every_system():
    matrix = jobs(ROOT / ".github" / "workflows" / "tests.yml")["fast"]["strategy"]["matrix"]
    named, lowest = versions()
    assert matrix["python"] == named == list(python_versions.VERSIONS) and lowest == f">={named[0]}"
    table = (ROOT / "docs" / "installation.md").read_text(encoding="utf8")
    assert re.findall(r"^\| (3\.\d+) \|", table, re.MULTILINE) == named
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_commands_of_workflows_exist(path):
    lines = [step["run"] for job in jobs(path).values() for step in job["steps"] if "run" in step]
    assert lines
    for target in re.findall(r"\bmake (\S+)", "\n".join(lines)):
        assert f"\n{target}:" in MAKEFILE
    for file in re.findall(r"(?:-c|-r) (\S+)", "\n".join(lines)):
        assert file.startswith('"') or (ROOT / file).is_file(), file


def test_hooks_run_what_lint_runs():
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf8"))["repos"]
    hooks = [hook["entry"].replace("python", "$(RUN)", 1) for hook in local["hooks"]]
    recipe = MAKEFILE.partition("\nlint: ")[2].partition("\n\n")[0]
    assert [line.strip() for line in recipe.splitlines()[1:]] == hooks

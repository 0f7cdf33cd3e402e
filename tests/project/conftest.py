"""A copy of the repository in which project workflows can run without touching it."""

from __future__ import annotations

import gzip
import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PARTS = ["assets", "configs", "scripts", "spacy_seginf", "experiments", "project.yml", "README.md"]


def copy_project(target: Path) -> Path:
    target.mkdir(parents=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__", "private", "cache")
            )
        else:
            shutil.copy(ROOT / part, target / part)
    return target


@dataclass
class FirstSteps:
    """Where docs/quickstart.md ends. done: its commands; pages: those whose examples were run since."""

    root: Path
    done: set[str]
    pages: set[str] = field(default_factory=set)


@pytest.fixture(scope="session")
def first_steps(tmp_path_factory):
    """A copy of the repository in which the commands of First steps were run."""
    from ..docs.blocks import PAGES, blocks_of

    root = copy_project(tmp_path_factory.mktemp("first") / "steps")
    commands = [one for block in blocks_of(PAGES["quickstart"]) if block.kind == "bash" for one in block.commands]
    for command in commands:
        subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=root, check=True, capture_output=True)
    return FirstSteps(root, set(commands))


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory):
    """The whole workflow `all`, run once with its own settings."""
    from spacy.cli.project.run import project_run

    root = copy_project(tmp_path_factory.mktemp("project") / "all")
    project_run(root, "all", capture=True)
    return root


@pytest.fixture
def private_project(tmp_path):
    """A copy whose private corpus is made of the beginnings of some embedded documents."""
    root = copy_project(tmp_path / "project")
    folder = root / "assets" / "private" / "conll2003"
    folder.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        with gzip.open(root / "assets" / "corpus" / f"{split}.jsonl.gz", "rt", encoding="utf8") as lines:
            records = [json.loads(line) for line, _ in zip(lines, range(12))]
        with gzip.open(folder / f"{split}.jsonl.gz", "wt", encoding="utf8") as output:
            for record in records:
                short = {key: record[key][:40] for key in ("tokens", "labels")}
                output.write(json.dumps({"id": record["id"], **short}) + "\n")
    return root

"""What the README shows is what happens: its config is the shipped one, its commands run, its output is real."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from .conftest import ROOT, copy_project

README = (ROOT / "README.md").read_text(encoding="utf8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf8")  # goes on from it
LINES = 250  # that somebody reads before the first try


def blocks(language, page=README):
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def test_config_is_part_of_the_shipped_one():
    shipped = (ROOT / "configs" / "cnn.cfg").read_text(encoding="utf8")
    for section in "".join(blocks("ini")).strip().split("\n\n"):
        assert section in shipped


def test_files_and_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf8")
    assert len(README.splitlines()) <= LINES
    for target in re.findall(r"\$ make (\S+)", README + GUIDE):
        assert f"\n{target}:" in makefile
    for path in re.findall(r"(?:configs|scripts|experiments|docs|assets)/[\w./]+\w", README + GUIDE):
        assert (ROOT / path).exists() or "private" in path, path


@pytest.mark.slow
def test_commands_and_example(tmp_path):
    root = copy_project(tmp_path / "project")
    for block in blocks("bash") + blocks("bash", GUIDE):
        for line in block.splitlines():
            command = shlex.split(line)
            assert command[0] == "python"
            subprocess.run([sys.executable, *command[1:]], cwd=root, check=True, capture_output=True)
    code = "".join(blocks("python"))  # one program, shown in parts
    (shown,) = blocks("text")
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)

    def entities(output):
        return [line.split(" (p =")[0] for line in output.splitlines() if " (p =" in line]

    # Scores may differ in their last digits between processors; what is found may not.
    assert entities(done.stdout) == entities(shown)
    lines = [line for line in done.stdout.splitlines() if line.startswith(" ")]
    assert lines and all(re.match(r"  (supports \+|opposes -)\S+  .*\[.+\].*$", line) for line in lines)
    assert any(line.endswith(" without it") for line in lines)
    assert any(re.match(r"\S+: .+ from \S+ to \S+: 0\.\d{3}$", line) for line in done.stdout.splitlines())

"""Every block of code in README and documentation is what its fence says it is; see CONTRIBUTING.md."""

from __future__ import annotations

import configparser
import json
import re
import shlex

import pytest
import typer
import yaml
from spacy.util import registry

from spacy_seginf.cli import seginf

from ..project.conftest import ROOT
from .blocks import BLOCKS, PAGES, blocks_of

COMMANDS = typer.main.get_command(seginf).commands
CALLS = ("python", "pip", "make", ".venv/bin/python", ".venv/bin/pre-commit", ".", "export")
OUTPUT = re.compile(r"\bone machine\b|\bprinted\b")


def of(*kinds):
    return [pytest.param(block, id=f"{block.page}-{block.line}") for block in BLOCKS if block.kind in kinds]


def test_all_kinds_are_known():
    kinds = {block.kind for block in BLOCKS}
    assert kinds <= {"bash", "python", "console", "text", "ini", "yaml", "json", "math", "sh"}
    assert {"bash", "python", "console", "text", "ini"} <= kinds


def test_every_fence_is_a_block():
    for path in PAGES.values():
        fences = re.findall(r"^ *```", path.read_text(encoding="utf8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks_of(path)), path.name


@pytest.mark.parametrize("block", of("python"))
def test_python_compiles(block):
    compile(block.code, block.page, "exec")


@pytest.mark.parametrize("block", of("bash", "console"))
def test_commands_are_those_that_there_are(block):
    """What can't be run at least has the arguments and options that the commands have."""
    for command in block.commands:
        words = shlex.split(command)
        assert words[0] in CALLS, command
        if words[:4] == ["python", "-m", "spacy", "seginf"] and words[4] != "--help":
            COMMANDS[words[4]].make_context(words[4], words[5:])
        for name in re.findall(r"^make (\S+)", command):
            assert f"\n{name}:" in (ROOT / "Makefile").read_text(encoding="utf8")


@pytest.mark.parametrize("block", of("console"))
def test_commands_and_output_are_told_apart(block):
    lines = block.code.splitlines()
    assert lines[0].startswith("$ ") or OUTPUT.search(block.before), "say that it is the output of one machine"


@pytest.mark.parametrize("block", of("text"))
def test_output_says_so(block):
    assert OUTPUT.search(block.before), "say that it is the output of one machine"


@pytest.mark.parametrize("block", of("ini", "yaml", "json"))
def test_data_can_be_read(block):
    if block.kind == "ini":
        parser = configparser.ConfigParser(delimiters="=", interpolation=None)
        parser.optionxform = str
        parser.read_string(block.code)
        for section in parser.sections():
            for name, value in parser[section].items():
                if name.startswith("@") and "my_package" not in value:
                    assert registry.has(name[1:], json.loads(value)), value
    elif block.kind == "yaml":
        assert yaml.safe_load(block.code)
    else:
        assert all(json.loads(line) for line in block.code.splitlines())


def test_what_would_be_wrong_is_seen():
    """Commands that there are not, and blocks that nobody runs without a reason."""
    text = "```bash\npython -m spacy seginf rank a b --nothing\n```\n\n<!-- not run: no reason -->\n```sh\nx\n```\n"
    first, second = blocks_of(ROOT / "README.md", text)
    assert second.left_out and not first.left_out
    with pytest.raises(Exception, match="nothing"):
        COMMANDS["rank"].make_context("rank", shlex.split(first.commands[0])[5:])

"""The reference says what there is: every command, option, setting, score, method and error code."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from scripts import commands_page, config_page, errors_page
from spacy_seginf import errors
from spacy_seginf.cli import seginf
from spacy_seginf.curation.scores import SCORES

from ..project.conftest import ROOT

DOCS = ROOT / "docs"
MADE = {"commands": commands_page.page, "config": config_page.page, "errors": errors_page.page}
COMMANDS = typer.main.get_command(seginf).commands


def read(name):
    return (DOCS / f"{name}.md").read_text(encoding="utf8")


def part(text, heading):
    """What stands behind a heading, up to the next one of its level."""
    return text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_not_stale(name):
    assert read(name) == MADE[name](), f"run: python -m scripts.{name}_page docs/{name}.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_is_in_the_reference(name):
    page = read("commands")
    shown = part(page, f"`seginf {name}`")
    if "reading a corpus](#reading-a-corpus)" in shown:
        shown += part(page, "Reading a corpus")
    parameters = [one for one in COMMANDS[name].params if not one.hidden]
    assert parameters and shown.count("```console") == 1
    for one in parameters:
        names = [*one.opts, *one.secondary_opts] if one.param_type_name == "option" else [one.name.upper()]
        for written in names:
            assert re.search(rf"^\| `[^`]*{re.escape(written)}\b", shown, re.MULTILINE), written


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_can_be_parsed(name):
    for arguments in commands_page.EXAMPLES[name]:
        COMMANDS[name].make_context(name, shlex.split(arguments))


def test_there_are_no_other_examples():
    assert set(commands_page.EXAMPLES) == set(commands_page.MORE) == set(COMMANDS)


def test_every_code_has_a_paragraph():
    page = read("errors")
    codes = [code for kind in (errors.Errors, errors.Warnings) for code in vars(kind) if re.match(r"[SW]\d", code)]
    assert len(codes) > 200
    for code in codes:
        assert re.search(rf"^### {code}\n\n\S.{{20}}", page, re.MULTILINE), code
    assert len(re.findall(r"^### ", page, re.MULTILINE)) == len(codes)


def test_fields_of_messages_are_marked_and_nothing_else():
    shown = errors_page._shown("{path} has max_length `{name:.1e} x_y` <b>")
    assert shown == "*{path}* has max\\_length `name x_y` &lt;b&gt;"


def test_every_score_is_described():
    rows = dict(re.findall(r"^\| (`[^|]+`) \| (\w+) \|", read("scores"), re.MULTILINE))
    described = {name: level for names, level in rows.items() for name in re.findall(r"`(\w+)`", names)}
    assert described == {name: score.level for name, score in SCORES.items()}

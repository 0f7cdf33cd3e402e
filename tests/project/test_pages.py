"""What README and documentation show is what happens: their commands and programs run, where First steps end."""

from __future__ import annotations

import json
import os
import re

import pytest
from PIL import Image

from scripts.notebook import page
from scripts.notebook import run as run_notebook
from scripts.pictures import main

from ..browsers import CHROMIUM
from ..docs.blocks import PAGES, blocks_of
from ..docs.running import program, run
from .conftest import ROOT

LINES = 200  # that somebody reads before the first try
NOTEBOOK = ROOT / "docs" / "tutorials" / "debugging.ipynb"
FIRST = "quickstart"
# Pages whose examples begin where others end.
NEEDS = {"curation": ("cleaning",)}
PHOTOGRAPHED = ("effects", "cleaning")  # and First steps: these pages make what screenshots show
WITHOUT = {FIRST, "README", NOTEBOOK.stem}  # they have tests of their own
RUN = [
    name
    for name, path in PAGES.items()
    if name not in WITHOUT and any(block.kind in ("bash", "python") and not block.left_out for block in blocks_of(path))
]


def readme():
    return PAGES["README"].read_text(encoding="utf8")


def test_config_is_part_of_the_shipped_one():
    shipped = (ROOT / "configs" / "cnn.cfg").read_text(encoding="utf8")
    (block,) = [block for block in blocks_of(PAGES[FIRST]) if block.kind == "ini"]
    for section in block.code.strip().split("\n\n"):
        assert section in shipped


def test_files_exist():
    assert len(readme().splitlines()) <= LINES
    for name in PAGES:
        text = PAGES[name].read_text(encoding="utf8")
        for path in re.findall(r"(?<![\w/.])(?:configs|scripts|experiments|docs|assets)/[\w./]+\w", text):
            there = (ROOT / path).exists() or (ROOT / "docs" / path).exists()  # the latter of links between pages
            assert there or "private" in path or name == "projects", f"{name}: {path}"


def test_pages_with_code_are_run():
    assert {"guide", "targets", "methods", "cleaning", "comparing", "scores"} <= set(RUN)


def test_what_a_page_runs():
    first, *_ = blocks_of(ROOT / "README.md", "```bash\npython a.py\npython b.py --x 'y z'\n```\n")
    assert program([first], done={"python a.py"}).endswith("_run(*['b.py', '--x', 'y z'])\n")


def test_the_page_of_the_notebook_is_not_stale():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf8"))
    again = "run: python -m scripts.notebook docs/tutorials/debugging.ipynb"
    assert NOTEBOOK.with_suffix(".md").read_text(encoding="utf8") == page(notebook, NOTEBOOK.name), again


def test_cells_of_a_notebook(tmp_path, monkeypatch):
    """What is printed and the last value come out, and names stay from cell to cell."""
    cells = [("markdown", "# A"), ("code", "x = 2\nprint(x)\nx + 1"), ("code", "y = x")]
    notebook = {"cells": [{"cell_type": kind, "source": [text], "outputs": []} for kind, text in cells]}
    found = run_notebook(notebook)
    assert "```text\n2\n3\n```" in page(found, "a.ipynb")
    assert found["cells"][2]["outputs"] == [] and found["cells"][2]["execution_count"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", (FIRST, "README"))
def test_examples_print_what_is_shown(name, first_steps):
    printed = run(blocks_of(PAGES[name]), first_steps.root, first_steps.done)
    (shown,) = [block.code for block in blocks_of(PAGES[name]) if block.kind == "text"]

    def entities(output):
        return [line.split(" (p =")[0] for line in output.splitlines() if " (p =" in line]

    # Scores may differ in their last digits between processors; what is found may not.
    assert entities(printed) == entities(shown)
    lines = [line for line in printed.splitlines() if re.match(r"  (supports|opposes) [+-]", line)]
    assert lines and any(line.endswith(" without it") for line in lines)
    assert all(line.startswith(("  supports +", "  opposes -")) for line in lines)
    if name == FIRST:
        assert any(re.match(r"\S+: .+ from \S+ to \S+: 0\.\d{3}$", line) for line in printed.splitlines())


def run_once(names, first_steps):
    for name in names:
        if name not in first_steps.pages:
            run(blocks_of(PAGES[name]), first_steps.root, first_steps.done)
            first_steps.pages.add(name)


def size_of(picture):
    with Image.open(picture) as opened:
        return opened.size


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN)
def test_a_page_runs(name, first_steps):
    run_once((*NEEDS.get(name, ()), name), first_steps)


@pytest.mark.slow
def test_screenshots_can_be_taken_again(first_steps, tmp_path):
    screenshots = pytest.importorskip("scripts.screenshots", reason="needs playwright")
    if not CHROMIUM.exists() and not os.environ.get("CI"):
        pytest.skip("needs chromium")
    run_once(PHOTOGRAPHED, first_steps)
    screenshots.photograph(first_steps.root / "reports", tmp_path)
    for name in screenshots.PICTURES:
        new, shown = (folder / f"{name}.png" for folder in (tmp_path, ROOT / "docs" / "pictures"))
        assert size_of(new) == size_of(shown)
        with Image.open(new) as picture:
            assert len(picture.getcolors()) > 10


def test_pictures_of_the_mathematics_are_drawn(tmp_path):
    main(tmp_path)
    for path in tmp_path.iterdir():
        assert size_of(path) == size_of(ROOT / "docs" / "pictures" / path.name)
        assert f"pictures/{path.name})" in PAGES["mathematics"].read_text("utf8")


@pytest.mark.slow
def test_the_notebook_runs(first_steps, monkeypatch):
    monkeypatch.chdir(first_steps.root)
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf8"))
    found = [cell["outputs"] for cell in run_notebook(notebook)["cells"] if cell["cell_type"] == "code"]
    kept = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [bool(outputs) for outputs in found] == [bool(outputs) for outputs in kept]
    lines = "".join(found[-1][0]["text"]).splitlines()
    f1 = [re.findall(r"\d\.\d+", line)[1:] for line in lines[:2]]
    assert sum(float(corrected) for _, corrected in f1) > sum(float(unchanged) for unchanged, _ in f1)
    assert [line.split()[:2] for line in lines[2:]] == [["Hull", "ORG"], ["Lyon", "LOC"]]

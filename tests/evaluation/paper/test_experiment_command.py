"""`python -m experiments run` and `experiments`, with an experiment of another package."""

from __future__ import annotations

import json

import pytest

from ...cli.running import run_experiments
from .toy_experiment import registered

BLOCK = '[experiment]\n@misc = "tests.Toy.v1"\nseeds = [1,2,3]\ntext = "plain"\n'


@pytest.fixture
def experiment(tmp_path):
    """Run the command; return the exit code, what was printed, and toy.json."""

    def call(*arguments, block=BLOCK, name="toy"):
        config = tmp_path / f"{name}.cfg"
        config.write_text(block, encoding="utf8")
        output = tmp_path / "results"
        code, printed = run_experiments("run", config, output, *arguments)
        path = output / f"{name}.json"
        return code, printed, json.loads(path.read_text()) if path.exists() else None

    with registered():
        yield call


def write_page(tmp_path, text="page"):
    code, printed = run_experiments("page", tmp_path / "results", tmp_path / text / "experiments.md")
    return code, printed, tmp_path / text / "experiments.md"


def test_a_table_and_a_file(experiment, tmp_path):
    code, printed, report = experiment()
    assert code == 0, printed
    row = report["rows"]["doubled"]
    assert (row["measured"]["mean"], row["by_seed"], row["published"], row["reached"]) == (4.0, [2, 4, 6], 3.5, True)
    assert (tmp_path / "results" / "toy" / "doubled.png").exists()
    for shown in ("measured", "95 % interval", "2.000, 4.000, 6.000", "3.500", "0.500", "Twice."):
        assert shown in printed
    quiet = experiment("--quiet")
    assert quiet[:2] == (0, "") and quiet[2] == report


@pytest.mark.parametrize(
    "given,seeds",
    [("0,1", [0, 1]), ("[5,6]", [5, 6]), ("7", [7])],
)
def test_settings_can_be_overridden(experiment, given, seeds):
    code, printed, report = experiment("--experiment.seeds", given, "--experiment.text=other, words")
    assert code == 0, printed
    assert report["facts"]["seeds"] == seeds
    assert report["title"] == "other, words"


def test_code_registers_another(experiment, tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(
        "from spacy.util import registry\nfrom tests.evaluation.paper.toy_experiment import Toy\n"
        'registry.misc.register("tests.Mine.v1", func=Toy)\n'
    )
    status, printed, report = experiment("--code", code, block='[experiment]\n@misc = "tests.Mine.v1"\n')
    assert status == 0, printed
    assert report["title"] == "plain"


@pytest.mark.parametrize(
    "block,arguments,words",
    [
        ("[other]\n", (), "S131 no @misc"),
        ('[experiment]\n@misc = "tests.Unknown.v1"\n', (), "S131 tests.Unknown.v1"),
        ('[experiment]\n@misc = "tests.NoExperiment.v1"\n', (), "S131 returns a int"),
        ('[experiment]\n@misc = "tests.Toy.v1"\nunknown = 3\n', (), "S131 unknown"),
        (BLOCK, ("--experiment.seeds", "[]"), "S132 seeds"),
        (BLOCK, ("--experiment.seeds", "zero"), "S131 seeds"),
        (BLOCK, ("--other.seeds", "1"), "S131 other"),
    ],
)
def test_unusable_configs(experiment, block, arguments, words):
    code, printed, report = experiment(*arguments, block=block)
    assert code == 1
    assert report is None
    for word in words.split():
        assert word in printed


def test_no_config(tmp_path):
    code, printed = run_experiments("run", tmp_path / "none.cfg", tmp_path)
    assert code == 1 and "S040" in printed


def test_a_page(experiment, tmp_path):
    experiment(name="first")
    experiment("--experiment.text", "a|b <script>x</script> & [c]\u202e", name="second")
    code, printed, page = write_page(tmp_path)
    assert code == 0, printed
    text = page.read_text(encoding="utf8")
    assert "goal" not in text.lower()
    assert "![plain](experiments/first_doubled.png)" in text
    for name in ("first", "second"):
        assert (page.parent / "experiments" / f"{name}_doubled.png").read_bytes() == b"picture"
    assert "<script" not in text and "\u202e" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("| a")]
    assert line.startswith("| a\\|b &lt;script>x&lt;/script> &amp; [c]\\\\u202e | 4.000 |")
    assert "took 4.0 hours" in text
    assert "no proof" in text and "## Limitations" in text


def test_a_figure_is_missing(experiment, tmp_path):
    experiment()
    (tmp_path / "results" / "toy" / "doubled.png").unlink()
    code, printed, page = write_page(tmp_path)
    assert code == 1 and "S040" in printed and "doubled.png" in printed
    assert not page.exists()


def test_no_results(tmp_path):
    code, printed, page = write_page(tmp_path)
    assert code == 1 and "S137" in printed and not page.exists()

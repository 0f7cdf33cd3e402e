"""Pictures of rankings: written without warnings, whatever the texts are."""

from __future__ import annotations

import sys
from dataclasses import replace

import matplotlib
import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.plots import _name, plot_families, plot_reading_curve
from spacy_seginf.curation.regions import KINDS
from spacy_seginf.rendering.pictures import check_picture, new_figure, picture_text

from ..cli.running import run
from ..exchange.making import example, make, ranking_of
from .inert import HOSTILE

pytestmark = pytest.mark.filterwarnings("error")
TEXTS = ["$x$", "$\\frac{1$", "_hidden", "日本 שלום", HOSTILE, "long " * 50, "\ud800", "100 % \\$ ^_{"]


def family(name, texts, kind="relabel"):
    """Make issues of one family, one of each text."""
    found = []
    for text in texts:
        label = Entity(0, 1, "$LOC_{$")
        suggested = () if kind == "remove" else (Entity(0, 1, "<b>ORG</b>"),)
        one = make([text], [False], [label], (0, 1), suggested, document=text)
        found.append(replace(one, family=name, kind=kind))
    return found


def picture_of(path):
    assert path.stat().st_size > 5000
    return path.read_bytes()


def test_families(tmp_path):
    issues = [one for number, kind in enumerate(KINDS) for one in family(f"family-{number}", TEXTS[number:], kind)]
    plot_families(ranking_of(*issues, example()), tmp_path / "new" / "families.png")
    assert picture_of(tmp_path / "new" / "families.png").startswith(b"\x89PNG")
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    try:
        plot_families(ranking_of(*issues[:1], *family("family-9", ["Osted", "Osted", "Veltra"])), tmp_path / "f.svg")
    finally:
        matplotlib.rcParams["svg.fonttype"] = "path"
    drawn = picture_of(tmp_path / "f.svg").decode("utf8")
    assert "$LOC_{$ -&gt; &lt;b&gt;ORG&lt;/b&gt;" in drawn and "Osted, Veltra" in drawn
    assert "label issues in the family" in drawn and "relabel: another type" in drawn and "remove:" not in drawn


def test_the_largest_families_come_first(tmp_path, monkeypatch):
    named = []
    monkeypatch.setattr(
        "spacy_seginf.curation.plots._name", lambda members: named.append(len(members)) or _name(members)
    )
    issues = [one for size in (1, 4, 2, 3) for one in family(f"family-{size}", ["Osted"] * size)]
    plot_families(ranking_of(*issues), tmp_path / "families.png", largest=3)
    assert named == [4, 3, 2]


def test_a_ranking_without_families(tmp_path):
    plot_families(ranking_of(example()), tmp_path / "families.png")
    picture_of(tmp_path / "families.png")


def test_names_of_families():
    words = [word for number, word in enumerate(["Osted", "Tarnby", "Veltra", "Pelham Bay"]) for _ in range(9 - number)]
    assert _name(family("family-1", words)).endswith("\nOsted, Tarnby, Veltra, ...")


def test_reading_curves(tmp_path):
    curves = {text: ([0, 10, 20], [0.0, number, 2.0 * number]) for number, text in enumerate(TEXTS)}
    plot_reading_curve(curves, tmp_path / "curve.png", read="spans $read$", found="F1")
    picture_of(tmp_path / "curve.png")
    plot_reading_curve({"by loss": ([], [])}, tmp_path / "empty.pdf")
    plot_reading_curve({}, tmp_path / "none.png")
    picture_of(tmp_path / "none.png")


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_shown_as_they_are(text):
    axes = new_figure(2, 2).subplots()
    label = axes.text(0, 0, picture_text(text, 1000))
    shown, formula = label._preprocess_math(label.get_text())
    assert not formula
    assert shown.strip() == picture_text(text, 1000).replace("\\$", "$").strip()
    assert not picture_text(text).startswith("_") and len(picture_text(text)) < 60


def test_the_backend_stays(tmp_path):
    before = matplotlib.rcParams._get("backend")
    plot_families(ranking_of(example()), tmp_path / "families.png")
    assert matplotlib.rcParams._get("backend") == before


def test_without_matplotlib_and_with_another_ending(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"S220.*families\.txt.*\.png"):
        check_picture(tmp_path / "families.txt")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (lambda path: plot_families(ranking_of(), path), lambda path: plot_reading_curve({}, path)):
        with pytest.raises(ValueError, match=r"S110.*pip install .*\[plots\]"):
            draw(tmp_path / "families.png")


@pytest.mark.filterwarnings("default")
def test_the_command_draws_families(exact_path, corpus_path, tmp_path, monkeypatch):
    arguments = ("seginf", "rank", exact_path, corpus_path, "--references", 0, "--quiet", "-o", tmp_path / "r.jsonl")
    code, output = run(*arguments, "--plot", tmp_path / "families.png")
    assert code == 0, output
    picture_of(tmp_path / "families.png")
    (tmp_path / "r.jsonl").unlink()
    code, output = run(*arguments, "--plot", tmp_path / "families.doc")
    assert code == 1 and "S220" in output
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, output = run(*arguments, "--plot", tmp_path / "families.png")
    assert code == 1 and "S110" in output and "--plot" in output
    assert not (tmp_path / "r.jsonl").exists()  # nothing was done

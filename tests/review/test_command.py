"""`python -m spacy seginf review`."""

from __future__ import annotations

import re
import stat
import sys
import urllib.request
from pathlib import Path

import pytest

from spacy_seginf.api.review import review
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.records import Decision, write_ranking
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.server import ReviewServer

from ..cli.running import run
from .making import small_ranking


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A folder with a ranking; commands run in the folder above it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "indexed").mkdir()
    write_ranking(tmp_path / "issues.jsonl", small_ranking())
    return tmp_path / "indexed"


def interrupted(server):
    raise KeyboardInterrupt


def test_a_page(pipeline, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)  # it needs no server
    code, output = run("seginf", "review", pipeline, "--html", tmp_path / "new" / "page.html", "--reviewer", "ada")
    assert code == 0 and "Page with 8 label issues written" in output
    assert '"reviewer":"ada"' in (tmp_path / "new" / "page.html").read_text(encoding="utf8")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
    assert not (tmp_path / "decisions.jsonl").exists()


def test_serving_until_interrupted(pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(ReviewServer, "serve", interrupted)
    monkeypatch.setattr("webbrowser.open", lambda address: pytest.fail("the browser was opened"))
    code, output = run("seginf", "review", pipeline, "--no-browser", "--reviewer", "ada")
    assert code == 0
    assert "8 issues, 0 of them seen by ada" in output and "http://127.0.0.1:" in output
    assert "0 decisions saved in decisions.jsonl" in output and "seginf apply" in output
    assert not (tmp_path / "decisions.jsonl").exists()


def test_the_browser_is_opened(pipeline, monkeypatch):
    opened = []

    def browse(page):
        file = Path(urllib.request.url2pathname(page.removeprefix("file://")))
        opened.append((page, stat.S_IMODE(file.stat().st_mode), file.read_text(), file))

    monkeypatch.setattr("webbrowser.open", browse)
    monkeypatch.setattr(ReviewServer, "serve", interrupted)
    monkeypatch.setattr("threading.Thread.start", lambda thread: thread.run())
    state = review(pipeline, silent=True, evidence=lambda issue: {})  # which would start a thread, too
    ((page, mode, content, file),) = opened
    (address,) = re.findall(r"http://127\.0\.0\.1:\d+/([^/]{32})/", content)
    assert address not in page, "everybody can read a browser's command line"
    assert mode == 0o600 and file.parent != state.path.parent and not file.exists(), "and the page is private, and gone"
    assert state.reviewer and state.path.name == "decisions.jsonl"


def test_decisions_are_counted(pipeline, tmp_path, monkeypatch):
    held = []
    make = ReviewServer.__init__
    monkeypatch.setattr(
        ReviewServer, "__init__", lambda self, state, *more: (held.append(state), make(self, state, *more))[1]
    )

    def serve(server):
        held[0].decide([Answer(held[0].issues[0].id, "accept")])
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve", serve)
    target = tmp_path / "new" / "said.jsonl"
    code, output = run("seginf", "review", pipeline, "--no-browser", "--decisions", target)
    assert code == 0 and "1 decisions saved" in " ".join(output.split()) and target.is_file()
    code, output = run("seginf", "review", pipeline, "--no-browser", "--decisions", target)
    assert "8 issues, 1 of them seen by" in output


def test_no_ranking_or_pipeline(pipeline, tmp_path):
    (tmp_path / "issues.jsonl").unlink()
    code, output = run("seginf", "review", pipeline, "--no-browser")
    assert code == 1 and "[S181]" in output and "python -m spacy seginf rank" in output
    code, output = run("seginf", "review", tmp_path / "nowhere", "--no-browser")
    assert code == 1 and "[S040]" in output
    (tmp_path / "issues.jsonl").write_text("{}\n")
    code, output = run("seginf", "review", pipeline, "--no-browser")
    assert code == 1 and "[S170]" in output


def test_a_place_where_nothing_can_be_saved(pipeline, tmp_path):
    (tmp_path / "file").write_text("")
    code, output = run(
        "seginf", "review", pipeline, "--no-browser", "--decisions", tmp_path / "file" / "decisions.jsonl"
    )
    assert code == 1 and "[S183]" in output and "--decisions FILE" in output
    code, output = run("seginf", "review", pipeline, "--html", tmp_path / "file" / "page.html")
    assert code == 1 and "[S186]" in output


def test_decisions_on_another_corpus(pipeline, tmp_path):
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, [Decision("x", "news-0", 0, 1, ("Osted",), (), "keep", corpus="5eed" * 16)])
    before = path.read_bytes()
    code, output = run("seginf", "review", pipeline, "--no-browser")
    assert code == 1 and "[S182]" in output and path.read_bytes() == before


def test_without_flask(pipeline, monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)
    code, output = run("seginf", "review", pipeline, "--no-browser")
    assert code == 1 and "[S180]" in output and "--html FILE" in output

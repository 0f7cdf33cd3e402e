"""The site is built without a warning, asks for nothing elsewhere, and can be searched from the disk."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ..project.conftest import ROOT

PARTS = ("Tutorials", "How-to guides", "Reference", "Explanation")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_in_the_site(site):
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    made = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    assert pages == made - {"404"}
    home = (site / "index.html").read_text(encoding="utf8")
    assert all(part in home for part in PARTS)
    assert "<math" in (site / "mathematics.html").read_text(encoding="utf8")


@pytest.mark.slow
def test_the_site_needs_no_network(site, browser):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
    page.keyboard.press("/")
    page.keyboard.type("leverage")
    page.wait_for_selector(".md-search-result__item", timeout=20_000)
    page.close()
    assert len(asked) > 50 and all(url.startswith(("file:", "data:", "blob:")) for url in asked)

"""One browser for all tests: playwright can't be started twice in a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .review.pages import settle

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium: Debian's, else the one that playwright has installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as running:
        found = CHROMIUM if CHROMIUM.exists() else Path(running.chromium.executable_path)
        if not found.exists() and not os.environ.get("CI"):
            pytest.skip("needs chromium")
        chromium = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser):
    """Return a function that opens a page, and records what it asked for, what it said and what went wrong."""
    contexts = []

    def open_page(address="", context=None, **settings):
        if context is None:
            context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **settings})
            contexts.append(context)
        page = context.new_page()
        page.asked, page.problems = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("dialog", lambda dialog: (page.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        if address:
            page.goto(address)
            page.wait_for_selector("#list .row")
            settle(page)
        return page

    yield open_page
    for context in contexts:
        context.close()

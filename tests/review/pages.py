"""What tests do with a page."""

from __future__ import annotations

from spacy_seginf.curation.records import read_decisions

TIMES = "\u00d7"


def title(page):
    """Return the text of the issue that is shown."""
    return page.locator("#item h2 bdi").first.inner_text()


def press(page, *keys):
    """Press keys one after the other; each has done its work when this returns."""
    for key in keys:
        page.keyboard.press(key)
        settle(page)


def settle(page):
    """Wait until nothing is saved or fetched any more, and what came is drawn."""
    page.wait_for_function("() => document.getElementById('item').getAttribute('aria-busy') === 'false'")


def shows(page, text):
    """Wait until a label issue is shown."""
    page.wait_for_function("(text) => document.querySelector('#item h2 bdi')?.textContent === text", arg=text)


def says(page, text):
    """Wait until the page has told that."""
    page.wait_for_function("(text) => document.getElementById('said').textContent.includes(text)", arg=text)


def decided(path):
    """Return the choices in a file, with the words they are about."""
    if not path.exists():
        return []
    return [(decision.choice, " ".join(decision.words)) for decision in read_decisions(path)]

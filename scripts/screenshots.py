"""Photograph the pages that the commands write, for the documentation; needs playwright and chromium.

python scripts/screenshots.py FOLDER docs/pictures

FOLDER has explained.html, errors.html and review.html, as docs/quickstart.md and docs/tutorials/ make them in reports/.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from playwright.sync_api import sync_playwright

COLOURS = 64  # of a palette: pages have few, and a picture takes a third of the room


class Picture(NamedTuple):
    """A page, the element on it that has to be there, and how much of the page is shown (CSS pixels)."""

    page: str
    shows: str
    width: int
    height: int


PICTURES = {
    "explanation": Picture("explained.html", "details", 900, 760),
    "errors": Picture("errors.html", "details", 900, 620),
    "review": Picture("review.html", "#list .row", 1100, 640),
}


def photograph(folder: Path, output: Path) -> None:
    """Write a picture (PNG) of every page."""
    output.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as running:
        found = shutil.which("chromium")
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name, picture in PICTURES.items():
            page = browser.new_page(viewport={"width": picture.width, "height": picture.height})
            page.goto((folder / picture.page).resolve().as_uri())
            page.locator(picture.shows).first.wait_for()
            target = output / f"{name}.png"
            page.screenshot(path=target)
            page.close()
            Image.open(target).convert("RGB").quantize(COLOURS).save(target, optimize=True)
        browser.close()


if __name__ == "__main__":
    photograph(Path(sys.argv[1]), Path(sys.argv[2]))

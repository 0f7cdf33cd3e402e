"""Links and pictures of README and documentation lead to files that are there, and to headings that are there."""

from __future__ import annotations

import re
from functools import cache

import pytest

from ..project.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")


def prose(page):
    """The text of a page without its code."""
    return FENCE.sub("", page.read_text(encoding="utf8"))


@cache
def anchors(page):
    """What GitHub and the site make of headings: lower case, with hyphens between words."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        found.add(anchor)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    links = LINK.findall(CODE.sub("", prose(page)))
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_every_picture_is_shown():
    shown = "".join(prose(page) for page in PAGES)
    pictures = sorted((ROOT / "docs").rglob("*.png"))
    assert len(pictures) > 8 and all(f"/{path.name})" in shown or f"({path.name})" in shown for path in pictures)


def test_broken_links_would_be_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `heading`, and more\n\n[one](#a-heading-and-more) ![two](none.png)\n\n```text\n[x](y)\n```\n")
    assert anchors(page) == {"a-heading-and-more"}
    assert LINK.findall(prose(page)) == ["#a-heading-and-more", "none.png"]

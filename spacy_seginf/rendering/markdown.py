"""Markdown tables and text that hold what they are given: no cell ends early, nothing is read as HTML."""

from __future__ import annotations

import re
from typing import Sequence

from .text import visible

# Of code, emphasis, links and images; not the _ within words, nor brackets that no link can begin with.
MARKS = re.compile(r"[\\`*~]|\](?=[(\[:])|\b_|_\b")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Write a table. left (int): how many of its first columns are words; the others are numbers."""
    lines = [header, [*["---"] * left, *["---:"] * (len(header) - left)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def markdown_text(text: str) -> str:
    """Make text show as it is, in one line: what HTML and Markdown would read is escaped, control characters and line
    breaks are made harmless. A | is left to ``markdown_table``."""
    return MARKS.sub(r"\\\g<0>", visible(text)).replace("&", "&amp;").replace("<", "&lt;")

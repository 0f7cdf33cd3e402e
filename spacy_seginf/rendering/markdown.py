"""Markdown tables and text that hold what they are given: no cell ends early, nothing is read as HTML."""

from __future__ import annotations

from typing import Sequence

from .text import visible


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Write a table. left (int): how many of its first columns are words; the others are numbers."""
    lines = [header, [*["---"] * left, *["---:"] * (len(header) - left)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def markdown_text(text: str) -> str:
    """Make text show as it is, in one line: & and < are escaped, control characters and line breaks made harmless."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;")

"""Write docs/errors.md: every message that the package raises or warns with, by its code.

python scripts/errors_page.py docs/errors.md
"""

from __future__ import annotations

import html
import inspect
import re
import sys
from pathlib import Path
from typing import Iterator

from spacy_seginf.errors import Errors, Warnings
from spacy_seginf.files import write_text

HEAD = """# Error codes

Everything that this package refuses begins with a code, such as `[S040]`: in the terminal, where the command then ends
with 1, and in Python, where it is a [`SeginfError`](api.md#seginferror) with the `code`. Warnings begin with `[W...]`
and let the work go on. A message says what is wrong, where, and what to do next; names in *braces* stand for what it
names. Search this site for a code, or add it to the address: `errors/#s040`. This page is made from
`spacy_seginf/errors.py` by `scripts/errors_page.py`.
"""
ENTRY = re.compile(r"^    (?:# (?P<topic>.+)|(?P<code>[SW]\d+) = )", re.MULTILINE)
FIELD = re.compile(r"\{(\w*)[^}]*\}")


def page() -> str:
    """Return the page (Markdown)."""
    parts = [HEAD, "\n## Warnings\n", *_entries(Warnings)]
    return "".join([*parts, *_entries(Errors)])


def _entries(messages: type) -> Iterator[str]:
    """Yield headings of topics, and of codes with their messages, in the order of the source."""
    for entry in ENTRY.finditer(inspect.getsource(messages)):
        if entry["topic"]:
            yield f"\n## {entry['topic']}\n"
        else:
            message = getattr(messages, entry["code"]).partition("] ")[2]
            yield f"\n### {entry['code']}\n\n{_shown(message)}\n"


def _shown(message: str) -> str:
    """Return a message as Markdown, in which nothing is marked but its fields, and code as it was."""
    parts = re.split(r"(`[^`]*`)", message.replace("\n", " "))
    return "".join(FIELD.sub(r"\1", part) if part.startswith("`") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    escaped = re.sub(r"([\\`*_\[\]|#])", r"\\\1", html.escape(text, quote=False))
    return FIELD.sub(lambda field: f"*{{{field[1]}}}*", escaped)


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), page())

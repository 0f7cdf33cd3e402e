"""What people read: text, tables, pictures and pages. ``render`` shows a document with its explanations."""

from __future__ import annotations

from typing import Any

__all__ = ["render"]


def __getattr__(name: str) -> Any:
    if name == "render":  # its module reads components, which need the rest of this package
        from .document import render

        return render
    raise AttributeError(name)

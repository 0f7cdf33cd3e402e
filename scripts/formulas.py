"""Formulas of the documentation as MathML, which browsers draw themselves: a fence of the kind ``math`` becomes one."""

from __future__ import annotations

from typing import Any

from latex2mathml.converter import convert


def mathml(source: str, language: str, class_name: str, options: Any, md: Any, **more: Any) -> str:
    """Return a formula that stands by itself (HTML). source (str): LaTeX. The rest is what pymdownx.superfences hands
    to every such function."""
    return f'<div class="{class_name}">{convert(source, display="block")}</div>'

"""The HTML templates of this folder: everything that is put into them is escaped."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Callable

from jinja2 import Environment, FileSystemLoader, Template

from .text import shorten, visible


def template(name: str) -> Template:
    """Return a template of this folder."""
    return _environment().get_template(name)


def template_macro(name: str, macro: str) -> Callable[..., str]:
    """Return a macro of a template, which renders values to HTML."""
    found = getattr(template(name).module, macro)
    return lambda *values: str(found(*values))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(visible=visible, shorten=shorten)
    return environment

"""The HTML templates of this folder: everything that is put into them is escaped."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template

from .wording import NOTHING, difference, figure, label_of, place_of, shorten, visible


def template(name: str) -> Template:
    """Return a template of this folder."""
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(visible=visible, shorten=shorten, figure=figure, label_of=label_of, place_of=place_of)
    environment.filters.update(difference=difference)
    environment.globals.update(nothing=NOTHING)
    return environment

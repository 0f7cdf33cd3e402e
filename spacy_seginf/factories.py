"""spaCy imports every installed factory for each pipeline, that of transformers too, which takes seconds: here it
imports those that a pipeline names."""

from __future__ import annotations

import re
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import RLock, get_ident
from typing import Collection, Iterator, List

import catalogue
import spacy
from spacy.language import Language
from spacy.util import registry

EVERY = registry._entry_point_factories
OWN = "spacy_seginf."
NAMED = re.compile(r'^factory *= *"([^"]*)"', re.MULTILINE)
NO_FACTORY = "[E002]"  # spaCy's error
_alone = RLock()  # what is replaced belongs to the process


class _Some(catalogue.Registry):
    """The installed factories of some names, and this package's; for other threads, all."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__(EVERY.namespace, entry_points=True)
        self._names, self._owner = names, get_ident()

    def _get_entry_points(self) -> List[EntryPoint]:
        every = super()._get_entry_points()
        if get_ident() != self._owner:
            return every
        return [point for point in every if point.name in self._names or point.value.startswith(OWN)]


def load(model: str) -> Language:
    """Load a pipeline as ``spacy.load`` does, without the factories of components that it does not have."""
    config = Path(model) / "config.cfg"
    if not config.is_file():  # a package, or nothing
        return spacy.load(model)
    try:
        with _only(NAMED.findall(config.read_text(encoding="utf8", errors="replace"))):
            return spacy.load(model)
    except ValueError as error:
        if NO_FACTORY not in str(error):
            raise
    return spacy.load(model)  # a factory that the import of another one makes


def blank(lang: str) -> Language:
    """Make a blank pipeline as ``spacy.blank`` does, which no installed components are added to."""
    with _only(()):
        return spacy.blank(lang)


@contextmanager
def _only(names: Collection[str]) -> Iterator[None]:
    with _alone:
        registry._entry_point_factories = _Some(names)
        try:
            yield
        finally:
            registry._entry_point_factories = EVERY

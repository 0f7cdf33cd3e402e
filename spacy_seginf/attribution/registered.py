"""Finding a method by the name under which it is registered, its own or another package's."""

from __future__ import annotations

from importlib.metadata import entry_points

import catalogue
from spacy.util import registry

from ..errors import Errors, SeginfError
from ..guesses import one_of
from .method import Method

OWN = "spacy_seginf."


def registered_names() -> list[str]:
    """List what is registered under misc, methods and other things, but for spaCy's own; nothing is loaded, as that
    fails where another package's entry point is broken."""
    here = {keys[-1] for keys in catalogue.REGISTRY if list(keys[:-1]) == list(registry.misc.namespace)}
    installed = {point.name for point in entry_points(group=registry.misc.entry_point_namespace)}
    return sorted(name for name in here | installed if not name.startswith("spacy."))


def registered_method(name: str) -> Method:
    """Return a method with its default settings.

    name (str): as in config blocks, for example "spacy_seginf.SegmentNN.v1"; of this package's also "SegmentNN".
    RAISES (ValueError): S099 if nothing of this name is registered, or if it is no method that needs no settings.
    """
    known = registered_names()
    full = next((each for each in known if each.startswith(f"{OWN}{name}.")), name)
    try:
        method = registry.misc.get(full)() if full in registry.misc else None
    except TypeError:  # something with settings that have no defaults
        method = None
    if not isinstance(method, Method):
        raise SeginfError(Errors.S099.format(name=name, known=one_of(known, name)))
    return method

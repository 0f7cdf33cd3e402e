"""Finding a method by the name under which it is registered, its own or another package's."""

from __future__ import annotations

from spacy.util import registry

from ..errors import Errors
from .interface import Method

OWN = "spacy_seginf."


def registered_method(name: str) -> Method:
    """Return a method with its default settings.

    name (str): as in config blocks, for example "spacy_seginf.SegmentNN.v1"; of this package's also "SegmentNN".
    RAISES (ValueError): S099 if nothing of this name is registered, or if it is no method.
    """
    known = sorted(full for full in registry.misc.get_all() if full.startswith(OWN))
    full = next((each for each in known if each.split(".")[1] == name), name)
    method = registry.misc.get(full)() if registry.has("misc", full) else None
    if not isinstance(method, Method):
        raise ValueError(Errors.S099.format(name=name, known=", ".join(known)))
    return method

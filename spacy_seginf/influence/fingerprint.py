"""Fingerprints of the parameters that an index was computed with."""

from __future__ import annotations

import hashlib
from typing import Any, Iterable, Iterator

import numpy
from spacy.language import Language
from thinc.api import Model

from ..models import head_parameters


def head_fingerprint(model: Model) -> str:
    """Hash the weights, biases and transitions of a tagger's head."""
    return _combine(_digest(array) for array in head_parameters(model.get_ref("output_layer")))


def encoder_fingerprint(nlp: Language, tagger: str) -> str:
    """Hash the parameters (and static vectors) behind the features of a tagger, in whatever component they live.

    Settings without parameters, such as a transformer's span length, are not covered. Parameters count as a set, so
    replacing a listener by a copy of what it listened to changes nothing.
    """
    digests: set[bytes] = set()
    for name, component in nlp.components:
        model: Any = getattr(component, "model", None)
        if name == tagger:
            digests.update(_encoder_digests(nlp, model.get_ref("tok2vec")))
        elif tagger in getattr(component, "listening_components", ()):
            digests.update(_encoder_digests(nlp, model))
    return _combine(sorted(digests))


def _encoder_digests(nlp: Language, model: Any) -> Iterator[bytes]:
    for node in model.walk():
        if node.name == "static_vectors":
            yield _digest(nlp.vocab.vectors.data)
        for name in node.param_names:
            if node.has_param(name):
                yield _digest(node.get_param(name))
        for shim in node.shims:
            module: Any = getattr(shim, "_model", None)
            if hasattr(module, "state_dict"):
                for tensor in module.state_dict().values():
                    tensor = tensor.detach().cpu()
                    yield _digest((tensor.float() if tensor.is_floating_point() else tensor).numpy())


def _digest(array: Any) -> bytes:
    values = numpy.ascontiguousarray(array.get() if hasattr(array, "get") else array)
    return hashlib.blake2b(values.tobytes() + str(values.shape).encode(), digest_size=16).digest()


def _combine(digests: Iterable[bytes]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for digest in digests:
        total.update(digest)
    return total.hexdigest()

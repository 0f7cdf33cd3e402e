"""Fingerprints of the parameters that an index was computed with."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any, Iterable, Iterator

import numpy
from spacy.language import Language
from thinc.api import Model

from . import head_parameters

SUMMED_BYTES = 1 << 18  # of an array whose bits are all in a stamp
STAMPED = 64  # numbers of a larger one that are looked at, about


def head_fingerprint(model: Model) -> str:
    """Hash the weights, biases and transitions of a tagger's head."""
    return _combine(_digest(array) for array in head_parameters(model.get_ref("output_layer")))


def encoder_fingerprint(nlp: Language, tagger: str) -> str:
    """Hash the parameters (and static vectors) behind the features of a tagger, in whatever component they live.

    Settings without parameters, such as a transformer's span length, are not covered. Parameters count in the order in
    which their layers are, so that two that were exchanged are noticed; replacing a listener by a copy of what it
    listened to changes nothing.
    """
    return _combine(digest for model in _encoders(nlp, tagger) for digest in _encoder_digests(nlp, model))


def encoder_stamp(nlp: Language, tagger: str) -> tuple[Any, ...]:
    """Tell, at little cost, whether the parameters behind the features of a tagger are those of a moment ago.

    The stamp has the places of all arrays in memory and a checksum of all their bits, so that it notices a change of a
    single number, and numbers that were exchanged. Of large arrays (embedding tables), of torch's, and of those on a
    GPU it has some numbers instead: training changes nearly all, and the other layers with them.
    """
    stamp: list[Any] = []
    for model in _encoders(nlp, tagger):
        for node in model.walk():
            for name in node.param_names:
                if node.has_param(name):
                    stamp.append(_array_stamp(node.get_param(name)))
            if node.name == "static_vectors":
                stamp.append(_array_stamp(nlp.vocab.vectors.data))
            if node.shims:
                stamp += map(_module_stamp, _modules(node))
    return tuple(stamp)


def _encoders(nlp: Language, tagger: str) -> Iterator[Any]:
    """Yield the models behind the features of a tagger: its own tok2vec, and those that it listens to."""
    for name, component in nlp.components:
        model: Any = getattr(component, "model", None)
        if name == tagger:
            yield model.get_ref("tok2vec")
        elif tagger in getattr(component, "listening_components", ()):
            yield model


def _encoder_digests(nlp: Language, model: Any) -> Iterator[bytes]:
    for node in model.walk():
        if node.name == "static_vectors":
            yield _digest(nlp.vocab.vectors.data)
        for name in node.param_names:
            if node.has_param(name):
                yield _digest(node.get_param(name))
        for module in _modules(node):
            for tensor in module.state_dict().values():
                tensor = tensor.detach().cpu()
                yield _digest((tensor.float() if tensor.is_floating_point() else tensor).numpy())


def _modules(node: Any) -> list[Any]:
    """Return the torch modules of a node."""
    modules = [getattr(shim, "_model", None) for shim in node.shims]
    return [module for module in modules if hasattr(module, "state_dict")]


def _array_stamp(array: Any) -> tuple[Any, ...]:
    flat = array.reshape(-1)
    if not isinstance(array, numpy.ndarray):
        return array.data.ptr, array.shape, _some(flat).get().tobytes()
    place = array.__array_interface__["data"][0]
    if array.nbytes > SUMMED_BYTES or not array.flags.c_contiguous:
        return place, array.shape, _some(flat).tobytes()
    return place, array.shape, zlib.crc32(flat.data)


def _module_stamp(module: Any) -> tuple[Any, ...]:
    """Torch counts how often arrays are changed, except by optimizers that reach around it."""
    import torch

    tensors = [tensor.detach() for tensor in (*module.parameters(), *module.buffers())]
    counts = tuple((tensor.data_ptr(), tensor._version, tensor.shape) for tensor in tensors)
    floats = [_some(tensor.reshape(-1)).float() for tensor in tensors if tensor.is_floating_point()]
    return counts, torch.cat(floats).cpu().numpy().tobytes() if floats else b""


def _some(flat: Any) -> Any:
    """Choose some numbers of an array, all through it."""
    return flat[:: max(1, len(flat) // STAMPED)]


def _digest(array: Any) -> bytes:
    values = numpy.ascontiguousarray(array.get() if hasattr(array, "get") else array)
    return hashlib.blake2b(values.tobytes() + str(values.shape).encode(), digest_size=16).digest()


def _combine(digests: Iterable[bytes]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for digest in digests:
        total.update(digest)
    return total.hexdigest()

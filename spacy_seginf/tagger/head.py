"""A tagger's head as numpy arrays."""

from __future__ import annotations

import numpy
from thinc.api import Model

from ..influence.head import Head
from . import head_parameters


def head_of(model: Model) -> Head:
    """Copy the head of a tagger's model to the CPU, in float64. Make a new one after training."""
    return Head(*(on_cpu(array).astype("float64") for array in head_parameters(model.get_ref("output_layer"))))


def on_cpu(array: object) -> numpy.ndarray:
    """Copy a cupy array to numpy; return numpy arrays as they are."""
    return array.get() if hasattr(array, "get") else array  # type: ignore[return-value]

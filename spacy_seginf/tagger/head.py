"""A tagger's head as numpy arrays, and as the one vector of parameters that gradients are taken for."""

from __future__ import annotations

import numpy
from thinc.api import Model

from ..influence.fit import pack
from . import head_parameters


class Head:
    """A tagger's head on the CPU. It copies the parameters once, so make a new one after training."""

    def __init__(self, model: Model) -> None:
        parameters = head_parameters(model.get_ref("output_layer"))
        self.weights, self.bias, self.transitions = (on_cpu(array) for array in parameters)

    @property
    def theta(self) -> numpy.ndarray:
        """All parameters as one vector (float64, P), in the order of ``fit.pack``."""
        return pack(self.weights, self.bias, self.transitions)

    def emissions(self, features: numpy.ndarray) -> numpy.ndarray:
        """Score the labels of each token: float32, tokens x labels."""
        return features @ self.weights.T + self.bias


def on_cpu(array: object) -> numpy.ndarray:
    """Copy a cupy array to numpy; return numpy arrays as they are."""
    return array.get() if hasattr(array, "get") else array  # type: ignore[return-value]

"""Training dynamics: what a model thought of its labels while it learned (Swayamdipta et al. 2020, dataset
cartography). Wrong labels are learned late, or never."""

from __future__ import annotations

from typing import Sequence

import numpy


def low_confidence(checkpoints: Sequence[numpy.ndarray]) -> numpy.ndarray:
    """Return 1 - the mean of p(label | text) over checkpoints (float64, tokens, 0 to 1).

    checkpoints (sequence of float arrays, tokens): p(label | text) at each.
    """
    return 1.0 - numpy.mean([values.astype(numpy.float64) for values in checkpoints], axis=0)


def variability(checkpoints: Sequence[numpy.ndarray]) -> numpy.ndarray:
    """Return the standard deviation of p(label | text) over checkpoints (float64, tokens, 0 to 0.5), of the population
    of checkpoints: divided by their number.

    High marks ambiguous tokens, which need not be wrong: hopeless labels vary little.
    """
    return numpy.std([values.astype(numpy.float64) for values in checkpoints], axis=0)

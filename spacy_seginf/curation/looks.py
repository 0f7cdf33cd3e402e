"""What is read at one look: a family, or an issue that is alone."""

from __future__ import annotations

from typing import Hashable, Sequence

import numpy
from numpy.typing import ArrayLike


def in_looks(families: Sequence[Hashable], scores: ArrayLike) -> list[list[int]]:
    """Put issues together that are one look, those looks first at which most is expected to be wrong.

    families (sequence): of each issue; None if it is alone. scores (floats, n): -log p of the annotation, nats.
    RETURNS (list of lists of int): numbers of the issues, the most suspicious of each look first.
    """
    groups: dict[tuple[Hashable, int], list[int]] = {}
    suspicion = numpy.nan_to_num(numpy.asarray(scores, dtype=numpy.float64), posinf=0.0, neginf=0.0)
    for number in numpy.argsort(-suspicion, kind="stable").tolist():
        family = families[number]
        groups.setdefault((family, number if family is None else -1), []).append(number)
    looks = list(groups.values())
    expected = [expected_wrong(suspicion[look]) for look in looks]
    return [looks[place] for place in numpy.argsort(-numpy.array(expected), kind="stable").tolist()]


def expected_wrong(scores: numpy.ndarray) -> float:
    """Return how many of some issues are expected to be wrong."""
    return float(-numpy.expm1(-scores).sum())

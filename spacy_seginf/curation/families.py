"""Families: issues that are the same mistake, as far as a program can tell, to be read and decided together."""

from __future__ import annotations

from typing import Hashable, Sequence

import numpy

SIMILAR = 0.5  # distance (1 - cosine), in units of what is usual for one type, up to which issues are a family
LEAST = 0.1  # share of the first one's score that a member has
LARGEST = 25  # members: what is read at a glance


def find_families(
    changes: Sequence[Hashable],
    directions: numpy.ndarray,
    spread: float,
    scores: numpy.ndarray,
    largest: int = LARGEST,
) -> numpy.ndarray:
    """Group issues, given from the most suspicious on.

    Each that is in no family yet begins one and takes in what is like it, up to a size.

    changes (sequence): what would change, such as ("relabel", ("LOC",), ("ORG",)); families have one change.
    directions (float32, n x d): features of the words in question, scaled to length 1.
    spread (float): usual distance of two entities of one type. scores (float64, n): what is far less suspicious than
        the one that a family begins with is not of it.
    RETURNS (int64, n): number of the family of each, in the order of their beginnings.
    """
    numbers: dict[Hashable, int] = {}
    groups = numpy.array([numbers.setdefault(change, len(numbers)) for change in changes], dtype=numpy.int64)
    family = numpy.full(len(changes), -1, dtype=numpy.int64)
    count = 0
    for number in range(len(changes)):
        if family[number] >= 0:
            continue
        open_ones = number + numpy.flatnonzero((family[number:] < 0) & (groups[number:] == groups[number]))
        alike = 1.0 - directions[open_ones] @ directions[number] <= SIMILAR * spread
        alike &= scores[open_ones] >= LEAST * scores[number]
        alike[0] = True  # itself
        family[open_ones[alike][:largest]] = count
        count += 1
    return family

"""Deletion curves: what happens to a prediction when the labels that a method names are really removed?

For k segments with the highest scores of a query, and for k with the lowest, the labels are summed out, the head is
refit, and the change of the probability of the query's labels is measured. Yeh et al. (2022, "First is better than last
for language data influence") average these changes over several k: AUC-DEL+ of the supporting side, where a good method
lets the probability fall (negative), and AUC-DEL- of the opposing side, where it lets it rise (positive).

As there, the k first of the ranking are taken for all methods alike, whatever the sign of their scores: a method whose
scores are all positive still says which segments it thinks of least. How many have the right sign is reported.
"""

from __future__ import annotations

from typing import Sequence

import numpy

SIDES = ("supporting", "opposing")
TIES = 0  # seed


def ranking(scores: numpy.ndarray, side: str, query: int) -> numpy.ndarray:
    """Order segments by their scores (floats, n): the highest first for "supporting", the lowest for "opposing".

    query (int): its number. Equal scores come in an order that is drawn for each query, the same for all methods: that
        of the corpus would always name the same documents.
    RETURNS (int64, n).
    """
    drawn = numpy.random.default_rng([TIES, query]).permutation(len(scores))
    return drawn[numpy.argsort(-scores[drawn] if side == "supporting" else scores[drawn], kind="stable")]


def chosen_segments(scores: numpy.ndarray, ks: Sequence[int]) -> list[list[list[numpy.ndarray]]]:
    """Choose what is deleted. scores (floats, queries x segments). RETURNS: numbers of segments by side, query, k."""
    return [
        [[order[:k] for k in ks] for order in (ranking(row, side, number) for number, row in enumerate(scores))]
        for side in SIDES
    ]


def right_signs(scores: numpy.ndarray, ks: Sequence[int]) -> numpy.ndarray:
    """Return which share of what is chosen has the sign of its side: above 0 for supporting segments, below for
    opposing ones (float64, sides x queries x ks)."""
    ordered = -numpy.sort(-scores, axis=1)
    signs = [ordered > 0, ordered[:, ::-1] < 0]
    return numpy.array([[[row[:k].mean() for k in ks] for row in side] for side in signs])

"""Which documents lose their weight, drawn before anything is trained."""

from __future__ import annotations

import numpy

HALVES, SLICES, HUNDREDTHS = "halves", "slices", "hundredths"
SEEDS = {HALVES: 11, SLICES: 12, HUNDREDTHS: 13}


def removed(kind: str, documents: int, count: int) -> numpy.ndarray:
    """Draw subsets that are removed (bool, subsets x documents); the first ones do not depend on how many are drawn.

    kind (str): "halves": half of all; "slices": each a twentieth, the twenty of a draw disjoint; "hundredths": one in
        a hundred.
    """
    rng = numpy.random.default_rng(SEEDS[kind])
    result = numpy.zeros((count, documents), dtype=bool)
    order = rng.permutation(documents)
    for number, row in enumerate(result):
        if kind == SLICES:
            row[order[number % 20 :: 20]] = True
        else:
            row[rng.permutation(documents)[: documents // (2 if kind == HALVES else 100)]] = True
    return result

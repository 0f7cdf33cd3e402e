"""Nearest neighbours by the cosine of vectors."""

from __future__ import annotations

from typing import Iterator

import numpy
import torch

from ..influence.linear_algebra import unit_vectors

COMPARED = 1 << 24  # cosines held at once
LEAST = 1e-12  # weight of a neighbour: a negative cosine counts (almost) nothing


def nearest_neighbours(
    vectors: numpy.ndarray, others: numpy.ndarray, count: int
) -> Iterator[tuple[slice, numpy.ndarray, numpy.ndarray]]:
    """Find the nearest of some vectors (floats, m x d) to each vector (floats, n x d), a block at a time.

    count (int): how many of them; all if there are fewer.
    YIELDS: which vectors; the numbers of their neighbours (int64, vectors x count), the nearest first; and how much
        each of them weighs (float64, the same shape): its cosine, in all 1 for each vector.
    """
    count = min(count, len(others))
    theirs = torch.from_numpy(unit_vectors(others))
    size = max(1, COMPARED // max(len(others), 1))
    for start in range(0, len(vectors) if count else 0, size):
        part = slice(start, start + size)
        cosines = torch.from_numpy(unit_vectors(vectors[part])) @ theirs.T
        values, places = (found.numpy() for found in torch.topk(cosines, count, dim=1))
        weights = numpy.maximum(values.astype(numpy.float64), LEAST)
        yield part, places, weights / weights.sum(axis=1, keepdims=True)

"""Families: training labels of one kind in like contexts, the unit in which explanations speak of them.

Each label's training segments are clustered by the means of their features, which are scaled to unit variance: the
same units that the head reads, whatever an encoder's own scales are. The clusters are k-means', from a start that is
spread out (Arthur and Vassilvitskii 2007).
"""

from __future__ import annotations

import warnings
from typing import Optional

import numpy

MEMBERS = 20  # of a family, about
MOST_FAMILIES = 300  # of one label
LARGEST = 2  # times as many members as families have on average
LARGEST_SHARE = 0.1  # of a label's segments that may be in one family, unless there are very few
LARGEST_SUMS = 1 << 24  # numbers in the summed gradients of all families
SAMPLE = 20_000  # segments that the centres of a label's families are found from
ITERATIONS = 20
LEAST_SPREAD = 1e-6  # of a feature, relative to the largest


def find_families(vectors: numpy.ndarray, kinds: numpy.ndarray, most: Optional[int] = None) -> numpy.ndarray:
    """Group segments into families.

    vectors (floats, n x d): mean features of the segments. kinds (ints, n): their labels; families have one.
    most (int): families of one label, at most MOST_FAMILIES.
    RETURNS (int64, n): number of the family of each, label by label.
    """
    scaled = standardised(vectors)
    families = numpy.empty(len(vectors), dtype=numpy.int64)
    count = 0
    for kind in numpy.unique(kinds).tolist():
        members = numpy.flatnonzero(kinds == kind)
        wanted = min(-(-len(members) // MEMBERS), MOST_FAMILIES, most or MOST_FAMILIES)
        usual = -(-len(members) // wanted)
        least = -(-len(members) // most) if most is not None else 1
        found = _split_large(scaled[members], _clusters(scaled[members], wanted), LARGEST * usual, least)
        families[members] = found + count
        count += int(found.max()) + 1
    return families


def scales(vectors: numpy.ndarray) -> numpy.ndarray:
    """Return the mean of features, and what one over their standard deviation is (float32, 2 x d); 1 where none
    varies."""
    if not len(vectors):
        return numpy.stack([numpy.zeros(vectors.shape[1]), numpy.ones(vectors.shape[1])]).astype(numpy.float32)
    mean, spread = vectors.mean(axis=0, dtype=numpy.float64), vectors.std(axis=0, dtype=numpy.float64)
    largest = float(spread.max())
    factor = 1.0 / numpy.maximum(spread, LEAST_SPREAD * largest) if largest > 0 else numpy.ones_like(spread)
    return numpy.stack([mean, factor]).astype(numpy.float32)


def standardised(vectors: numpy.ndarray, scale: Optional[numpy.ndarray] = None) -> numpy.ndarray:
    """Scale features to zero mean and unit variance (float32, n x d). scale (float32, 2 x d): as ``scales`` gives it,
    of these vectors if None."""
    mean, factor = scales(vectors) if scale is None else scale
    return ((vectors - mean) * factor).astype(numpy.float32)


def typical_members(vectors: numpy.ndarray, families: numpy.ndarray) -> numpy.ndarray:
    """Return the member of each family that is nearest to its mean (int64, families), the first of equals."""
    scaled = standardised(vectors)
    order = numpy.argsort(families, kind="stable")
    bounds = numpy.searchsorted(families[order], numpy.arange(int(families.max(initial=-1)) + 2))
    typical = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist()):
        members = order[start:end]
        away = ((scaled[members] - scaled[members].mean(axis=0)) ** 2).sum(axis=1)
        typical.append(int(members[int(away.argmin())]))
    return numpy.array(typical, dtype=numpy.int64)


def _clusters(vectors: numpy.ndarray, count: int) -> numpy.ndarray:
    from scipy.cluster.vq import kmeans2, vq

    if count < 2:
        return numpy.zeros(len(vectors), dtype=numpy.int64)
    sample = vectors[:: -(-len(vectors) // SAMPLE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of clusters that became empty: they are left out below
        centres, _ = kmeans2(sample, _spread_out(sample, count), iter=ITERATIONS, minit="matrix")
    assigned, _ = vq(vectors, centres)
    return numpy.unique(assigned, return_inverse=True)[1].reshape(-1)


def _spread_out(vectors: numpy.ndarray, count: int) -> numpy.ndarray:
    """Choose vectors to begin with, each drawn by its squared distance to those before."""
    generator = numpy.random.default_rng(0)
    chosen = [int(generator.integers(len(vectors)))]
    squares = (vectors**2).sum(axis=1, dtype=numpy.float64)
    away = numpy.full(len(vectors), numpy.inf)
    while len(chosen) < count:
        last = chosen[-1]
        away = numpy.minimum(away, numpy.maximum(squares - 2 * (vectors @ vectors[last]) + squares[last], 0.0))
        away[last] = 0.0
        total = numpy.cumsum(away)
        if total[-1] <= 0:
            break
        chosen.append(min(int(numpy.searchsorted(total, generator.random() * total[-1])), len(vectors) - 1))
    return vectors[numpy.unique(chosen)]


def _split_large(vectors: numpy.ndarray, families: numpy.ndarray, most: int, least: int) -> numpy.ndarray:
    """Halve families that hold too large a share, or more than ``most`` labels, along the direction in which they are
    widest; none with ``least`` labels or fewer."""
    families = families.copy()
    largest = max(min(int(LARGEST_SHARE * len(vectors)), most), least, 1)
    waiting, count = list(range(int(families.max(initial=0)) + 1)), int(families.max(initial=0)) + 1
    while waiting:
        members = numpy.flatnonzero(families == waiting[-1])
        if len(members) <= largest:
            waiting.pop()
            continue
        around = vectors[members] - vectors[members].mean(axis=0)
        widest = numpy.linalg.svd(around, full_matrices=False)[2][0]
        order = numpy.argsort(around @ widest, kind="stable")
        families[members[order[len(members) // 2 :]]] = count
        waiting.append(count)
        count += 1
    return families

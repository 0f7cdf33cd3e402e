"""What trusted labels say of training labels: whether these oppose them, and whether similar tokens bear another."""

from __future__ import annotations

from typing import Callable, Iterator

import numpy
import torch

from ..attribution.method import Texts
from ..index.queries import CurvedQueries, Factors
from ..influence.factors import TokenFactors
from ..influence.linear_algebra import unit_vectors
from .norms import segment_self_influences, self_influences
from .source import LabelSource, chains_at

TOP = 10
QUERIES, ROWS = 128, 2048  # clean segments and training labels that are compared at once
COMPARED = 1 << 24  # cosines held at once
ROUNDING = 1e-6  # relative, of norms that an index keeps in float32


def clean_opposition(source: LabelSource, top: int = TOP) -> numpy.ndarray:
    """Return how strongly each training token opposes the trusted labels (float64, tokens; 0 or more).

    The influence of a training label on a clean segment is g_q^T H^-1 g_k, the first-order change of the segment's
    conditional loss when the training label is removed; where it is negative the label opposes. The score is the mean
    of the ``top`` strongest oppositions, that is of the most negative influences with their sign turned, and a clean
    segment that the label supports counts 0. (Jain et al. 2022, section 6, with the mean over the 10 largest; any
    metric. With fewer clean segments the mean is over all of them.) In float32 products.
    """
    return _strongest(source, self_influences(source), lambda rows: _in_float32(source.factors(rows)), top)


def segment_clean_opposition(source: LabelSource, segments: numpy.ndarray, top: int = TOP) -> numpy.ndarray:
    """Return the same of training segments (ints, n x 3), all tokens of each free together (float64, n).

    RAISES (ValueError): S029 if a segment is not inside its document.
    """
    norms = segment_self_influences(source, segments)
    return _strongest(source, norms, lambda rows: source.chains(segments[rows]).factors(), top)


def clean_disagreement(source: LabelSource, count: int = TOP) -> numpy.ndarray:
    """Return how many of each training token's nearest clean tokens have another label, weighted by similarity
    (float64, tokens, 0 to 1). Similarity is the cosine of features; a negative one counts (almost) nothing."""
    clean = clean_of(source)
    rows = _clean_tokens(clean)
    labels, result = clean.labels[rows], numpy.zeros(len(source.labels))
    every = numpy.arange(len(result))
    for part, weights, places in nearest(source.data.features, every, clean.data.features[rows], count):
        other = labels[places] != source.labels[part, None]
        result[part] = (weights * other).sum(axis=1) / weights.sum(axis=1)
    return result


def clean_of(source: LabelSource) -> Texts:
    """Return the clean documents, which ``label_scores`` has made sure of."""
    assert source.clean is not None
    return source.clean


def _strongest(
    source: LabelSource, norms: numpy.ndarray, factors: Callable[[numpy.ndarray], Factors], top: int
) -> numpy.ndarray:
    """Average the strongest oppositions of training labels to clean segments.

    norms (float64, n): at least the norms of the labels' gradients in the metric of H^-1. factors (Callable): gives the
    factored gradients of some labels (int64).
    """
    top = min(top, len(clean_of(source)))
    best = numpy.zeros((len(norms), top), dtype=numpy.float32)  # falling
    bounds = norms * (1.0 + ROUNDING)
    for queries in _queries(source) if top else ():
        # By Cauchy-Schwarz no other label can oppose one of these more than what it has already.
        active = numpy.flatnonzero(bounds * queries.norms().max() > best[:, -1])
        every = numpy.arange(len(queries))
        for start in range(0, len(active), ROWS):
            rows = active[start : start + ROWS]
            opposition = numpy.maximum(-queries.scores(every, factors(rows)).T, 0.0)
            together = torch.from_numpy(numpy.concatenate([best[rows], opposition], axis=1, dtype=numpy.float32))
            best[rows] = torch.topk(together, top, dim=1).values.numpy()
    return best.mean(axis=1, dtype=numpy.float64) if top else numpy.zeros(len(norms))


def _queries(source: LabelSource) -> Iterator[CurvedQueries]:
    """Yield the gradients of the clean segments, the largest first, as queries in the metric of H^-1."""
    segments = clean_of(source).segments
    lengths = [numpy.zeros(0)]
    for start in range(0, len(segments), QUERIES):
        lengths.append(numpy.linalg.norm(_gradients(source, segments[start : start + QUERIES]), axis=1))
    order = numpy.argsort(-numpy.concatenate(lengths), kind="stable")
    for start in range(0, len(order), QUERIES):
        yield CurvedQueries(source.metric, _gradients(source, segments[order[start : start + QUERIES]]))


def _gradients(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    clean = clean_of(source)
    return chains_at(source.head, clean.data, clean.labels, segments).gradients()


def _in_float32(tokens: TokenFactors) -> TokenFactors:
    return TokenFactors(tokens.features, tokens.residuals.astype(numpy.float32), tokens.previous, tokens.following)


def _clean_tokens(clean: Texts) -> numpy.ndarray:
    """Return the rows of the tokens of the clean segments (int64), each once."""
    return numpy.unique(clean.data.rows_of(clean.segments))


def nearest(
    features: numpy.ndarray, rows: numpy.ndarray, others: numpy.ndarray, count: int
) -> Iterator[tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]]:
    """Find the most similar of other tokens, by the cosine of features, for some rows (ints) of a corpus.

    features (floats, tokens x d): of the corpus. others (floats, n x d). count (int): how many, if there are so many.
    YIELDS: rows, cosines (float64, rows x count, falling; negative ones are almost 0) and numbers among the others.
    """
    theirs = torch.from_numpy(unit_vectors(others.astype(numpy.float32, copy=False))).T
    size = max(1, COMPARED // max(len(others), 1))
    for start in range(0, len(rows) if count and len(others) else 0, size):
        part = rows[start : start + size]
        mine = torch.from_numpy(unit_vectors(features[part].astype(numpy.float32, copy=False)))
        values, places = (found.numpy() for found in torch.topk(mine @ theirs, min(count, len(others)), dim=1))
        yield part, numpy.maximum(values.astype(numpy.float64), 1e-12), places

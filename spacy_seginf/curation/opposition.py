"""What trusted labels say of training labels: whether these oppose them, and whether similar tokens bear another."""

from __future__ import annotations

from typing import Callable, Iterator

import numpy
import torch

from ..attribution.method import Texts
from ..index.queries import CurvedQueries, Factors
from ..influence.factors import TokenFactors
from .neighbours import nearest_neighbours
from .norms import segment_self_influences, self_influences
from .source import LabelSource, chains_at

TOP = 10
QUERIES, ROWS = 128, 2048  # trusted segments and training labels that are compared at once
ROUNDING = 1e-6  # relative, of norms that an index keeps in float32


def trusted_opposition(source: LabelSource, top: int = TOP) -> numpy.ndarray:
    """Return how strongly each training token opposes the trusted labels (float64, tokens; 0 or more).

    The influence of a training label on a trusted segment is g_q^T H^-1 g_k, the first-order change of the segment's
    conditional loss when the training label is removed; where it is negative the label opposes. The score is the mean
    of the ``top`` strongest oppositions, that is of the most negative influences with their sign turned, and a trusted
    segment that the label supports counts 0. (Jain et al. 2022, section 6, with the mean over the 10 largest; any
    metric. With fewer trusted segments the mean is over all of them.) In float32 products.
    """
    return _strongest(source, self_influences(source), lambda rows: _in_float32(source.factors(rows)), top)


def segment_trusted_opposition(source: LabelSource, segments: numpy.ndarray, top: int = TOP) -> numpy.ndarray:
    """Return the same of training segments (ints, n x 3), all tokens of each free together (float64, n).

    RAISES (ValueError): S029 if a segment is not inside its document.
    """
    norms = segment_self_influences(source, segments)
    return _strongest(source, norms, lambda rows: source.chains(segments[rows]).factors(), top)


def trusted_disagreement(source: LabelSource, nearest: int = TOP) -> numpy.ndarray:
    """Return how many of each training token's nearest trusted tokens have another label, weighted by similarity
    (float64, tokens, 0 to 1). Similarity is the cosine of features; a negative one counts (almost) nothing."""
    trusted = trusted_of(source)
    rows = trusted_tokens(trusted)
    labels = trusted.labels[rows]
    result = numpy.zeros(len(source.labels))
    for part, places, weights in nearest_neighbours(source.data.features, trusted.data.features[rows], nearest):
        result[part] = (weights * (labels[places] != source.labels[part, None])).sum(axis=1)
    return result


def trusted_of(source: LabelSource) -> Texts:
    """Return the trusted documents, which ``label_scores`` has made sure of."""
    assert source.trusted is not None
    return source.trusted


def _strongest(
    source: LabelSource, norms: numpy.ndarray, factors: Callable[[numpy.ndarray], Factors], top: int
) -> numpy.ndarray:
    """Average the strongest oppositions of training labels to trusted segments.

    norms (float64, n): at least the norms of the labels' gradients in the metric of H^-1. factors (Callable): gives the
    factored gradients of some labels (int64).
    """
    top = min(top, len(trusted_of(source)))
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
    """Yield the gradients of the trusted segments, the largest first, as queries in the metric of H^-1."""
    segments = trusted_of(source).segments
    lengths = [numpy.zeros(0)]
    for start in range(0, len(segments), QUERIES):
        lengths.append(numpy.linalg.norm(trusted_gradients(source, segments[start : start + QUERIES]), axis=1))
    order = numpy.argsort(-numpy.concatenate(lengths), kind="stable")
    for start in range(0, len(order), QUERIES):
        yield CurvedQueries(source.metric, trusted_gradients(source, segments[order[start : start + QUERIES]]))


def trusted_gradients(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    """Return minus the gradients of the losses of segments (ints, n x 3) of the trusted documents (float64, n x P)."""
    trusted = trusted_of(source)
    return chains_at(source.head, trusted.data, trusted.labels, segments).gradients()


def _in_float32(tokens: TokenFactors) -> TokenFactors:
    return TokenFactors(tokens.features, tokens.residuals.astype(numpy.float32), tokens.previous, tokens.following)


def trusted_tokens(trusted: Texts) -> numpy.ndarray:
    """Return the rows of the tokens of the trusted segments (int64), each once."""
    return numpy.unique(trusted.data.rows_of(trusted.segments))

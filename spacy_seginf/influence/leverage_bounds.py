"""How much of the curvature a label can hold at most, without its leverage matrix.

Removing labels corrects their gradient g by their leverage h, the largest eigenvalue of H^-1 H_k: in the metric of
H^-1 the corrected gradient is no further from g than h / (1 - h) of its norm. H_k is a covariance of statistics phi,

    h <= tr(H^-1 H_k) <= gain^2 tr(H_k) <= gain^2 E |phi(y) - phi(observed)|^2        gain^2: largest eigenvalue of H^-1

and phi(y) differs from phi(observed) with probability 1 - p(observed) only, which residuals hold without cancellation.
"""

from __future__ import annotations

import numpy

from .factors import TokenFactors
from .segments import SegmentFactors

NEGLIGIBLE = 1e-5  # leverage: what the correction would change is a smaller share of an effect than float16 features do


def token_leverage_bounds(tokens: TokenFactors, gain: float) -> numpy.ndarray:
    """Bound the leverage of tokens (float64, n).

    tokens (TokenFactors): plain gradients, each of one observed label. gain (float): largest norm of H^-1/2 g per |g|.
    """
    # Another label moves two rows of W by the features, an entry of T at each neighbour away, and one there; where the
    # label to the left is also the one to the right these two may be the same entry.
    lengths = _squares(tokens.features)
    lengths += (tokens.previous >= 0).astype("float64") + (tokens.following >= 0)
    both = (tokens.previous >= 0) & (tokens.following >= 0)
    return gain**2 * _doubts(tokens.residuals) * (2.0 * lengths + 2.0 * both)


def segment_leverage_bounds(segments: SegmentFactors, gain: float) -> numpy.ndarray:
    """Bound the leverage of segments (float64, n).

    segments (SegmentFactors): plain gradients, each of one observed labelling. gain (float): as for tokens.
    """
    # With m of n labels changed, rows of W move by at most the sum of m vectors and back, |.|^2 <= 2 n sum |F|^2, and
    # at most min(2 m, n + 1) label pairs go and as many come, |.|^2 <= 2 (2 m) (n + 1).
    sizes = numpy.repeat(segments.lengths, segments.lengths)
    reach = 2.0 * sizes * _squares(segments.features) + 4.0 * (sizes + 1.0)
    if not len(segments):
        return numpy.zeros(0)
    return gain**2 * numpy.add.reduceat(_doubts(segments.residuals) * reach, segments.starts[:-1])


def norm_bounds(norms: numpy.ndarray, leverage: numpy.ndarray) -> numpy.ndarray:
    """Bound corrected norms, given bounds on plain ones and on leverages below 1 (float64, n)."""
    return norms / (1.0 - leverage)


def _doubts(residuals: numpy.ndarray) -> numpy.ndarray:
    """Return 1 - p(observed label) of every token: the residual of that label, and the largest."""
    return numpy.abs(residuals).max(axis=1).astype("float64")


def _squares(features: numpy.ndarray) -> numpy.ndarray:
    """Return the squared lengths of token vectors with the constant 1 (float64, n)."""
    return numpy.einsum("nd,nd->n", features, features, dtype="float64") + 1.0

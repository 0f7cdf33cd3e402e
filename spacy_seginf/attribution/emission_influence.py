"""Influence through the weights of emissions alone, without any curvature: what the first paper computes.

    score = <g_q, g_k>, or its cosine

g are minus the gradients of conditional losses with respect to W and its bias column (Jain et al. 2022, "Computational
Challenges"). With the transitions left out, a label is like another, or contradicts it, whatever labels the neighbours
have, as under a softmax over single tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from spacy.util import registry

from ..influence.head import split
from ..influence.segments import SegmentFactors
from .method import Attribution, Context, Method, Texts
from .products import emission_products
from .settings import check_choice

CHUNK = 512  # gradients written out at once
SIMILARITIES = ("dot", "cosine")


@registry.misc("spacy_seginf.EmissionInfluence.v1")
@dataclass(frozen=True)
class EmissionInfluence(Method):
    """Score training segments by inner products of gradients with respect to the weights of emissions.

    Curvature is identity, and nothing is corrected for leverage.

    similarity (str): "cosine", or "dot", which also counts how surprising either label is.
    RAISES (ValueError): S095 for an unknown setting.
    """

    similarity: str = "cosine"
    name = "emission influence"
    cost = "the gradients of the training segments in factored form; one product with all segments per query"

    def __post_init__(self) -> None:
        check_choice("EmissionInfluence", "similarity", self.similarity, SIMILARITIES)

    def prepare(self, context: Context) -> Attribution:
        """Compute the gradients of all training segments."""
        return _EmissionAttribution(context, self.similarity == "cosine")


class _EmissionAttribution(Attribution):
    def __init__(self, context: Context, cosine: bool) -> None:
        self._head, self._cosine = context.head, cosine
        self._factors = context.training.chains(context.head).factors()
        self._lengths = _lengths(self._factors, context.head.labels) if cosine else numpy.ones(len(self._factors))
        tokens = float(self._factors.lengths.mean()) if len(self._factors) else 0.0
        # In factored form, features in half precision, as an index keeps them.
        self.bytes_per_segment = tokens * (2 * self._factors.features.shape[1] + 4 * context.head.labels) + 16

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return <g_q, g_k>, or its cosine (float64, queries x training segments)."""
        asked = queries.chains(self._head).factors()
        products = emission_products(asked, self._factors) / self._lengths
        return products / _lengths(asked, self._head.labels)[:, None] if self._cosine else products


def _lengths(factors: SegmentFactors, labels: int) -> numpy.ndarray:
    """Return the norms of gradients with respect to W and its bias (float64, n); of vanishing ones something harmless.

    labels (int): of the head.
    """
    result = numpy.zeros(len(factors))
    for start in range(0, len(factors), CHUNK):
        part = factors.between(start, min(start + CHUNK, len(factors)))
        weights, _ = split(part.gradients(), labels)
        result[start : start + CHUNK] = numpy.linalg.norm(weights, axis=(1, 2))
    return numpy.maximum(result, 1e-300)

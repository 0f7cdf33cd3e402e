"""Influence of segments on others: the first paper's method, with the curvature and the correction that it left out.

    score = g_q^T H^-1 g~_k

g are minus the gradients of conditional losses with respect to the head (Jain et al. 2022, Eq. 9), g~ the one that the
removed segment's own leverage corrects (``influence.removal``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy
from spacy.util import registry

from ..influence.curvature import IdentityCurvature
from ..influence.effects import HeadEffects
from .method import Attribution, Context, Method, Texts
from .settings import check_choice, check_curvature, chosen_metric

CHUNK = 512  # training segments scored at once
SIMILARITIES = ("dot", "cosine")


@registry.misc("spacy_seginf.SegmentInfluence.v1")
@dataclass(frozen=True)
class SegmentInfluence(Method):
    """Score training segments by influence on a segment.

    curvature (str): "exact", "kfac" or "identity"; that of the index if None.
    corrected (bool): whether removal is corrected for the segment's own leverage; unless curvature is identity if None.
    similarity (str): "dot", or "cosine", which takes away how surprising either label is.
    RAISES (ValueError): S095 for an unknown setting.
    """

    curvature: Optional[str] = None
    corrected: Optional[bool] = None
    similarity: str = "dot"
    name = "segment influence"
    cost = "one product with H^-1 per query; a dense scan of the segments, or the index's exact search"

    def __post_init__(self) -> None:
        check_curvature("SegmentInfluence", self.curvature)
        check_choice("SegmentInfluence", "similarity", self.similarity, SIMILARITIES)

    def prepare(self, context: Context) -> Attribution:
        """Compute the curvature unless the index has it, and the gradients of all training segments."""
        metric = chosen_metric(context, self.curvature)
        effects = HeadEffects(context.training.data, context.head, context.penalty, metric, context.training.labels)
        corrected = not isinstance(metric, IdentityCurvature) if self.corrected is None else self.corrected
        return _SegmentAttribution(effects, context.training, corrected, self.similarity == "cosine")

    def is_search(self, curvature: str) -> bool:
        """Are its scores those that an index of this curvature is sorted for?"""
        plain = self.corrected is None or self.corrected == (curvature != "identity")
        return self.similarity == "dot" and plain and self.curvature in (None, curvature)


class _SegmentAttribution(Attribution):
    def __init__(self, effects: HeadEffects, training: Texts, corrected: bool, cosine: bool) -> None:
        self._head, self._metric, self._cosine = effects.head, effects.metric, cosine
        size, count = effects.head.size, len(training)
        self._gradients = numpy.zeros((count, size))
        if corrected:
            for part, found in effects.corrected_gradients(training.segments):
                self._gradients[part] = found.factors.gradients()
        else:
            for start in range(0, count, CHUNK):
                part = training.segments[start : start + CHUNK]
                self._gradients[start : start + CHUNK] = effects.gradients(part)
        if cosine:
            for start in range(0, count, CHUNK):
                block = self._gradients[start : start + CHUNK]
                block /= _norms(block, self._metric.apply(block))[:, None]
        labels, width = effects.data.labels, effects.data.width
        tokens = float((training.segments[:, 2] - training.segments[:, 1]).mean()) if count else 0.0
        # In factored form, features in half precision, as an index keeps them.
        self.bytes_per_segment = tokens * (2 * (width - 1) + 4 * labels) + 4 * labels**2 + 16

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return g_q^T H^-1 g~_k, or its cosine in the metric of H^-1 (float64, queries x training segments)."""
        gradients = queries.chains(self._head).gradients()
        curved = self._metric.apply(gradients)
        if self._cosine:
            curved = curved / _norms(gradients, curved)[:, None]
        return curved @ self._gradients.T


def _norms(gradients: numpy.ndarray, curved: numpy.ndarray) -> numpy.ndarray:
    """Return the norms of gradients in the metric of H^-1; of vanishing ones something harmless."""
    return numpy.sqrt(numpy.maximum(numpy.einsum("np,np->n", gradients, curved), 1e-300))

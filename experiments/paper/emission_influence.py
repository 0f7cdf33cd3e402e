"""Influence through the weights of emissions alone: what a softmax over single tokens would compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from spacy_seginf.attribution.method import Attribution, Context, Method, Texts
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.head import Head, split


@dataclass(frozen=True)
class EmissionInfluence(Method):
    """Score training segments by the cosine of gradients of conditional losses with respect to W and its bias column.

    Curvature is identity, and nothing is corrected for leverage. With the transitions left out, a label is like
    another, or contradicts it, whatever labels the neighbours have.
    """

    name = "emission influence"
    cost = "a dense scan of the segments"

    def prepare(self, context: Context) -> Attribution:
        """Compute the gradients of all training segments."""
        training = context.training
        metric = IdentityCurvature(training.data.labels, training.data.width)
        effects = HeadEffects(training.data, context.head, context.penalty, metric, training.labels)
        return _Emissions(context.head, effects.gradients(training.segments))


class _Emissions(Attribution):
    def __init__(self, head: Head, gradients: numpy.ndarray) -> None:
        self._head = head
        self._directions = self._scaled(gradients)

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return cosines (float64, queries x training segments): positive supports, negative opposes."""
        return self._scaled(queries.chains(self._head).gradients()) @ self._directions.T

    def _scaled(self, gradients: numpy.ndarray) -> numpy.ndarray:
        emissions = split(gradients, self._head.labels)[0].reshape(len(gradients), -1)
        return emissions / numpy.maximum(numpy.linalg.norm(emissions, axis=1, keepdims=True), 1e-300)

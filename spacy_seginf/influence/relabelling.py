"""What changing labels does to the head's optimum.

Relabelling a segment from y to y' changes J by s(y) - s(y'), which is linear in theta: the first-order step is
H^-1 (phi(y') - phi(y)), and the curvature stays. But the segment's own probability moves a long way, so its own loss is
kept exact and only the rest of J is quadratic:

    (H - H_k) d = g'_k(theta + d) - g_k(theta)

with H_k the Hessian of the segment's conditional loss and g_k, g'_k its observed minus expected statistics with the old
and with the new labels. A damped Newton iteration solves this without reading any other document. Taking the whole
document for the segment keeps its loss exact too, at little cost, and agrees better with refits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from ..crf.likelihood import pairs_by_sequence
from ..crf.schemes import OUTSIDE, TagScheme
from .curvature import Metric
from .removal import OwnCurvature, conjugate_gradients, throughout
from .segments import SegmentChains

ITERATIONS = 30
TOLERANCE = 1e-7
HALVINGS = 20


@dataclass(frozen=True)
class LabelChange:
    """A training label and another that it might have. reference: the label, as plain values. label: the other one.
    before, after: the explained segment's probability of its labels, and what the change would make of it.
    refit (bool): whether after is that of a refit head, not of a predicted one."""

    reference: dict[str, Any]
    label: str
    before: float
    after: float
    refit: bool = False


def alternatives(scheme: TagScheme, unit: str, length: int) -> list[tuple[str, list[int]]]:
    """List what a segment could be labelled as: every entity type and "O", or every tag for single tokens."""
    if unit == "token":
        return [(tag, [number] * length) for number, tag in enumerate(scheme.tags)]
    return [(OUTSIDE, [0] * length), *((label, scheme.entity_tags(label, length)) for label in scheme.labels)]


def first_order(chains: SegmentChains, observed: numpy.ndarray) -> numpy.ndarray:
    """Return phi(new labels) - phi(old labels) of one segment (float64, P)."""
    new, old = observed.argmax(axis=1), chains.observed.argmax(axis=1)
    size = observed.shape[1]
    pairs = pairs_by_sequence(new, [len(new)], size) - pairs_by_sequence(old, [len(old)], size)
    return chains.with_edges(observed.astype(float) - chains.observed, pairs).gradients()[0]


class _CurvatureLost:
    """The segments' curvature before the change, less that after a step."""

    def __init__(self, before: OwnCurvature, after: OwnCurvature) -> None:
        self._before, self._after = before, after

    def product(self, vectors: numpy.ndarray) -> numpy.ndarray:
        return self._before.product(vectors) - self._after.product(vectors)


def relabelled_step(metric: Metric, before: SegmentChains, observed: numpy.ndarray) -> numpy.ndarray:
    """Predict the change of theta when segments get new labels, all together (float64, 1 x P).

    metric (Metric): H^-1 at the optimum. before (SegmentChains): the segments there with their present labels.
    observed (bool, tokens of the segments x labels): their new labels.
    """
    owners = numpy.zeros(len(before), dtype=numpy.int64)
    own = OwnCurvature(before, owners)
    present = own.total(before.factors())

    def at(step: numpy.ndarray, image: numpy.ndarray) -> tuple[OwnCurvature, numpy.ndarray]:
        """Return the segments' curvature after a step, and what of the equation is unsolved there."""
        after = OwnCurvature(before.at(before.head.moved(step[0]), observed), owners)
        return after, after.total(after.chains.factors()) - present - (image - own.product(step))

    step, image = numpy.zeros_like(present), numpy.zeros_like(present)  # image is H step
    after, unsolved = at(step, image)
    conditioned = metric.apply(unsolved)
    first = size = _size(unsolved, conditioned)
    for _ in range(ITERATIONS):
        if size <= TOLERANCE * first:
            break
        lost = _CurvatureLost(own, after)
        newton, scale, _ = conjugate_gradients(lost, throughout(metric), unsolved, conditioned, 0.1 * TOLERANCE)
        newton_image = unsolved + scale[:, None] * lost.product(newton)
        rate = 1.0
        for _ in range(HALVINGS):
            new_step, new_image = step + rate * newton, image + rate * newton_image
            new_after, new_unsolved = at(new_step, new_image)
            new_conditioned = metric.apply(new_unsolved)
            new_size = _size(new_unsolved, new_conditioned)
            if new_size < size:
                break
            rate *= 0.5
        else:
            break
        step, image, after = new_step, new_image, new_after
        unsolved, conditioned, size = new_unsolved, new_conditioned, new_size
    return step


def _size(vector: numpy.ndarray, conditioned: numpy.ndarray) -> float:
    return float(numpy.sqrt(max(float((vector * conditioned).sum()), 0.0)))

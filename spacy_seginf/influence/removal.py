"""What removing labels does to the head's optimum: exact Newton steps of the objective without them.

Removing segment k adds its conditional loss's gradient g_k to that of J and takes its curvature H_k from the Hessian
H: the optimum moves by -(H - H_k)^-1 g_k. For a token this is a small linear system (``correct_tokens``); segments and
sets of them are solved by conjugate gradients (``correct_segments``). Where H_k outweighs H the objective need not be
convex; there H_k is scaled down to the leverage LEVERAGE_LIMIT.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, Optional, Protocol

import numpy

from .. import budget
from .curvature import ExactCurvature, Metric
from .factors import TokenFactors
from .linear_algebra import eigenvalues, solve
from .segments import SegmentChains, SegmentFactors
from .token_leverage import FactoredLeverage, Leverage, times

LEVERAGE_LIMIT = 0.95  # leverage beyond this is clipped: the removal objective need not be convex there
LEVERAGE_FLAG = 0.5  # leverage beyond this makes a single Newton step doubtful
TOLERANCE = 1e-9
ITERATIONS = 60
Conditioner = Callable[[numpy.ndarray, numpy.ndarray], numpy.ndarray]


@dataclass(frozen=True)
class TokenCorrection:
    """What removing single tokens' labels does, in factored form.

    residuals (float64, tokens x labels): corrected residuals e~; dtheta = -H^-1 A^T e~.
    leverage (float64, tokens): largest eigenvalue of S^1/2 M S^1/2 before clipping.
    """

    residuals: numpy.ndarray
    leverage: numpy.ndarray


def correct_tokens(
    residuals: numpy.ndarray, probabilities: numpy.ndarray, leverage: Leverage, *, adding: bool = False
) -> TokenCorrection:
    """Correct residuals for the removed token's own leverage: e~ = (I - S M)^-1 e, S = diag(p) - p p^T.

    adding (bool): for labels that are no part of J, what adding them does: e~ = (I + S M)^-1 e.
    residuals, probabilities (float64, tokens x labels). leverage: M = A H^-1 A^T, as ``token_leverage`` gives it.
    """
    labels = residuals.shape[1]
    if isinstance(leverage, FactoredLeverage) or labels > budget.DENSE_LABELS:
        return _correct_tokens_of_many_labels(residuals, probabilities, leverage, adding)
    spread = numpy.einsum("na,ab->nab", probabilities, numpy.eye(labels))
    spread -= probabilities[:, :, None] * probabilities[:, None, :]
    spread *= -1.0 if adding else 1.0
    # S M has the eigenvalues of R^T M R with S = R R^T: R = diag(r) (1 - r r^T), r the roots of p.
    roots = numpy.sqrt(probabilities)
    root = roots[:, :, None] * (numpy.eye(labels) - roots[:, :, None] * roots[:, None, :])
    largest = eigenvalues(root.transpose(0, 2, 1) @ leverage @ root)[:, -1]
    clipped = leverage
    if not adding:
        clipped = leverage * numpy.minimum(1.0, LEVERAGE_LIMIT / numpy.maximum(largest, 1e-300))[:, None, None]
    corrected = solve(numpy.eye(labels) - spread @ clipped, residuals[:, :, None])[:, :, 0]
    return TokenCorrection(corrected, numpy.maximum(largest, 0.0))


def _correct_tokens_of_many_labels(
    residuals: numpy.ndarray, probabilities: numpy.ndarray, leverage: Leverage, adding: bool
) -> TokenCorrection:
    """Do the same by conjugate gradients: a few products take the place of two decompositions for each token. The
    largest eigenvalue is, as for segments, the largest that the residual has a part in."""
    own = _OwnSpread(probabilities, -1.0 if adding else 1.0)
    start = times(leverage, residuals)
    x, scale, largest = conjugate_gradients(own, partial(times, leverage), residuals, start, TOLERANCE)
    return TokenCorrection(residuals + scale[:, None] * own.product(x), largest)


@dataclass(frozen=True)
class _OwnSpread:
    """S = diag(p) - p p^T of tokens (p: float64, tokens x labels), times a sign."""

    probabilities: numpy.ndarray
    sign: float

    def product(self, vectors: numpy.ndarray) -> numpy.ndarray:
        mean = numpy.einsum("na,na->n", self.probabilities, vectors)
        return self.sign * self.probabilities * (vectors - mean[:, None])


@dataclass(frozen=True)
class CorrectedGradients:
    """Segments' gradients, corrected for what removing their labels does.

    factors (SegmentFactors): corrected gradients, g + H_k x; dtheta = -H^-1 (their sum over a set).
    norms (float64, sets): norm of the corrected gradient in the metric of H^-1.
    self_influence (float64, sets): norm of the plain gradient in that metric.
    leverage (float64, sets): share of own in whole curvature: largest eigenvalue of H^-1 H_k, as far as the gradient
        has a part in it; at most that eigenvalue, and close to it.
    """

    factors: SegmentFactors
    norms: numpy.ndarray
    self_influence: numpy.ndarray
    leverage: numpy.ndarray


@dataclass(frozen=True)
class SegmentCorrection(CorrectedGradients):
    """The same and what removing the labels does. steps (float64, sets x P): dtheta."""

    steps: numpy.ndarray


class Product(Protocol):
    """A symmetric matrix per set, by its products with one vector per set (float64, sets x P)."""

    def product(self, vectors: numpy.ndarray) -> numpy.ndarray: ...


class OwnCurvature:
    """H_k of several sets of segments, less than none for those that are added: multiplies one parameter vector per
    set."""

    def __init__(self, chains: SegmentChains, owners: numpy.ndarray, adding: bool = False) -> None:
        self.chains, self.owners, self.sign = chains, owners, -1.0 if adding else 1.0
        self.sets = int(owners.max()) + 1 if len(owners) else 0
        self._single = bool((owners == numpy.arange(len(owners))).all())

    def total(self, factors: SegmentFactors) -> numpy.ndarray:
        """Write gradients out and add them up within each set (float64, sets x P)."""
        rows = factors.gradients()
        if self._single:
            return rows
        summed = numpy.zeros((self.sets, rows.shape[1]))
        numpy.add.at(summed, self.owners, rows)
        return summed

    def product(self, vectors: numpy.ndarray) -> numpy.ndarray:
        return self.sign * self.total(self.chains.curvature_product(vectors[self.owners]))


def correct_segments(
    chains: SegmentChains,
    metric: Metric,
    owners: Optional[numpy.ndarray] = None,
    tolerance: float = TOLERANCE,
    adding: bool = False,
) -> SegmentCorrection:
    """Solve (H - H_k) x = g_k for segments, or for sets of segments that are removed together.

    chains (SegmentChains): the segments under the head.
    metric (Metric): H^-1.
    owners (ints, segments): number of the set that each segment belongs to, counted from 0; None: each its own.
        Segments of one set must not touch: a run of removed tokens is one segment.
    tolerance (float): of x, relative, in the norm of H.
    adding (bool): solve (H + H_k) x = g_k, for labels that are no part of J. Steps are still
        -x, so minus what adding does.
    """
    own = OwnCurvature(chains, numpy.arange(len(chains)) if owners is None else owners, adding)
    plain = chains.factors()
    gradients = own.total(plain)
    start = metric.apply(gradients)
    x, scale, leverage = conjugate_gradients(own, throughout(metric), gradients, start, tolerance)
    added = chains.curvature_product(x[own.owners])
    weight = own.sign * scale[own.owners]
    factors = SegmentFactors(
        plain.features,
        plain.residuals + numpy.repeat(weight, plain.lengths)[:, None] * added.residuals,
        plain.pairs + weight[:, None, None] * added.pairs,
        plain.lengths,
    )
    norms, self_influence = _norms(own.total(factors), x), _norms(gradients, start)
    factors = replace(factors, pairs=chains.kept_pairs(factors.pairs, x[own.owners], weight))
    return SegmentCorrection(factors, norms, self_influence, leverage, -x)


class OwnScores:
    """H_k of segments of one length with respect to their scores: those of their labels, token by token, and those of
    pairs of labels inside, as one vector (r numbers)."""

    def __init__(self, chains: SegmentChains, length: int, adding: bool = False) -> None:
        self.chains, self.labels, self.sign = chains, chains.transitions.shape[0], -1.0 if adding else 1.0
        self.size = length * self.labels

    def split(self, vectors: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Take vectors (float64, segments x r) apart: tokens x labels, and segments x labels x labels."""
        pairs = vectors[:, self.size :].reshape(-1, self.labels, self.labels)
        return vectors[:, : self.size].reshape(-1, self.labels), pairs

    def join(self, unary: numpy.ndarray, pairs: numpy.ndarray) -> numpy.ndarray:
        """Undo ``split``."""
        return numpy.concatenate([unary.reshape(-1, self.size), pairs.reshape(-1, self.labels**2)], axis=1)

    def product(self, vectors: numpy.ndarray) -> numpy.ndarray:
        return self.sign * self.join(*self.chains.covariances(*self.split(vectors)))


def correct_short_segments(
    chains: SegmentChains, metric: ExactCurvature, tolerance: float = TOLERANCE, adding: bool = False
) -> CorrectedGradients:
    """Solve (H - H_k) x = g_k for segments of one length in terms of their scores, of which there are fewer than
    parameters: with B from theta to scores, g_k = B^T e, H_k = B^T S B, and only M = B H^-1 B^T is needed.

    chains (SegmentChains): segments that all have the same number of tokens, each removed on its own.
    tolerance, adding: as for ``correct_segments``.
    """
    length = int(chains.lengths[0])
    own = OwnScores(chains, length, adding)
    plain = chains.factors()
    if length == 1:
        matrices = numpy.zeros((len(chains), own.size + own.labels**2, own.size + own.labels**2))
        tokens = TokenFactors(plain.features, plain.residuals, chains.previous, chains.following)
        matrices[:, : own.size, : own.size] = metric.leverage(tokens)
    else:
        matrices = metric.segment_leverage(plain, chains.previous, chains.following)

    def conditioned(vectors: numpy.ndarray, numbers: numpy.ndarray) -> numpy.ndarray:
        return (matrices[numbers] @ vectors[:, :, None])[:, :, 0]

    residuals = own.join(*chains.statistics())
    start = conditioned(residuals, numpy.arange(len(chains)))
    x, scale, leverage = conjugate_gradients(own, conditioned, residuals, start, tolerance)
    corrected = residuals + scale[:, None] * own.product(x)
    factors = chains.with_edges(*own.split(corrected))
    return CorrectedGradients(factors, _norms(corrected, x), _norms(residuals, start), leverage)


def throughout(metric: Metric) -> Conditioner:
    """Return what multiplies by H^-1, the same for all sets."""
    return lambda vectors, _: metric.apply(vectors)


def _norms(gradients: numpy.ndarray, conditioned: numpy.ndarray) -> numpy.ndarray:
    return numpy.sqrt(numpy.maximum(numpy.einsum("sp,sp->s", gradients, conditioned), 0.0))


def solve_without(
    chains: SegmentChains,
    owners: numpy.ndarray,
    metric: Metric,
    gradient: numpy.ndarray,
    tolerance: float,
    adding: bool = False,
) -> numpy.ndarray:
    """Solve (H - H_k) x = gradient, or (H + H_k) x = gradient, for one set (owners all 0) and any right-hand side
    (float64, P)."""
    own = OwnCurvature(chains, owners, adding)
    start = metric.apply(gradient[None])
    x, _, _ = conjugate_gradients(own, throughout(metric), gradient[None], start, tolerance)
    return x[0]


def conjugate_gradients(
    own: Product, conditioner: Conditioner, gradients: numpy.ndarray, start: numpy.ndarray, tolerance: float
) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Solve (H - c H_k) x = g, preconditioned by H^-1, all sets at once.

    H itself is never needed: it maps every search direction to a combination of residuals that are known.
    conditioner (Callable): multiplies residuals of some sets (float64, n x P) by H^-1, given the sets' numbers too.
    start (float64, sets x P): H^-1 g.
    RETURNS: x, c (1 unless the leverage had to be clipped) and the leverage.
    """

    def dot(left: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
        return numpy.einsum("sp,sp->s", left, right)

    sets = len(start)
    scale, leverage = numpy.ones(sets), numpy.zeros(sets)
    first_residual = own.product(start)  # g - (H - H_k) H^-1 g
    first_direction = conditioner(first_residual, numpy.arange(sets))
    x, residual, direction = start.copy(), first_residual.copy(), first_direction.copy()
    image = residual.copy()  # H times the direction
    energy = dot(residual, direction)
    steps, momenta = numpy.zeros((2, ITERATIONS, sets))
    enough = tolerance**2 * dot(gradients, start)
    for iteration in range(ITERATIONS):
        active = numpy.flatnonzero(energy > enough)
        if not len(active):
            break
        product = own.product(direction)
        whole = dot(direction, image)
        ratio = numpy.zeros(sets)
        ratio[active] = dot(direction, product)[active] / numpy.maximum(whole[active], 1e-300)
        leverage = numpy.maximum(leverage, numpy.abs(ratio))
        excess = scale * ratio > LEVERAGE_LIMIT * (1 + 1e-9)
        if excess.any():  # start these sets again with less curvature of their own
            scale[excess] = LEVERAGE_LIMIT / ratio[excess]
            x[excess] = start[excess]
            residual[excess] = scale[excess, None] * first_residual[excess]
            direction[excess] = scale[excess, None] * first_direction[excess]
            image[excess] = residual[excess]
            energy[excess] = dot(residual, direction)[excess]
            steps[:, excess] = 0.0
        active = numpy.flatnonzero((energy > enough) & ~excess)
        step = numpy.zeros(sets)
        step[active] = energy[active] / (whole * (1 - scale * ratio))[active]
        x += step[:, None] * direction
        residual -= step[:, None] * (image - scale[:, None] * product)
        conditioned = conditioner(residual[active], active)
        new_energy = numpy.einsum("sp,sp->s", residual[active], conditioned)
        momentum = (new_energy / energy[active])[:, None]
        direction[active] = conditioned + momentum * direction[active]
        image[active] = residual[active] + momentum * image[active]
        energy[active] = new_energy
        steps[iteration], momenta[iteration, active] = step, momentum[:, 0]
    return x, scale, numpy.maximum(leverage, (1.0 - _smallest_ritz_value(steps, momenta)) / scale)


def _smallest_ritz_value(steps: numpy.ndarray, momenta: numpy.ndarray) -> numpy.ndarray:
    """Return the smallest eigenvalue of each system, 1 at most, that conjugate gradients came across (Lanczos).

    steps, momenta (float64, iterations x systems): steps are 0 before a restart and after the end.
    """
    busy = numpy.flatnonzero(steps.any(axis=1))
    used = int(busy[-1]) + 1 if len(busy) else 0
    if not used:
        return numpy.ones(steps.shape[1])
    steps, momenta = steps[:used], momenta[:used]
    iterations, systems = steps.shape
    taken = steps > 0
    inverse = 1.0 / numpy.where(taken, steps, 1.0)
    lanczos = numpy.zeros((systems, iterations, iterations))
    every = numpy.arange(iterations)
    lanczos[:, every, every] = inverse.T
    linked = taken[:-1] & taken[1:]
    lanczos[:, every[1:], every[1:]] += numpy.where(linked, momenta[:-1] * inverse[:-1], 0.0).T
    beside = numpy.where(linked, numpy.sqrt(momenta[:-1]) * inverse[:-1], 0.0).T
    lanczos[:, every[1:], every[:-1]] = lanczos[:, every[:-1], every[1:]] = beside
    return eigenvalues(lanczos)[:, 0]

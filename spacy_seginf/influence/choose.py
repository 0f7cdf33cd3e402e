"""How strongly should a head be penalised? As strongly as labels that it was not fitted to like best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from ..errors import Errors
from .curvature import ExactCurvature, IdentityCurvature, KroneckerCurvature, Metric
from .fit import LBFGS_ITERATIONS, Fit, HeadData, Solver, hessian, loss_and_gradient, newton, positive_hessian

CANDIDATES = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
STRONGEST = 1e5
FALLBACK = 1.0
HELD_OUT = 10  # one document in so many
GAP = 1e-4  # nats per token that a fit of the search may miss the optimum by
SAMPLE_TOKENS = 20_000
LARGEST_HESSIAN = 8000  # parameters; above, the Hessian takes more than half a gigabyte and K-FAC stands for it


@dataclass(frozen=True)
class L2Choice:
    """The best penalty and how all that were tried did.

    l2; losses (nats per development token); fits (to the training data, loosely converged). The latter two by penalty.
    """

    l2: float
    losses: dict[float, float]
    fits: dict[float, Fit]


def choose_l2(
    train: HeadData, dev: HeadData, start: numpy.ndarray, candidates: Sequence[float] = CANDIDATES
) -> L2Choice:
    """Find the penalty whose head gives the development labels the highest likelihood.

    Each fit starts from the one before. The search ends at the first candidate that does worse than its predecessor. If
    the strongest does best, stronger ones are tried.

    train (HeadData): what heads are fitted to.
    dev (HeadData): what they are judged by.
    start (float64, P): where the first fit begins; zeros will do.
    candidates (sequence of float): penalties, strongest first.
    """
    few = sample(train)
    theta = approach(few, start, candidates[0] * sum(few.lengths) / max(sum(train.lengths), 1)).theta
    losses: dict[float, float] = {}
    fits: dict[float, Fit] = {}
    best = float("inf")
    curvature = sampled_hessian(train, theta)
    for l2 in candidates:
        fits[l2] = approach(train, theta, l2, curvature=curvature)
        theta = fits[l2].theta
        losses[l2] = loss_and_gradient(dev, theta, 0.0)[0] / max(len(dev.allowed), 1)
        if losses[l2] > best:
            break
        best = losses[l2]
    while losses[max(losses)] == best and max(losses) < STRONGEST:
        l2 = 3.0 * max(losses)
        fits[l2] = approach(train, fits[max(losses)].theta, l2, curvature=curvature)
        losses[l2] = loss_and_gradient(dev, fits[l2].theta, 0.0)[0] / max(len(dev.allowed), 1)
        best = min(best, losses[l2])
    return L2Choice(min(losses, key=losses.__getitem__), losses, fits)


def sampled_hessian(data: HeadData, theta: numpy.ndarray) -> Optional[numpy.ndarray]:
    """Estimate the Hessian of the data's part of J from some documents; None above LARGEST_HESSIAN parameters."""
    if len(theta) > LARGEST_HESSIAN:
        return None
    few = sample(data)
    return hessian(few, theta, 0.0, free=True) * (sum(data.lengths) / max(sum(few.lengths), 1))


def approach(
    data: HeadData, start: numpy.ndarray, l2: float, gap: float = GAP, curvature: Optional[numpy.ndarray] = None
) -> Fit:
    """Come within some distance of the optimum of J, by L-BFGS in the metric of the Hessian of a sample.

    In that metric half the squared gradient is about what is left of J. Heads with many parameters do without it; l2
    alone then bounds what is left.

    gap (float): how much may be left, in nats per token.
    curvature (float64, P x P): as ``sampled_hessian`` gives it, at the start or nearby; computed if None.
    """
    root = None
    curvature = sampled_hessian(data, start) if curvature is None else curvature
    if curvature is not None:
        root = cholesky(curvature + l2 * numpy.eye(len(start)), lower=True)

    def back(point: numpy.ndarray) -> numpy.ndarray:
        return point / l2**0.5 if root is None else solve_triangular(root, point, lower=True, trans="T")

    def objective(point: numpy.ndarray) -> tuple[float, numpy.ndarray]:
        value, gradient = loss_and_gradient(data, start + back(point), l2)
        return value, gradient / l2**0.5 if root is None else solve_triangular(root, gradient, lower=True)

    tolerance = (2 * gap * max(sum(data.lengths), 1) / len(start)) ** 0.5
    options = {"maxiter": LBFGS_ITERATIONS, "gtol": tolerance, "ftol": 0.0, "maxcor": 20}
    found = minimize(objective, numpy.zeros_like(start), jac=True, method="L-BFGS-B", options=options)
    theta = start + back(found.x)
    value, gradient = loss_and_gradient(data, theta, l2)
    done = bool(numpy.abs(found.jac).max() <= tolerance)
    return Fit(theta, value, float(numpy.abs(gradient).max()), found.nfev + 1, done)


def fit_to_optimum(data: HeadData, start: numpy.ndarray, l2: float, *, near: bool = False) -> Fit:
    """Minimise J to |grad J| <= 1e-8: ``approach``, then quasi-Newton steps in the metric of the exact Hessian, or of
    K-FAC for heads with more than LARGEST_HESSIAN parameters.

    near (bool): the start comes from ``approach`` already, on all documents or most of them.
    RAISES (ValueError): S050 if l2 is not positive.
    """
    if l2 <= 0:
        raise ValueError(Errors.S050.format(l2=l2))
    start = start if near else approach(data, start, l2).theta

    def k_fac(theta: numpy.ndarray) -> Solver:
        metric = KroneckerCurvature.from_data(data, theta, l2)
        return lambda gradient: metric.apply(gradient[None])[0]

    renew = k_fac if len(start) > LARGEST_HESSIAN else None
    return newton(data, start, l2, renew=renew)


def head_metric(data: HeadData, theta: numpy.ndarray, l2: float, curvature: str) -> tuple[Metric, str, str]:
    """Compute H^-1, or what stands for it.

    curvature (str): "exact", "kfac" or "identity". K-FAC stands for exact with more than LARGEST_HESSIAN parameters.
    RETURNS: the metric, the curvature that it has, and what its Hessian is ("full", "free labels", or "").
    """
    if curvature == "identity":
        return IdentityCurvature(data.labels, data.width), curvature, ""
    if curvature == "kfac" or len(theta) > LARGEST_HESSIAN:
        return KroneckerCurvature.from_data(data, theta, l2), "kfac", ""
    matrix, kind = positive_hessian(data, theta, l2)
    return ExactCurvature.from_hessian(matrix, data.labels, data.width), "exact", kind


def hold_out(data: HeadData, seed: int = 0) -> tuple[HeadData, HeadData]:
    """Split off one document in ten, at least one, in a random order that the seed fixes.

    RETURNS: the rest and what was split off.
    """
    order = numpy.random.default_rng(seed).permutation(len(data.lengths))
    return subset(data, numpy.delete(order, slice(None, None, HELD_OUT))), subset(data, order[::HELD_OUT])


def sample(data: HeadData, tokens: int = SAMPLE_TOKENS) -> HeadData:
    """Take every n-th document, about so many tokens altogether."""
    step = max(1, sum(data.lengths) // tokens)
    return data if step == 1 else subset(data, numpy.arange(0, len(data.lengths), step))


def subset(data: HeadData, documents: numpy.ndarray) -> HeadData:
    """Take some documents (ints), in the order of the data."""
    chosen = numpy.zeros(len(data.lengths), dtype=bool)
    chosen[documents] = True
    lengths = numpy.asarray(data.lengths, dtype=int)
    rows = numpy.repeat(chosen, lengths)
    return HeadData(data.features[rows], data.allowed[rows], lengths[chosen].tolist())

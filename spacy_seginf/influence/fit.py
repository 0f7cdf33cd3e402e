"""Fit a CRF head on frozen features: a convex problem, solved to its optimum.

    J(theta) = sum over documents of L + (l2 / 2) |theta|^2

theta = (W with its bias column, T), all of it penalised: constant shifts of biases and transitions leave the data term
alone, so without l2 there would be no single optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Callable, Iterator, Optional, Sequence

import numpy
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from ..crf import negative_log_likelihood
from ..crf.hessian import loss_hessian
from ..errors import Errors

BATCH_TOKENS = 16384
LBFGS_ITERATIONS = 300
NEWTON_ITERATIONS = 100
STALLED = 0.9  # a tiny step that leaves more of the gradient than this asks for a new Hessian
MEMORY = 30  # changes of the gradient that a quasi-Newton step remembers
TOLERANCE = 1e-8
ROUNDING = 1e-13  # nats per token: differences of J below this are none
Solver = Callable[[numpy.ndarray], numpy.ndarray]


@dataclass(frozen=True)
class HeadData:
    """Frozen features and annotations.

    features (float32, tokens x d): without the constant 1.
    allowed (bool, tokens x labels): permitted labels.
    lengths (list of int): tokens per document.
    """

    features: numpy.ndarray
    allowed: numpy.ndarray
    lengths: Sequence[int]

    @property
    def labels(self) -> int:
        return self.allowed.shape[1]

    @cached_property
    def starts(self) -> numpy.ndarray:
        """Row of each document's first token (int64, documents)."""
        sizes = numpy.asarray(self.lengths, dtype=numpy.int64)
        return numpy.cumsum(sizes) - sizes

    @property
    def width(self) -> int:
        """Columns of W: d and the bias."""
        return self.features.shape[1] + 1

    def slices(self) -> Iterator[tuple[slice, numpy.ndarray, list[int]]]:
        """Yield rows, allowed labels and lengths of some thousand tokens of whole documents at a time."""
        start = size = 0
        lengths: list[int] = []
        for number, length in enumerate(self.lengths):
            lengths.append(length)
            size += length
            if size >= BATCH_TOKENS or (size and number == len(self.lengths) - 1):
                rows = slice(start, start + size)
                yield rows, self.allowed[rows], lengths
                start, size, lengths = rows.stop, 0, []

    def batches(self) -> Iterator[tuple[numpy.ndarray, numpy.ndarray, list[int]]]:
        """Yield the same with features in float64 and the constant 1 appended, in place of their rows."""
        for rows, allowed, lengths in self.slices():
            block = numpy.ones((rows.stop - rows.start, self.width))
            block[:, :-1] = self.features[rows]
            yield block, allowed, lengths


@dataclass(frozen=True)
class Fit:
    """An optimum and how well it was reached.

    theta (float64, P), loss (J), gradient (largest absolute component of its gradient), evaluations, converged.
    """

    theta: numpy.ndarray
    loss: float
    gradient: float
    evaluations: int
    converged: bool


def pack(weights: numpy.ndarray, bias: numpy.ndarray, transitions: numpy.ndarray) -> numpy.ndarray:
    """Put a head's parameters into one vector: W with its bias column, label by label, then T row by row."""
    return numpy.concatenate([numpy.concatenate([weights, bias[:, None]], axis=1).ravel(), transitions.ravel()]).astype(
        "float64"
    )


def unpack(theta: numpy.ndarray, labels: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return views of W with its bias column (labels x width) and of T (labels x labels)."""
    split = len(theta) - labels * labels
    return theta[:split].reshape(labels, -1), theta[split:].reshape(labels, labels)


def loss_and_gradient(data: HeadData, theta: numpy.ndarray, l2: float) -> tuple[float, numpy.ndarray]:
    """Evaluate J and its gradient."""
    weights, transitions = unpack(theta, data.labels)
    value, gradient = 0.5 * l2 * float(theta @ theta), l2 * theta
    d_weights, d_transitions = unpack(gradient, data.labels)
    for features, allowed, lengths in data.batches():
        loss = negative_log_likelihood(features @ weights.T, transitions, lengths, allowed)
        value += float(loss.values.sum())
        d_weights += loss.emissions.T @ features
        d_transitions += loss.transitions
    return value, gradient


def hessian(data: HeadData, theta: numpy.ndarray, l2: float, *, free: bool = False) -> numpy.ndarray:
    """Return the Hessian of J (P x P).

    free (bool): sum all labels out instead of holding documents to their annotation. Where no labels are missing this
        is the same; where some are, the exact Hessian may be indefinite, and this one is not.
    """
    weights, transitions = unpack(theta, data.labels)
    total = loss_hessian(
        ((features @ weights.T, features, lengths) for features, _, lengths in data.batches()), transitions, data.width
    )
    if not free and not bool((data.allowed.sum(axis=1) == 1).all()):
        clamped = (
            (numpy.where(allowed, features @ weights.T, -numpy.inf), features, lengths)
            for features, allowed, lengths in data.batches()
            if bool((allowed.sum(axis=1) > 1).any())
        )
        total -= loss_hessian(clamped, transitions, data.width)
    total[numpy.diag_indices_from(total)] += l2
    return total


def positive_hessian(data: HeadData, theta: numpy.ndarray, l2: float) -> tuple[numpy.ndarray, str]:
    """Return the Hessian of J, or the one with all labels summed out if missing labels make it indefinite.

    RETURNS: the matrix, and "full" or "free labels".
    """
    exact = hessian(data, theta, l2)
    try:
        numpy.linalg.cholesky(exact)
    except numpy.linalg.LinAlgError:
        return hessian(data, theta, l2, free=True), "free labels"
    return exact, "full"


def fit_head(data: HeadData, start: numpy.ndarray, l2: float, tolerance: float = TOLERANCE) -> Fit:
    """Minimise J: L-BFGS into the neighbourhood of the optimum, then Newton steps with the exact Hessian.

    start (float64, P): where to begin.
    tolerance (float): largest absolute component of the gradient of J at the end.
    RAISES (ValueError): S050 if l2 is not positive.
    """
    if l2 <= 0:
        raise ValueError(Errors.S050.format(l2=l2))
    rough = minimize(
        lambda theta: loss_and_gradient(data, theta, l2),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": LBFGS_ITERATIONS, "gtol": 1e-3, "ftol": 0.0, "maxcor": 20},
    )
    return newton(data, rough.x, l2, tolerance, evaluations=rough.nfev)


def newton(
    data: HeadData,
    start: numpy.ndarray,
    l2: float,
    tolerance: float = TOLERANCE,
    *,
    solve: Optional[Solver] = None,
    renew: Optional[Callable[[numpy.ndarray], Solver]] = None,
    evaluations: int = 0,
    iterations: int = NEWTON_ITERATIONS,
) -> Fit:
    """Minimise J by damped quasi-Newton steps: a Hessian from nearby, and what the gradients since then tell of it.

    solve (Callable): multiplies by the inverse of a Hessian from nearby. A new Hessian is computed only when there is
        none, or when the one at hand makes no progress any more.
    renew (Callable): gives such a solver at any theta; the exact Hessian's if None.
    evaluations (int): how many have been spent before, for the report.
    iterations (int): steps at most.
    """
    theta = start
    value, gradient = loss_and_gradient(data, theta, l2)
    size = float(numpy.abs(gradient).max())
    if renew is None:
        renew = partial(_exact_solver, data, l2)
    rounding = ROUNDING * len(data.allowed)
    history: list[tuple[numpy.ndarray, numpy.ndarray]] = []
    for _ in range(iterations):
        if size <= tolerance:
            break
        if solve is None:
            solve, history = renew(theta), []
        step = _quasi_newton(gradient, solve, history)
        slope = float(step @ gradient)
        rate = 1.0
        while True:
            candidate = theta - rate * step
            new_value, new_gradient = loss_and_gradient(data, candidate, l2)
            evaluations += 1
            new_size = float(numpy.abs(new_gradient).max())
            if new_size < 0.5 * size or new_value <= value - 1e-4 * rate * slope or rate < 1e-6:
                break
            # Where the decrease drowns in rounding, the slope tells it (Hager and Zhang 2005, approximate Wolfe).
            if new_value <= value + rounding and abs(float(step @ new_gradient)) <= 0.9 * slope:
                break
            rate *= 0.5
        if slope <= 0 or (rate < 1e-6 and new_size > STALLED * size):
            solve = None
        change = candidate - theta, new_gradient - gradient
        if float(change[0] @ change[1]) > 0:
            history = [*history, change][-MEMORY:]
        theta, value, gradient, size = candidate, new_value, new_gradient, new_size
    return Fit(theta, value, size, evaluations, size <= tolerance)


def _exact_solver(data: HeadData, l2: float, theta: numpy.ndarray) -> Solver:
    return partial(cho_solve, cho_factor(positive_hessian(data, theta, l2)[0]))


def _quasi_newton(
    gradient: numpy.ndarray, solve: Solver, history: Sequence[tuple[numpy.ndarray, numpy.ndarray]]
) -> numpy.ndarray:
    """Return the step of L-BFGS with an inverse Hessian from nearby in the place of a multiple of the identity
    (two-loop recursion, Nocedal and Wright, Numerical Optimization, algorithm 7.4)."""
    step = gradient.copy()
    weights = []
    for moved, change in reversed(history):
        weight = float(moved @ step) / float(moved @ change)
        step -= weight * change
        weights.append(weight)
    step = solve(step)
    for (moved, change), weight in zip(history, reversed(weights)):
        step += (weight - float(change @ step) / float(moved @ change)) * moved
    return step

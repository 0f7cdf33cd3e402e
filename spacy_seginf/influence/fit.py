"""Fit a CRF head on frozen features: a convex problem, solved to its optimum.

    J(theta) = sum over documents of L + (l2 / 2) |theta - centre|^2

theta = (W with its bias column, T), all of it penalised: constant shifts of biases and transitions leave the data term
alone, so without l2 there would be no single optimum. Where a function takes a penalty, a number is its l2, with the
centre at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Callable, Iterator, Optional, Protocol, Sequence, Union

import numpy
from scipy.linalg import cho_solve
from scipy.optimize import minimize

from ..budget import at_once
from ..crf import forward_backward, negative_log_likelihood
from ..crf.arrays import sequence_groups
from ..crf.hessian import loss_hessian
from ..errors import Errors, SeginfError
from .linear_algebra import cholesky, is_positive
from .penalty import Penalty, penalty_of

BATCH_TOKENS = 16384
MATRICES = 8  # over pairs of labels, for which there is space where one working array has its own
BLOCK = 512  # rows of features in float64 at a time: between conversion and product they stay in the processor's cache
LBFGS_ITERATIONS = 300
NEWTON_ITERATIONS = 100
STALLED = 0.9  # a tiny step that leaves more of the gradient than this asks for a new Hessian
PATIENCE, SLOW = 15, 0.1  # so do so many steps that together leave more of it than this
LARGEST_MOVE = 50.0  # nats, of a transition in one step
MEMORY = 30  # changes of the gradient that a quasi-Newton step remembers
TOLERANCE = 1e-8
ROUNDING = 1e-13  # nats per token: differences of J below this are none
Solver = Callable[[numpy.ndarray], numpy.ndarray]
History = list[
    tuple[numpy.ndarray, numpy.ndarray]
]  # changes of theta and those of the gradient of the data's part of J


class Accumulate(Protocol):
    """Computes the Hessian of J over documents; see ``hessian``."""

    def __call__(self, data: HeadData, theta: numpy.ndarray, l2: float, *, free: bool = False) -> numpy.ndarray: ...


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
        """Yield rows, allowed labels and lengths of whole documents, some thousand tokens at a time, fewer where there
        are many pairs of labels."""
        limit = at_once(self.labels**2 // MATRICES, BATCH_TOKENS)
        start = size = 0
        lengths: list[int] = []
        for number, length in enumerate(self.lengths):
            lengths.append(length)
            size += length
            if size >= limit or (size and number == len(self.lengths) - 1):
                rows = slice(start, start + size)
                yield rows, self.allowed[rows], lengths
                start, size, lengths = rows.stop, 0, []

    def blocks(self, size: int = BLOCK, dtype: str = "float64") -> Iterator[tuple[slice, numpy.ndarray]]:
        """Yield converted features, so many rows at a time, in one array that is used again."""
        space = numpy.empty((min(size, len(self.features)), self.features.shape[1]), dtype=dtype)
        for start in range(0, len(self.features), size):
            part = self.features[start : start + size]
            space[: len(part)] = part
            yield slice(start, start + len(part)), space[: len(part)]

    def alike(self, tokens: int = BATCH_TOKENS) -> Iterator[numpy.ndarray]:
        """Yield numbers of documents of about the same length, at most so many tokens at a time, fewer where there are
        many labels; the longest first."""
        yield from sequence_groups(self.lengths, at_once(self.labels, tokens))

    def rows(self, documents: numpy.ndarray) -> numpy.ndarray:
        """Return the rows of some documents (ints), one document after another (int64)."""
        sizes = numpy.asarray(self.lengths, dtype=numpy.int64)[documents]
        return ranges(self.starts[documents], sizes)

    def batches(self) -> Iterator[tuple[numpy.ndarray, numpy.ndarray, list[int]]]:
        """Yield the same with features in float64 and the constant 1 appended, in place of their rows."""
        for rows, allowed, lengths in self.slices():
            block = numpy.ones((rows.stop - rows.start, self.width))
            block[:, :-1] = self.features[rows]
            yield block, allowed, lengths


def ranges(starts: numpy.ndarray, lengths: numpy.ndarray) -> numpy.ndarray:
    """Concatenate arange(start, start + length) of every pair (int64)."""
    lengths = numpy.asarray(lengths, dtype=numpy.int64)
    offsets = numpy.cumsum(lengths) - lengths
    return numpy.arange(int(lengths.sum())) + numpy.repeat(numpy.asarray(starts) - offsets, lengths)


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


def loss_and_gradient(
    data: HeadData, theta: numpy.ndarray, penalty: Union[float, Penalty]
) -> tuple[float, numpy.ndarray]:
    """Evaluate J (nats) and its gradient (float64, P)."""
    weights, transitions = unpack(theta, data.labels)
    penalty = penalty_of(penalty)
    value, gradient = penalty.value(theta), penalty.gradient(theta)
    d_weights, d_transitions = unpack(gradient, data.labels)
    residuals = emission_scores(data, weights)  # of labels, until the gradient with respect to them takes their place
    for documents in data.alike():
        rows = data.rows(documents)
        lengths = [data.lengths[number] for number in documents]
        loss = negative_log_likelihood(residuals[rows], transitions, lengths, data.allowed[rows])
        value += float(loss.values.sum())
        residuals[rows] = loss.emissions
        d_transitions += loss.transitions
    for place, block in data.blocks():
        d_weights[:, :-1] += residuals[place].T @ block
    d_weights[:, -1] += residuals.sum(axis=0)
    return value, gradient


def emission_scores(data: HeadData, weights: numpy.ndarray) -> numpy.ndarray:
    """Score the labels of all tokens (float64, tokens x labels) with W and its bias column (labels x width)."""
    scores = numpy.empty((len(data.allowed), data.labels))
    for rows, block in data.blocks():
        scores[rows] = block @ weights[:, :-1].T
    scores += weights[:, -1]
    return scores


def label_marginals(data: HeadData, scores: numpy.ndarray, transitions: numpy.ndarray) -> numpy.ndarray:
    """Return p(label | text) of all tokens (float64, tokens x labels) from their emission scores (the same shape)."""
    unary = numpy.empty_like(scores)
    for documents in data.alike():
        rows = data.rows(documents)
        lengths = [data.lengths[number] for number in documents]
        unary[rows] = forward_backward(scores[rows], transitions, lengths).unary
    return unary


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


def positive_hessian(
    data: HeadData, theta: numpy.ndarray, l2: float, accumulate: Accumulate = hessian
) -> tuple[numpy.ndarray, str]:
    """Return the Hessian of J, or the one with all labels summed out if missing labels make it indefinite.

    accumulate (Callable): what computes it, as ``hessian`` does.
    RETURNS: the matrix, and "full" or "free labels".
    """
    exact = accumulate(data, theta, l2, free=False)
    if not bool((data.allowed.sum(axis=1) == 1).all()):
        if not is_positive(exact):
            return accumulate(data, theta, l2, free=True), "free labels"
    return exact, "full"


def fit_head(data: HeadData, start: numpy.ndarray, penalty: Union[float, Penalty], tolerance: float = TOLERANCE) -> Fit:
    """Minimise J: L-BFGS into the neighbourhood of the optimum, then Newton steps with the exact Hessian.

    start (float64, P): where to begin.
    tolerance (float): largest absolute component of the gradient of J at the end.
    RAISES (ValueError): S050 if l2 is not positive.
    """
    penalty = checked(penalty)
    rough = minimize(
        lambda theta: loss_and_gradient(data, theta, penalty),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": LBFGS_ITERATIONS, "gtol": 1e-3, "ftol": 0.0, "maxcor": 20},
    )
    return newton(data, rough.x, penalty, tolerance, evaluations=rough.nfev)


def checked(penalty: Union[float, Penalty]) -> Penalty:
    """Return a penalty that J has a single optimum with. RAISES (ValueError): S050 if l2 is not positive."""
    penalty = penalty_of(penalty)
    if not 0 < penalty.l2 < float("inf"):
        raise SeginfError(Errors.S050.format(l2=penalty.l2))
    return penalty


def newton(
    data: HeadData,
    start: numpy.ndarray,
    penalty: Union[float, Penalty],
    tolerance: float = TOLERANCE,
    *,
    solve: Optional[Solver] = None,
    renew: Optional[Callable[[numpy.ndarray], Solver]] = None,
    evaluations: int = 0,
    iterations: int = NEWTON_ITERATIONS,
    gap: float = 0.0,
    patience: int = PATIENCE,
    history: Optional[History] = None,
) -> Fit:
    """Minimise J by damped quasi-Newton steps: a Hessian from nearby, and what the gradients since then tell of it.

    solve (Callable): multiplies by the inverse of a Hessian from nearby. A new Hessian is computed only when there is
        none, or when the one at hand makes no progress any more.
    renew (Callable): gives such a solver at any theta; the exact Hessian's if None.
    evaluations (int): how many have been spent before, for the report.
    iterations (int): steps at most.
    gap (float): after the first step, one that would lower J by no more than this, in nats, is not needed.
    patience (int): steps in which a Hessian from nearby must reduce the gradient to a tenth, or it is renewed.
    history (list): what gradients told of the Hessian on the way here; what is learnt now is added.
    """
    theta = start
    penalty = penalty_of(penalty)
    l2 = penalty.l2
    value, gradient = loss_and_gradient(data, theta, penalty)
    size = float(numpy.abs(gradient).max())
    if renew is None:
        renew = partial(_exact_solver, data, l2)
    rounding = ROUNDING * len(data.allowed)
    history = [] if history is None else history
    sizes = [size]  # under the present solver
    done = False
    for number in range(iterations):
        if size <= tolerance:
            break
        if solve is None:
            solve, sizes = renew(theta), [size]
            history.clear()
        step = _quasi_newton(gradient, solve, history, l2)
        slope = float(step @ gradient)
        if number and 0 <= slope <= 2 * gap:
            done = True
            break
        # Far from the optimum a Hessian may ask for transitions that nothing in the data could outweigh.
        rate = min(1.0, LARGEST_MOVE / max(float(numpy.abs(step[-(data.labels**2) :]).max()), 1e-300))
        while True:
            candidate = theta - rate * step
            new_value, new_gradient = loss_and_gradient(data, candidate, penalty)
            evaluations += 1
            new_size = float(numpy.abs(new_gradient).max())
            if new_size < 0.5 * size or new_value <= value - 1e-4 * rate * slope or rate < 1e-6:
                break
            # Where the decrease drowns in rounding, the slope tells it (Hager and Zhang 2005, approximate Wolfe).
            if new_value <= value + rounding and abs(float(step @ new_gradient)) <= 0.9 * slope:
                break
            rate *= 0.5
        moved, change = candidate - theta, new_gradient - gradient
        if float(moved @ change) > 0:
            history.append((moved, change - l2 * moved))
            del history[:-MEMORY]
        theta, value, gradient, size = candidate, new_value, new_gradient, new_size
        sizes.append(size)
        slow = len(sizes) > patience and size > SLOW * sizes[-1 - patience]
        if slope <= 0 or slow or (rate < 1e-6 and size > STALLED * sizes[-2]):
            solve = None
    return Fit(theta, value, size, evaluations, done or size <= tolerance)


def _exact_solver(data: HeadData, l2: float, theta: numpy.ndarray) -> Solver:
    return solver(positive_hessian(data, theta, l2)[0])


def solver(matrix: numpy.ndarray) -> Solver:
    """Factorise a Hessian, to multiply vectors by its inverse. RAISES (ValueError): S051 if it is not positive
    definite, up to rounding."""
    return partial(cho_solve, (cholesky(matrix), True))


def _quasi_newton(gradient: numpy.ndarray, solve: Solver, history: History, l2: float) -> numpy.ndarray:
    """Return the step of L-BFGS with an inverse Hessian from nearby in the place of a multiple of the identity
    (two-loop recursion, Nocedal and Wright, Numerical Optimization, algorithm 7.4)."""
    step = gradient.copy()
    changes = [(moved, change + l2 * moved) for moved, change in history]
    changes = [(moved, change) for moved, change in changes if float(moved @ change) > 0]  # l2 may have been larger
    weights = []
    for moved, change in reversed(changes):
        weight = float(moved @ step) / float(moved @ change)
        step -= weight * change
        weights.append(weight)
    step = solve(step)
    for (moved, change), weight in zip(changes, reversed(weights)):
        step += (weight - float(change @ step) / float(moved @ change)) * moved
    return step

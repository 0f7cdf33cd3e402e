"""Fit a CRF head on frozen features: a convex problem, solved to its optimum.

    J(theta) = sum over documents of L + (l2 / 2) |theta - centre|^2

theta = (W with its bias column, T), all of it penalised: constant shifts of biases and transitions leave the data term
alone, so without l2 there would be no single optimum. Where a function takes a penalty, a number is its l2, with the
centre at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Callable, Iterator, Optional, Protocol, Sequence, Union

import numpy
from scipy.linalg import cho_solve

from ..budget import at_once
from ..crf import negative_log_likelihood
from ..crf.hessian import loss_hessian
from ..errors import Errors, SeginfError
from ..progress import TOKEN, advance
from .data import HeadData, blocks
from .head import Head, split
from .linear_algebra import cholesky, is_positive
from .penalty import Penalty, penalty_of

LBFGS_ITERATIONS = 300
NEWTON_ITERATIONS = 100
STALLED = 0.9  # a tiny step that leaves more of the gradient than this asks for a new Hessian
PATIENCE, SLOW = 15, 0.1  # so do so many steps that together leave more of it than this
LARGEST_MOVE = 50.0  # nats, of a transition in one step
MEMORY = 100  # changes of the gradient that a quasi-Newton step remembers at most
REMEMBERED = 8  # working arrays that are filled by them
TOLERANCE = 1e-8
ROUNDING = 1e-13  # nats per token: differences of J below this are none
Solver = Callable[[numpy.ndarray], numpy.ndarray]
# Changes of theta, and those of the gradient of the data's part of J.
History = list[tuple[numpy.ndarray, numpy.ndarray]]


class Accumulate(Protocol):
    """Computes the Hessian of J over documents; see ``hessian``."""

    def __call__(self, data: HeadData, head: Head, l2: float, *, free: bool = False) -> numpy.ndarray: ...


@dataclass(frozen=True)
class Fit:
    """An optimum and how well it was reached.

    head, loss (J), gradient (largest absolute component of its gradient), evaluations, converged.
    slope (float64, P): the gradient.
    """

    head: Head
    loss: float
    gradient: float
    evaluations: int
    converged: bool
    slope: numpy.ndarray


def loss_and_gradient(data: HeadData, head: Head, penalty: Union[float, Penalty]) -> tuple[float, numpy.ndarray]:
    """Evaluate J (nats) and its gradient (float64, P)."""
    penalty = penalty_of(penalty)
    value, gradient = penalty.value(head), penalty.gradient(head)
    d_weights, d_transitions = split(gradient, data.labels)
    residuals = head.emissions(data.features)  # of labels, until the gradient with respect to them takes their place
    for documents in data.alike():
        rows = data.rows(documents)
        lengths = [data.lengths[number] for number in documents]
        loss = negative_log_likelihood(residuals[rows], head.transitions, lengths, data.allowed[rows])
        value += float(loss.values.sum())
        residuals[rows] = loss.emissions
        d_transitions += loss.transitions
    for place, block in blocks(data.features):
        d_weights[:, :-1] += residuals[place].T @ block
    d_weights[:, -1] += residuals.sum(axis=0)
    return value, gradient


def hessian(data: HeadData, head: Head, l2: float, *, free: bool = False) -> numpy.ndarray:
    """Return the Hessian of J (P x P).

    free (bool): sum all labels out instead of holding documents to their annotation. Where no labels are missing this
        is the same; where some are, the exact Hessian may be indefinite, and this one is not.
    """

    def batches() -> Iterator[tuple[numpy.ndarray, numpy.ndarray, Sequence[int]]]:
        for features, _, lengths in data.batches():
            yield head.emissions(features[:, :-1]), features, lengths
            advance(len(features), TOKEN)

    total = loss_hessian(batches(), head.transitions, data.width)
    if not free and not bool((data.allowed.sum(axis=1) == 1).all()):
        clamped = (
            (numpy.where(allowed, head.emissions(features[:, :-1]), -numpy.inf), features, lengths)
            for features, allowed, lengths in data.batches()
            if bool((allowed.sum(axis=1) > 1).any())
        )
        total -= loss_hessian(clamped, head.transitions, data.width)
    total[numpy.diag_indices_from(total)] += l2
    return total


def positive_hessian(
    data: HeadData, head: Head, l2: float, accumulate: Accumulate = hessian
) -> tuple[numpy.ndarray, str]:
    """Return the Hessian of J, or the one with all labels summed out if missing labels make it indefinite.

    accumulate (Callable): what computes it, as ``hessian`` does.
    RETURNS: the matrix, and "full" or "free labels".
    """
    exact = accumulate(data, head, l2, free=False)
    if not bool((data.allowed.sum(axis=1) == 1).all()):
        if not is_positive(exact):
            return accumulate(data, head, l2, free=True), "free labels"
    return exact, "full"


def fit_head(data: HeadData, start: Head, penalty: Union[float, Penalty], tolerance: float = TOLERANCE) -> Fit:
    """Minimise J: L-BFGS into the neighbourhood of the optimum, then Newton steps with the exact Hessian.

    start (Head): where to begin.
    tolerance (float): largest absolute component of the gradient of J at the end.
    RAISES (ValueError): S050 if l2 is not positive.
    """
    from scipy.optimize import minimize  # takes a quarter of a second to import, and only building needs it

    penalty = checked(penalty)
    rough = minimize(
        lambda vector: loss_and_gradient(data, Head.unpacked(vector, data.labels), penalty),
        start.packed,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": LBFGS_ITERATIONS, "gtol": 1e-3, "ftol": 0.0, "maxcor": 20},
    )
    return newton(data, Head.unpacked(rough.x, data.labels), penalty, tolerance, evaluations=rough.nfev)


def checked(penalty: Union[float, Penalty]) -> Penalty:
    """Return a penalty that J has a single optimum with. RAISES (ValueError): S050 if l2 is not positive."""
    penalty = penalty_of(penalty)
    if not 0 < penalty.l2 < float("inf"):
        raise SeginfError(Errors.S050.format(l2=penalty.l2))
    return penalty


def newton(
    data: HeadData,
    start: Head,
    penalty: Union[float, Penalty],
    tolerance: float = TOLERANCE,
    *,
    solve: Optional[Solver] = None,
    renew: Optional[Callable[[Head], Solver]] = None,
    fixed: bool = False,
    evaluations: int = 0,
    iterations: int = NEWTON_ITERATIONS,
    gap: float = 0.0,
    patience: int = PATIENCE,
    history: Optional[History] = None,
    begin: Optional[tuple[float, numpy.ndarray]] = None,
) -> Fit:
    """Minimise J by damped quasi-Newton steps: a Hessian from nearby, and what the gradients since then tell of it.

    solve (Callable): multiplies by the inverse of a Hessian from nearby. A new Hessian is computed only when there is
        none, or when the one at hand makes no progress any more.
    renew (Callable): gives such a solver at any head; the exact Hessian's if None.
    fixed (bool): use ``solve`` to the end: gradients tell how the Hessian has changed, and a new one takes longer than
        all steps.
    evaluations (int): how many have been spent before, for the report.
    iterations (int): steps at most.
    gap (float): after the first step, one that would lower J by no more than this, in nats, is not needed.
    patience (int): steps in which a Hessian from nearby must reduce the gradient to a tenth, or it is renewed.
    history (list): what gradients told of the Hessian on the way here; what is learnt now is added.
    begin: J and its gradient at the start, where they are known.
    """
    head = start
    penalty = penalty_of(penalty)
    l2 = penalty.l2
    value, gradient = loss_and_gradient(data, head, penalty) if begin is None else begin
    size = float(numpy.abs(gradient).max())
    if fixed:
        renew, patience = partial(_same, solve), iterations
    elif renew is None:
        renew = partial(_exact_solver, data, l2)
    rounding = ROUNDING * len(data.allowed)
    history = [] if history is None else history
    sizes = [size]  # under the present solver
    done = False
    for number in range(iterations):
        if size <= tolerance:
            break
        if solve is None:
            solve, sizes = renew(head), [size]
            history.clear()
        step = _quasi_newton(gradient, solve, history, l2)
        slope = float(step @ gradient)
        if number and 0 <= slope <= 2 * gap:
            done = True
            break
        # Far from the optimum a Hessian may ask for transitions that nothing in the data could outweigh.
        rate = min(1.0, LARGEST_MOVE / max(float(numpy.abs(split(step, data.labels)[1]).max()), 1e-300))
        while True:
            candidate = head.moved(-rate * step)
            new_value, new_gradient = loss_and_gradient(data, candidate, penalty)
            evaluations += 1
            new_size = float(numpy.abs(new_gradient).max())
            if new_size < 0.5 * size or new_value <= value - 1e-4 * rate * slope or rate < 1e-6:
                break
            # Where the decrease drowns in rounding, the slope tells it (Hager and Zhang 2005, approximate Wolfe).
            if new_value <= value + rounding and abs(float(step @ new_gradient)) <= 0.9 * slope:
                break
            rate *= 0.5
        moved, change = head.step_to(candidate), new_gradient - gradient
        if float(moved @ change) > 0:
            history.append((moved, change - l2 * moved))
            del history[: -remembered(len(moved))]
        head, value, gradient, size = candidate, new_value, new_gradient, new_size
        sizes.append(size)
        slow = len(sizes) > patience and size > SLOW * sizes[-1 - patience]
        if slope <= 0 or slow or (rate < 1e-6 and size > STALLED * sizes[-2]):
            solve = None
    return Fit(head, value, size, evaluations, done or size <= tolerance, gradient)


def remembered(parameters: int) -> int:
    """Return how many changes of the gradient a quasi-Newton step remembers: fewer for large heads."""
    return at_once(parameters // REMEMBERED, MEMORY)


def _same(solve: Solver, head: Head) -> Solver:
    return solve


def _exact_solver(data: HeadData, l2: float, head: Head) -> Solver:
    return solver(positive_hessian(data, head, l2)[0])


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

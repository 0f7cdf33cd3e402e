"""Is the predicted effect of a training label the real one? Refit the head without the label and compare.

All of this speaks of the head on frozen features, at its optimum. The encoder has seen the label too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy
from scipy.linalg import cho_factor, cho_solve

from ..crf import token_conditionals
from .curvature import Curvature, removal
from .factors import TokenFactors
from .fit import Fit, HeadData, Solver, hessian, newton, unpack

TIGHT = 1e-10  # a looser optimum is further away than the effect of one label


@dataclass(frozen=True)
class WatchedTokens:
    """Tokens of a text whose conditional losses are watched, each with its neighbours held at their labels.

    features (float32, tokens x d); labels, previous, following (ints, tokens; -1 for no neighbour).
    """

    features: numpy.ndarray
    labels: numpy.ndarray
    previous: numpy.ndarray
    following: numpy.ndarray

    def losses(self, theta: numpy.ndarray, labels: int) -> numpy.ndarray:
        """Return -log p(label | neighbours, text) of each token under a head (float64, tokens)."""
        weights, transitions = unpack(theta, labels)
        logits = self.features @ weights[:, :-1].T + weights[:, -1]
        left, right = self.previous >= 0, self.following >= 0
        logits[left] += transitions[self.previous[left]]
        logits[right] += transitions.T[self.following[right]]
        logits -= logits.max(axis=1, keepdims=True)
        return numpy.log(numpy.exp(logits).sum(axis=1)) - logits[numpy.arange(len(self.labels)), self.labels]


class RemovalExperiment:
    """Predict and measure what happens to watched tokens when the head is refit without a training label.

    data (HeadData): the training documents. optimum (Fit): the head's optimum on them. l2 (float): its penalty.
    RAISES (ValueError): S051 if the Hessian is not positive definite.
    """

    def __init__(self, data: HeadData, optimum: Fit, l2: float) -> None:
        total = hessian(data, optimum.theta, l2)
        self.curvature = Curvature.from_hessian(total, data.labels, data.width)
        self._data, self._l2 = data, l2
        self.optimum = newton(data, optimum.theta, l2, TIGHT, solve=partial(cho_solve, cho_factor(total)))
        self._starts = numpy.concatenate([[0], numpy.cumsum(data.lengths)])

    def predicted(self, row: int, watched: WatchedTokens) -> numpy.ndarray:
        """Predict the change of each watched loss when the label of a training token is removed (nats, float64).

        The exact Newton step of the removal objective, put through the exact softmax. Positive: the label supports.
        """
        step, _ = self._step(row)
        return watched.losses(self.optimum.theta + step, self._data.labels) - self._base(watched)

    def actual(self, row: int, watched: WatchedTokens) -> tuple[numpy.ndarray, bool]:
        """Refit the head with the token's label missing and return the change of each watched loss (nats, float64).

        RETURNS: the changes, and whether the refit converged.
        """
        allowed = self._data.allowed.copy()
        allowed[row] = True
        step, solve = self._step(row)
        start = self.optimum.theta + step
        fit = newton(replace(self._data, allowed=allowed), start, self._l2, TIGHT, solve=solve)
        return watched.losses(fit.theta, self._data.labels) - self._base(watched), fit.converged

    def _base(self, watched: WatchedTokens) -> numpy.ndarray:
        return watched.losses(self.optimum.theta, self._data.labels)

    def _step(self, row: int) -> tuple[numpy.ndarray, Solver]:
        """Return the predicted change of theta, and a solver with the Hessian without the token's own part.

        Removing one token takes A^T S A off H; by Woodbury's identity the rest is inverted through a matrix of the
        size of the label set.
        """
        document = int(numpy.searchsorted(self._starts, row, side="right")) - 1
        tokens = slice(int(self._starts[document]), int(self._starts[document + 1]))
        weights, transitions = unpack(self.optimum.theta, self._data.labels)
        features = numpy.asarray(self._data.features[tokens])
        emissions = features @ weights[:, :-1].T + weights[:, -1]
        labels = self._data.allowed[tokens].argmax(axis=1)
        conditionals = token_conditionals(emissions, transitions, labels, [len(labels)])
        place = row - tokens.start
        factors = TokenFactors(
            features[place : place + 1],
            conditionals.residuals[place : place + 1],
            conditionals.previous[place : place + 1],
            conditionals.following[place : place + 1],
        )
        probabilities = numpy.exp(conditionals.log_probabilities[place : place + 1])
        leverage = self.curvature.leverage(factors)
        corrected = removal(conditionals.residuals[place : place + 1], probabilities, leverage)
        inverse = self.curvature.inverse
        step = -inverse @ self.curvature.gradients(replace(factors, residuals=corrected.residuals))[0]
        directions = self._logit_directions(factors)
        projected = inverse @ directions.T
        spread = numpy.diag(probabilities[0]) - numpy.outer(probabilities[0], probabilities[0])
        middle = numpy.linalg.solve(numpy.eye(len(spread)) - spread @ leverage[0], spread)

        def solve(gradient: numpy.ndarray) -> numpy.ndarray:
            plain = inverse @ gradient
            return plain + projected @ (middle @ (directions @ plain))

        return step, solve

    def _logit_directions(self, factors: TokenFactors) -> numpy.ndarray:
        """Return A, the gradient of each label's logit with respect to theta (float64, labels x P)."""
        labels = self._data.labels
        repeated = factors[numpy.zeros(labels, dtype=int)]
        return self.curvature.gradients(replace(repeated, residuals=numpy.eye(labels)))

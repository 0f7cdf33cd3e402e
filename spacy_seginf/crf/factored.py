"""Sequences as Markov chains, in factors: for label sets so large that a matrix over labels for each token is too much.

With forward and backward messages, both including the token's own emission, and the kernel exp(transitions),

    p(y_t = a, y_{t+1} = b) = ahead[t, a] kernel[a, b] behind[t + 1, b] / mass[t]

so a token takes a few numbers per label, and sums over pairs of labels are matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence, Union

import numpy

from .. import budget
from .arrays import TimeMajor, array_module, boundaries, time_major
from .forward_backward import SPAN_LIMIT
from .hessian import Chain, markov_chain

AnyChain = Union[Chain, "FactoredChain"]


@dataclass(frozen=True)
class FactoredChain:
    """A batch of sequences (float64), each of at least one token.

    unary (rows x labels): label marginals.
    left, right, ahead (rows x labels): p(y_t = a, y_{t+1} = b) = left[t, a] kernel[a, b] right[t + 1, b]; left is
        ahead over mass, and zero on last tokens.
    arriving, leaving (rows x labels): sums over the label before, and over the next one, that turn messages into
        conditional probabilities; 1 where there is no such token.
    kernels (1 or sequences x labels x labels): of all sequences, or of each. lengths (ints, sequences).
    """

    unary: numpy.ndarray
    left: numpy.ndarray
    right: numpy.ndarray
    ahead: numpy.ndarray
    arriving: numpy.ndarray
    leaving: numpy.ndarray
    kernels: numpy.ndarray
    lengths: Sequence[int]

    def __getitem__(self, rows: slice) -> FactoredChain:
        """Take one whole sequence."""
        number = int(numpy.searchsorted(numpy.cumsum(self.lengths), rows.start, side="right"))
        kernels = self.kernels if len(self.kernels) == 1 else self.kernels[number : number + 1]
        return FactoredChain(
            self.unary[rows],
            self.left[rows],
            self.right[rows],
            self.ahead[rows],
            self.arriving[rows],
            self.leaving[rows],
            kernels,
            [rows.stop - rows.start],
        )

    def follows(self, row: int, label: int, following: int) -> float:
        """Return p(next label | label) of a token that is not the last."""
        kernel = self.kernels[self._sequence(row)]
        return float(kernel[label, following] * self.right[row + 1, following] / self.leaving[row, label])

    def precedes(self, row: int, label: int, previous: int) -> float:
        """Return p(last label | label) of a token that is not the first."""
        kernel = self.kernels[self._sequence(row)]
        return float(self.ahead[row - 1, previous] * kernel[previous, label] / self.arriving[row, label])

    def _sequence(self, row: int) -> int:
        if len(self.kernels) == 1:
            return 0
        return int(numpy.searchsorted(numpy.cumsum(self.lengths), row, side="right"))

    def pair_variances(self) -> numpy.ndarray:
        """Add up p (1 - p) of each (left, right) label pair over all tokens (labels x labels); one kernel only."""
        (kernel,) = self.kernels
        counts = kernel * (self.left[:-1].T @ self.right[1:])
        squares = kernel**2 * ((self.left[:-1] ** 2).T @ self.right[1:] ** 2)
        return numpy.maximum(counts - squares, 0.0)

    def pair_probabilities(self, left: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
        """Return the probabilities of some label pairs (ints, pairs) at tokens and their right neighbours (rows x
        pairs; zeros on last tokens); one kernel only."""
        result = numpy.zeros((len(self.unary), len(left)))
        numpy.multiply(self.left[:-1, left], self.right[1:, right], out=result[:-1])
        result *= self.kernels[0, left, right]
        return result

    def expected_pairs(self) -> numpy.ndarray:
        """Return the expected number of neighbouring label pairs of each sequence (sequences x labels x labels)."""
        result = self._no_pairs()
        for number, (here, following) in enumerate(self._inside()):
            result[number] = self.left[here].T @ self.right[following]
        result *= self.kernels
        return result

    def covariance_product(self, emissions: numpy.ndarray, pairs: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Do what ``covariance.covariance_product`` does."""
        past, future, mean = self._expected_scores(emissions, pairs)
        unary = self.unary * (past + future - mean[:, None])
        before, after = self.left * (past - mean[:, None]), self.right * (emissions + future)
        counts = self._no_pairs()
        for number, (here, following) in enumerate(self._inside()):
            left, right = self.left[here], self.right[following]
            kernel = self.kernels[0 if len(self.kernels) == 1 else number]
            counts[number] = before[here].T @ right + left.T @ after[following] + pairs[number] * (left.T @ right)
            counts[number] *= kernel
        return unary, counts

    def pair_terms(
        self, emissions: numpy.ndarray, pairs: numpy.ndarray, weights: numpy.ndarray
    ) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """Return rows whose outer products, times the kernel, add up to each sequence's covariances of pairs with a
        score, times a weight, minus its expected pairs; but for what the score of pairs itself contributes.

        emissions, pairs: the score, as for ``covariance_product``. weights (float64, sequences).
        RETURNS: left and right ones (float64, terms x labels), and how many terms each sequence has (int64).
        """
        past, future, mean = self._expected_scores(emissions, pairs)
        scale = numpy.repeat(weights, self.lengths)[:, None]
        before, after = self.left * (scale * (past - mean[:, None]) - 1.0), self.right * (emissions + future)
        left, right = [numpy.zeros((0, self.unary.shape[1]))], [numpy.zeros((0, self.unary.shape[1]))]
        for here, following in self._inside():
            left += [before[here], scale[here] * self.left[here]]
            right += [self.right[following], after[following]]
        terms = 2 * (numpy.asarray(self.lengths, dtype=numpy.int64) - 1)
        return numpy.concatenate(left), numpy.concatenate(right), terms

    def _expected_scores(
        self, emissions: numpy.ndarray, pairs: numpy.ndarray
    ) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """Return what a score adds up to on average up to a token of a label, own emission included, and behind it
        (rows x labels), and altogether (rows)."""
        layout = time_major(self.lengths)
        kernels = _ordered(self.kernels, layout)
        scored = self.kernels * pairs
        # What pairs add on average when arriving at a label, and when leaving it.
        past, future = numpy.zeros_like(emissions), numpy.zeros_like(emissions)
        for number, (here, following) in enumerate(self._inside()):
            past[following] = self.ahead[here] @ scored[number]
            future[here] = self.right[following] @ scored[number].T
        past = emissions + past / self.arriving
        future /= self.leaving
        for step, running in enumerate(layout.running[1:], start=1):
            here, source = layout.forward[step, :running], layout.forward[step - 1, :running]
            moved = _move(self.ahead[source] * past[source], kernels)
            past[here] += moved / self.arriving[here]
            here, source = layout.backward[step, :running], layout.backward[step - 1, :running]
            behind = self.right[source] * (emissions[source] + future[source])
            future[here] += _move(behind, kernels.transpose(0, 2, 1)) / self.leaving[here]
        return past, future, numpy.einsum("ra,ra->r", self.unary, past + future)

    def _no_pairs(self) -> numpy.ndarray:
        labels = self.unary.shape[1]
        return numpy.zeros((len(self.lengths), labels, labels))

    def _inside(self) -> list[tuple[slice, slice]]:
        """Rows of each sequence that have a right neighbour, and rows of these neighbours."""
        ends = numpy.cumsum(self.lengths, dtype=numpy.int64).tolist()
        starts = [end - length for end, length in zip(ends, self.lengths)]
        return [(slice(start, end - 1), slice(start + 1, end)) for start, end in zip(starts, ends)]


def any_chain(emissions: numpy.ndarray, transitions: numpy.ndarray, lengths: Sequence[int]) -> AnyChain:
    """Return the Markov chains of a batch: written out for few labels, in factors for many.

    emissions, transitions, lengths: as for ``markov_chain``; sequences have at least one token.
    """
    dense = emissions.shape[1] <= budget.DENSE_LABELS or array_module(emissions) is not numpy
    if dense or not len(emissions) or float(numpy.ptp(transitions)) > SPAN_LIMIT["float64"]:
        return markov_chain(emissions, transitions, lengths)
    return factored_chain(emissions, transitions[None], lengths)


def factored_chain(emissions: numpy.ndarray, transitions: numpy.ndarray, lengths: Sequence[int]) -> FactoredChain:
    """Compute messages with Rabiner's scaling; spans of the transitions are at most ``SPAN_LIMIT``.

    emissions (float64, rows x labels). transitions (float64, 1 or sequences x labels x labels): of all sequences, or
    of each. lengths (ints): tokens of each sequence, at least one.
    """
    layout = time_major(lengths)
    kernels = numpy.exp(transitions - transitions.max(axis=(1, 2), keepdims=True))
    ordered = _ordered(kernels, layout)
    likelihoods = numpy.exp(emissions - emissions.max(axis=1, keepdims=True))
    ahead, behind = likelihoods.copy(), likelihoods
    arriving, leaving = numpy.ones_like(ahead), numpy.ones_like(ahead)
    for values in (ahead, behind):
        values /= values.sum(axis=1, keepdims=True)
    for step, running in enumerate(layout.running[1:], start=1):
        for places, values, matrices, sums in (
            (layout.forward, ahead, ordered, arriving),
            (layout.backward, behind, ordered.transpose(0, 2, 1), leaving),
        ):
            here = places[step, :running]
            moved = sums[here] = _move(values[places[step - 1, :running]], matrices)
            message = values[here] * moved
            values[here] = message / message.sum(axis=1, keepdims=True)
    unary = ahead * leaving
    mass = unary.sum(axis=1, keepdims=True)
    unary /= mass
    _, last = boundaries(lengths)
    left = ahead / mass
    left[last] = 0.0
    return FactoredChain(unary, left, behind, ahead, arriving, leaving, kernels, lengths)


def _ordered(kernels: numpy.ndarray, layout: TimeMajor) -> numpy.ndarray:
    return kernels if len(kernels) == 1 else kernels[layout.order]


def _move(states: numpy.ndarray, kernels: numpy.ndarray) -> numpy.ndarray:
    """Multiply rows (n x labels) by one kernel for all, or by the first n of several."""
    if len(kernels) == 1:
        return states @ kernels[0]
    return (states[:, None] @ kernels[: len(states)])[:, 0]

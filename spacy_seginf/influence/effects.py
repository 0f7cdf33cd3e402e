"""What happens to a head when training labels are removed or changed: predicted by its curvature, or by refitting.

For research and for everything that is shown to people. All of it speaks of the head on frozen features, at its optimum
theta of J = sum of losses + (l2 / 2) |theta - centre|^2; the encoder has seen the labels too.

    effects = HeadEffects(data, head, l2, metric)
    watched = effects.watch(test_data, test_labels, [(0, 3, 5)])             # document, start, end
    step = effects.removal([(118, 4, 6)])                                      # change of theta
    watched.losses(step) - watched.losses()                                    # positive: the label supports
    refit = effects.refit(effects.without([(118, 4, 6)]))                      # the real thing
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Iterator, Optional, Sequence, Union

import numpy

from ..budget import at_once
from ..crf import one_label_each
from ..errors import Errors, SeginfError
from .curvature import ExactCurvature, KroneckerCurvature, Metric, solver_of
from .data import MATRICES, HeadData, subset
from .fit import NEWTON_ITERATIONS, Fit, History, Solver, loss_and_gradient, newton
from .head import Head
from .linear_algebra import largest_eigenvalue_bound
from .pair_rows import concatenated
from .penalty import Penalty, penalty_of
from .relabelling import relabelled_step
from .removal import CorrectedGradients, SegmentCorrection, correct_segments, correct_short_segments, solve_without
from .segments import SegmentChains, SegmentFactors

TIGHT = 1e-10  # a looser optimum is further away than the effect of one label
SOLVER_TOLERANCE = 1e-4
LEAST_RATE = 1e-6  # of a step that is halved until it helps
CHUNK = 64  # segments corrected at once
PLAIN = 4096  # whose gradients are computed at once
SHORT = 6  # tokens; the scores of longer segments cost more than a few products with H^-1
SegmentList = Union[numpy.ndarray, Sequence[tuple[int, int, int]]]


@dataclass(frozen=True)
class Change:
    """Training labels that are removed or changed together.

    data (HeadData): the documents with the changed annotation.
    chains (SegmentChains): the segments concerned, under the head.
    labels (ints, tokens of the segments): their new labels; None if they are removed.
    """

    data: HeadData
    chains: SegmentChains
    labels: Optional[numpy.ndarray] = None


@dataclass(frozen=True)
class Moved:
    """A head on its way to the optimum under a change of labels.

    change (Change). step (float64, 1 x P): how far it has come. value, gradient (float64, P): J there. history: what
    gradients told of the Hessian on the way.
    """

    change: Change
    step: numpy.ndarray
    value: float
    gradient: numpy.ndarray
    history: tuple[tuple[numpy.ndarray, numpy.ndarray], ...] = ()


class HeadEffects:
    """Gradients, scores, and predicted and real effects of training labels on a head.

    data (HeadData): training documents. head (Head): at its optimum. penalty (Penalty): of J; a number is its l2.
    metric (Metric): H^-1 there.
    labels (ints, tokens): training labels, the most probable permitted ones where some are missing; found out if None.
    largest_gain (float): see there; found out if None, which the documents of a single shard can't do.
    adding (bool): the documents are no part of J: gradients are corrected for what adding their labels would do.
    """

    def __init__(
        self,
        data: HeadData,
        head: Head,
        penalty: Union[float, Penalty],
        metric: Metric,
        labels: Optional[numpy.ndarray] = None,
        largest_gain: Optional[float] = None,
        adding: bool = False,
    ) -> None:
        self.data, self.head, self.penalty, self.metric = data, head, penalty_of(penalty), metric
        self._largest_gain, self.adding = largest_gain, adding
        self.labels = complete_labels(data, head) if labels is None else labels

    @property
    def nothing(self) -> numpy.ndarray:
        """A step of theta that changes nothing (float64, 1 x P)."""
        return numpy.zeros((1, self.head.size))

    @cached_property
    def largest_gain(self) -> float:
        """A bound on the norm of H^-1/2 g per norm of g. H is at least l2, unless missing labels have made it less."""
        if self._largest_gain is not None:
            return self._largest_gain
        if not isinstance(self.metric, ExactCurvature) or bool((self.data.allowed.sum(axis=1) == 1).all()):
            return float(self.penalty.l2) ** -0.5
        return largest_eigenvalue_bound(self.metric.inverse) ** 0.5

    def chains(self, segments: SegmentList) -> SegmentChains:
        """Free training segments (ints, n x 3: document, start, end) under the head."""
        return SegmentChains(self.head, self.data, self.labels, numpy.asarray(segments))

    def plain_gradients(self, segments: numpy.ndarray) -> SegmentFactors:
        """Return the gradients of training segments (int64, n x 3) in factored form, computed some at a time."""
        parts = []
        for part in self._parts(segments, PLAIN) or [segments]:
            chains = self.chains(part)
            factors = chains.factors()
            parts.append(replace(factors, pairs=chains.kept_pairs(factors.pairs)))
        return SegmentFactors(
            numpy.concatenate([part.features for part in parts]),
            numpy.concatenate([part.residuals for part in parts]),
            concatenated([part.pairs for part in parts]),
            numpy.concatenate([part.lengths for part in parts]),
        )

    def watch(self, data: HeadData, labels: numpy.ndarray, segments: SegmentList) -> SegmentChains:
        """Free segments of other documents at given labels (ints, all tokens of ``data``)."""
        labels = numpy.asarray(labels)
        observed = _one_label_each(labels, len(data.allowed), data.labels)
        return SegmentChains(self.head, replace(data, allowed=observed), labels, numpy.asarray(segments))

    def gradients(self, segments: SegmentList) -> numpy.ndarray:
        """Return minus the gradient of each training segment's conditional loss (float64, n x P)."""
        return self.chains(segments).gradients()

    def scores(self, watched: SegmentChains, segments: SegmentList, *, corrected: bool = True) -> numpy.ndarray:
        """Score training segments for watched ones (float64, watched x segments): g_q^T H^-1 g_k.

        Positive supports, negative opposes: the first-order change of the watched loss when the segment's labels are
        removed. corrected: by the leverage of the removed segment.
        """
        curved = self.metric.apply(watched.gradients())
        scores = [curved @ self.nothing[:0].T]
        for part in self._parts(segments):
            factors = self._correction(part).factors if corrected else self.chains(part).factors()
            scores.append(curved @ factors.gradients().T)
        return numpy.concatenate(scores, axis=1)

    def without(self, segments: SegmentList) -> Change:
        """Remove the labels of segments, all together."""
        merged = merge_touching(segments)
        chains = self.chains(merged)
        allowed = self.data.allowed.copy()
        allowed[chains.rows] = True
        return Change(replace(self.data, allowed=allowed), chains)

    def relabelled(self, segments: Union[tuple[int, int, int], SegmentList], labels: numpy.ndarray) -> Change:
        """Change the labels of a segment, or of several together (ints, the tokens of one after another).

        RAISES (ValueError): S029 if they do not fit, or segments overlap.
        """
        chains = self.chains(numpy.asarray(segments).reshape(-1, 3))
        if len(numpy.unique(chains.rows)) < len(chains.rows):
            raise SeginfError(
                Errors.S029.format(problem="segments that get new labels overlap", advice="Give each token once.")
            )
        allowed = self.data.allowed.copy()
        allowed[chains.rows] = _one_label_each(numpy.asarray(labels), len(chains.rows), self.data.labels)
        return Change(replace(self.data, allowed=allowed), chains, numpy.asarray(labels))

    def removal(self, segments: SegmentList) -> numpy.ndarray:
        """Predict the change of theta when each segment's labels are removed on its own (float64, n x P)."""
        return numpy.concatenate([*(self._correction(part).steps for part in self._parts(segments)), self.nothing[:0]])

    def predict(self, change: Change) -> numpy.ndarray:
        """Predict the change of theta under a change of labels (float64, 1 x P): one step for a removal, and for new
        labels one that keeps the loss of their documents exact."""
        if not len(change.chains):
            return self.nothing
        if change.labels is None:
            return correct_segments(change.chains, self.metric, _one_set(change.chains)).steps
        documents = numpy.unique(change.chains.segments[:, 0])
        whole = self.chains(self.data.whole(documents))
        return relabelled_step(self.metric, whole, change.data.allowed[whole.rows])

    def refine(self, change: Change, step: numpy.ndarray, steps: int) -> numpy.ndarray:
        """Improve a predicted step (1 x P) by further Newton steps on the true objective; each reads all documents."""
        return self.head.step_to(self._newton(change, step, steps).head)[None]

    def refit(
        self,
        change: Change,
        start: Optional[numpy.ndarray] = None,
        steps: int = NEWTON_ITERATIONS,
        tolerance: float = TIGHT,
    ) -> tuple[numpy.ndarray, Fit]:
        """Really refit the head under a change of labels.

        start (float64, 1 x P): the step of theta to begin at, such as the predicted one; theta itself if None.
        steps (int): of Newton's method, at most; each reads all documents.
        tolerance (float): largest |grad J| at the end.

        RETURNS: the change of theta (float64, 1 x P), and the fit, which says whether it converged.
        """
        fit = self._newton(change, self.nothing if start is None else start, steps, tolerance)
        return self.head.step_to(fit.head)[None], fit

    def still(self) -> Moved:
        """Return the head where it is, with no label changed, to begin a walk of ``moved``."""
        return Moved(self.without([]), self.nothing, *self._here)

    def moved(self, before: Moved, change: Change, steps: int = 1) -> Moved:
        """Go on from where other changes have led to, towards the optimum under a change of labels, by Newton steps on
        the true objective: each reads all documents once, and nothing else does."""
        head = self.head.moved(before.step[0])
        begin = self._exchanged((before.value, before.gradient), head, before.change.data, change.data)
        history = list(before.history)
        solve = self._solver(change)
        fit = newton(
            change.data,
            head,
            self.penalty,
            TIGHT,
            solve=solve,
            fixed=True,
            iterations=steps,
            history=history,
            begin=begin,
        )
        return Moved(change, self.head.step_to(fit.head)[None], fit.loss, fit.slope, tuple(history))

    def refit_with(
        self, chains: SegmentChains, start: Optional[numpy.ndarray] = None, tolerance: float = TIGHT
    ) -> tuple[numpy.ndarray, float]:
        """Really refit the head with further labels in its objective: segments (one set) of documents that are no part
        of it, given what is around them.

        start (float64, 1 x P): the step of theta to begin at; theta itself if None. tolerance: of the gradient.
        RETURNS: the change of theta (float64, 1 x P), and the largest component of the gradient that is left.
        """
        owners = _one_set(chains)

        def at(step: numpy.ndarray) -> tuple[float, numpy.ndarray]:
            head = self.head.moved(step)
            value, gradient = loss_and_gradient(self.data, head, self.penalty)
            moved = chains.at(head, chains.observed)
            return value + float(chains.losses(step[None]).sum()), gradient - moved.gradients().sum(axis=0)

        step = (self.nothing if start is None else start)[0]
        value, gradient = at(step)
        for _ in range(NEWTON_ITERATIONS):
            if numpy.abs(gradient).max() <= tolerance:
                break
            direction = solve_without(chains, owners, self.metric, gradient, SOLVER_TOLERANCE, adding=True)
            rate = 1.0
            while True:
                further, slope = at(step - rate * direction)
                if further <= value or numpy.abs(slope).max() < numpy.abs(gradient).max() or rate < LEAST_RATE:
                    break
                rate *= 0.5
            step, value, gradient = step - rate * direction, further, slope
        return step[None], float(numpy.abs(gradient).max())

    def leverage(self, change: Change) -> float:
        """Return the share of the labels concerned in all curvature; above one half, one step is doubtful."""
        return float(correct_segments(change.chains, self.metric, _one_set(change.chains)).leverage[0])

    def corrections(self, segments: SegmentList) -> list[SegmentCorrection]:
        """Correct the gradients of segments for their own leverage, some at a time."""
        return [self._correction(part) for part in self._parts(segments)]

    def corrected_gradients(self, segments: numpy.ndarray) -> Iterator[tuple[numpy.ndarray, CorrectedGradients]]:
        """Do the same for many segments (int64, n x 3), some of one length at a time, without the steps of theta.

        YIELDS: which segments (int64), and their corrected gradients.
        """
        lengths = segments[:, 2] - segments[:, 1]
        for length in numpy.unique(lengths).tolist():
            chosen = numpy.flatnonzero(lengths == length)
            short = length <= SHORT and isinstance(self.metric, ExactCurvature)
            scores = self.data.labels * length + self.data.labels**2
            size = at_once(scores**2 // MATRICES if short else self.head.size, CHUNK)
            for start in range(0, len(chosen), size):
                part = chosen[start : start + size]
                if short and isinstance(self.metric, ExactCurvature):
                    yield part, correct_short_segments(self.chains(segments[part]), self.metric, adding=self.adding)
                else:
                    yield part, self._correction(segments[part])

    def _parts(self, segments: SegmentList, most: int = CHUNK) -> list[numpy.ndarray]:
        rows = numpy.asarray(segments, dtype=numpy.int64).reshape(-1, 3)
        size = at_once(self.head.size, most)
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def _correction(self, segments: numpy.ndarray) -> SegmentCorrection:
        return correct_segments(self.chains(segments), self.metric, adding=self.adding)

    def _newton(self, change: Change, start: numpy.ndarray, steps: int, tolerance: float = TIGHT) -> Fit:
        head, begin = self.head, self._exchanged(self._here, self.head, self.data, change.data)
        history: History = []
        if start.any():
            moved = loss_and_gradient(change.data, head.moved(start[0]), self.penalty)
            # What the gradient tells of the curvature on the way, which costs nothing more.
            history.append((start[0], moved[1] - begin[1] - self.penalty.l2 * start[0]))
            if moved[0] <= begin[0]:  # else the predicted optimum is worse than the present one, as may be for many
                head, begin = head.moved(start[0]), moved
        # For large heads a Hessian is out of reach, also where one from nearby makes no progress any more.
        return newton(
            change.data,
            head,
            self.penalty,
            tolerance,
            solve=self._solver(change),
            fixed=isinstance(self.metric, KroneckerCurvature),
            iterations=steps,
            history=history,
            begin=begin,
        )

    @cached_property
    def _here(self) -> tuple[float, numpy.ndarray]:
        return loss_and_gradient(self.data, self.head, self.penalty)

    def _exchanged(
        self, known: tuple[float, numpy.ndarray], head: Head, old: HeadData, new: HeadData
    ) -> tuple[float, numpy.ndarray]:
        """Turn J and its gradient at a head under some labels into those under others: only the documents that differ
        are read."""
        rows = numpy.flatnonzero((old.allowed != new.allowed).any(axis=1))
        documents = numpy.unique(numpy.searchsorted(old.starts, rows, side="right") - 1)
        value, gradient = known
        for data, sign in ((new, 1.0), (old, -1.0)):
            part, slope = loss_and_gradient(subset(data, documents), head, 0.0)
            value, gradient = value + sign * part, gradient + sign * slope
        return value, gradient

    def _solver(self, change: Change) -> Solver:
        if change.labels is not None:  # relabelling is linear in theta, so the curvature stays
            return solver_of(self.metric)
        owners = _one_set(change.chains)
        return lambda gradient: solve_without(change.chains, owners, self.metric, gradient, SOLVER_TOLERANCE)


def complete_labels(data: HeadData, head: Head) -> numpy.ndarray:
    """Return the annotated labels (int64, tokens), the most probable permitted ones where several are allowed."""
    if bool((data.allowed.sum(axis=1) == 1).all()):
        return data.allowed.argmax(axis=1)
    parts = [head.decode(data.features[rows], lengths, allowed=allowed) for rows, allowed, lengths in data.slices()]
    return numpy.concatenate([*parts, numpy.zeros(0, dtype=numpy.int64)])


def merge_touching(segments: SegmentList) -> numpy.ndarray:
    """Sort segments and merge those that overlap or touch, as their removal together frees one longer run."""
    merged: list[list[int]] = []
    for document, start, end in sorted(map(tuple, numpy.asarray(segments).reshape(-1, 3).tolist())):
        if merged and merged[-1][0] == document and start <= merged[-1][2]:
            merged[-1][2] = max(end, merged[-1][2])
        else:
            merged.append([document, start, end])
    return numpy.asarray(merged, dtype=numpy.int64).reshape(-1, 3)


def log_odds(losses: numpy.ndarray) -> numpy.ndarray:
    """Turn losses -log p into log-odds log(p / (1 - p)), without cancellation for p near 1."""
    losses = numpy.maximum(losses, 1e-300)
    return -losses - numpy.log(-numpy.expm1(-losses))


def _one_label_each(labels: numpy.ndarray, tokens: int, size: int) -> numpy.ndarray:
    """Permit one label at each token. RAISES (ValueError): S029 if they are not labels, or not as many."""
    if labels.shape != (tokens,):
        raise SeginfError(
            Errors.S029.format(problem=f"{labels.size} labels for {tokens} tokens", advice="Give one for each.")
        )
    if tokens and not 0 <= labels.min() <= labels.max() < size:
        problem = f"labels are numbers from 0 to {size - 1}, not {labels.min()} to {labels.max()}"
        raise SeginfError(Errors.S029.format(problem=problem, advice="Give the numbers of tags."))
    return one_label_each(labels, size)


def _one_set(chains: SegmentChains) -> numpy.ndarray:
    return numpy.zeros(len(chains), dtype=numpy.int64)

"""Refit a head without some of its labels, many times over: what other measures are computed from.

A head is refit on frozen features from its present optimum, the labels of some tokens summed out. A refit depends on
these tokens only, so results are the same in any order and in any number of processes.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Iterator, Optional, Sequence

import numpy

from ..attribution.method import Context, Texts
from ..influence.curvature import Metric, solver_of
from ..influence.data import HeadData, subset
from ..influence.fit import Fit, newton
from ..influence.head import Head
from ..influence.penalty import Penalty
from ..influence.segments import SegmentChains

GAP = 1e-6  # nats that a last step would lower J by: a query's probability is then off by 1e-4 or less
ITERATIONS = 100


@dataclass(frozen=True)
class Refitter:
    """A head, the labels it was fitted to, and the queries whose losses are asked for.

    data (HeadData), head (Head), penalty, metric: the head at its optimum. The metric gives the first direction
        of the way to another one, so it should be exact or K-FAC; where that is does not depend on it.
    queries (SegmentChains): at their labels.
    """

    data: HeadData
    head: Head
    penalty: Penalty
    metric: Metric
    queries: SegmentChains

    @classmethod
    def of(cls, context: Context, queries: Texts) -> Refitter:
        """Take queries under the head of a context."""
        return cls(context.training.data, context.head, context.penalty, context.metric, queries.chains(context.head))

    def losses(self, rows: numpy.ndarray) -> tuple[numpy.ndarray, bool]:
        """Refit without the labels of some tokens.

        rows (int64, sorted): tokens of the training data.
        RETURNS: losses of the queries' labels (float64, queries; nats), and whether the refit converged.
        """
        if not len(rows):
            return self.queries.losses()[0], True
        fit = self._fit(rows)
        return self.queries.losses(self.head.step_to(fit.head)[None])[0], fit.converged

    def _fit(self, rows: numpy.ndarray) -> Fit:
        allowed = self.data.allowed.copy()
        allowed[rows] = True
        data = replace(self.data, allowed=allowed)
        unlabelled = numpy.add.reduceat(allowed.all(axis=1), data.starts) == numpy.asarray(data.lengths)
        if unlabelled.any():  # their loss is 0
            data = subset(data, numpy.flatnonzero(~unlabelled))
        solve = solver_of(self.metric)
        return newton(data, self.head, self.penalty, 0.0, solve=solve, fixed=True, gap=GAP, iterations=ITERATIONS)


def rows_of(data: HeadData, segments: numpy.ndarray) -> numpy.ndarray:
    """Return the tokens of segments (int64, n x 3), each once (int64, sorted)."""
    return numpy.unique(data.rows_of(segments))


def key_of(rows: numpy.ndarray) -> str:
    """Name a set of tokens (int64, sorted) by its content."""
    return hashlib.sha256(numpy.ascontiguousarray(rows, dtype=numpy.int64).tobytes()).hexdigest()[:32]


_refitter: Optional[Refitter] = None  # of a worker process


def _start(refitter: Refitter) -> None:
    global _refitter
    _refitter = refitter


def _work(rows: numpy.ndarray) -> tuple[numpy.ndarray, bool]:
    assert _refitter is not None
    return _refitter.losses(rows)


def refit_each(
    refitter: Refitter, sets: Sequence[numpy.ndarray], n_process: int = 1
) -> Iterator[tuple[numpy.ndarray, bool]]:
    """Refit without each set of tokens, in their order; see ``Refitter.losses``.

    n_process (int): how many refits run at once. Workers are started afresh: a fork of a process in which torch has
        run may hang.
    """
    if n_process <= 1 or len(sets) <= 1:
        yield from map(refitter.losses, sets)
        return
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_process, mp_context=fresh, initializer=_start, initargs=(refitter,)) as pool:
        try:
            yield from pool.map(_work, sets)
        finally:
            pool.shutdown(cancel_futures=True)

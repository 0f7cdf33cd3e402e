"""The refits of one seed: which ones the measures of all methods need, and what they say."""

from __future__ import annotations

from typing import Iterable, Protocol, Sequence

import numpy

from ..attribution.method import Context, Texts
from .comparison import SeedValues
from .datamodel import datamodelling_scores, draw_halves
from .deletion import chosen_segments, right_signs
from .refits import Refitter, key_of, refit_each, rows_of
from .store import Store


class Progress(Protocol):
    """Wraps long work, like tqdm."""

    def __call__(self, work: Iterable, *, desc: str, total: int, unit: str) -> Iterable: ...


class Trial:
    """Refits that the queries of one seed need. Each set of labels is taken away once, whoever names it.

    context (Context): the head. queries (Texts). seed (int): draws the halves.
    ks (ints): how many segments are deleted. subsets (int): how many halves. store (Store): what is done already.
    """

    def __init__(
        self, context: Context, queries: Texts, seed: int, ks: Sequence[int], subsets: int, store: Store
    ) -> None:
        self._data, self._segments, self._ks = context.training.data, context.training.segments, ks
        self._seed = seed
        self._log = store.refits(f"seed-{seed}")
        self._refitter = Refitter.of(context, queries)
        self._before = self._refitter.losses(numpy.zeros(0, dtype=numpy.int64))[0]
        self.needed: dict[str, numpy.ndarray] = {}
        generator = numpy.random.default_rng([seed, 1])  # not the draws that chose the queries
        self._halves = draw_halves(generator, len(self._data.lengths), subsets)
        self._half_keys = [self._need(self._data.rows(numpy.flatnonzero(~half))) for half in self._halves]

    @property
    def probabilities(self) -> numpy.ndarray:
        """Of the queries' labels before anything is deleted (float64, queries)."""
        return numpy.exp(-self._before)

    @property
    def unfinished(self) -> int:
        """How many of the refits did not converge."""
        return sum(not self._log.outcomes[key][1] for key in self.needed)

    def ask(self, scores: numpy.ndarray) -> None:
        """Plan the refits that a method's scores (float64, queries x segments) call for."""
        for side in chosen_segments(scores, self._ks):
            for query in side:
                for segments in query:
                    self._need(self._rows(segments))

    def run(self, progress: Progress, n_process: int = 1) -> None:
        """Do the refits that are needed and not done yet."""
        left = {key: rows for key, rows in self.needed.items() if key not in self._log.outcomes}
        outcomes = refit_each(self._refitter, list(left.values()), n_process)
        named = zip(left, outcomes)
        for key, outcome in progress(named, desc=f"Refits, seed {self._seed}", total=len(left), unit="refit"):
            self._log.add(key, outcome)

    def measure(self, scores: numpy.ndarray, *, by_document: bool = False) -> SeedValues:
        """Measure a method's scores (float64, queries x segments), once the refits are done.

        by_document (bool): whether segments have the score of their document, which then counts once in sums.
        """
        after = [
            [[self._losses(key_of(self._rows(segments)))[number] for segments in query] for number, query in rows]
            for rows in (enumerate(side) for side in chosen_segments(scores, self._ks))
        ]
        changes = numpy.exp(-numpy.array(after)) - self.probabilities[:, None]
        losses = numpy.array([self._losses(key) for key in self._half_keys])
        documents = self._segments[:, 0]
        kept = self._halves[:, documents]
        summed = scores / numpy.bincount(documents)[documents] if by_document else scores
        return SeedValues(changes, right_signs(scores, self._ks), datamodelling_scores(summed, kept, losses))

    def _losses(self, key: str) -> numpy.ndarray:
        return self._log.outcomes[key][0]

    def _rows(self, segments: numpy.ndarray) -> numpy.ndarray:
        return rows_of(self._data, self._segments[segments])

    def _need(self, rows: numpy.ndarray) -> str:
        key = key_of(rows)
        self.needed[key] = rows
        return key

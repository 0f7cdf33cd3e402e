"""From an index and the segments of a text to the training labels behind them, with the effect of taking each away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Optional, Union

import numpy

from ..budget import at_once
from ..crf import one_label_each
from ..index.index import Index
from ..index.tables import Filter, SegmentTable, TokenTable
from ..influence.effects import HeadEffects, log_odds
from ..influence.factors import TokenFactors
from ..influence.fit import HeadData
from ..influence.relabelling import LabelChange, alternatives, first_order
from ..influence.removal import LEVERAGE_FLAG
from ..influence.segments import SegmentChains
from ..schemes import TagScheme
from .bounded import search
from .pairs import losses_after
from .queries import CurvedQueries, Queries, SearchQueries

CANDIDATES = 3  # times k references on each side are looked at before the k with the largest effects are shown
LEAST_REFINEMENTS = 4  # of references with a high leverage, for which one Newton step is not enough
CHANGED = 10  # references on each side whose relabelling is considered
SEARCHED = 256  # segments handled at once
CACHED_NUMBERS = 1 << 25  # of predicted steps kept in memory
Table = Union[TokenTable, SegmentTable]


@dataclass(frozen=True)
class Found:
    """A training label behind a prediction.

    row (int): in the table of its unit. score: first-order effect, the one that is ranked by the search. effect: change
    of the segment's loss (nats) when the label is removed; positive supports, negative opposes. log_odds: the same as a
    change of log p / (1 - p), so of the other sign; nan with identity curvature, where effect is the score.
    refined (bool): whether the effect was refined by further Newton steps.
    """

    row: int
    score: float
    effect: float
    log_odds: float
    refined: bool = False


@dataclass(frozen=True)
class Explanation:
    """A segment's conditional probability, and what supports and opposes it, strongest first."""

    probability: float
    supporting: list[Found]
    opposing: list[Found]
    rows_seen: int


class Explainer:
    """Searches an index and computes effects. Predicted steps of references are kept, as texts share them.

    index (Index).
    refine (int): Newton steps on the true objective for every reference that is shown; references of high leverage get
        some in any case.
    """

    def __init__(self, index: Index, refine: int = 0) -> None:
        self.index, self.refine = index, refine
        self.exact = index.manifest.curvature != "identity"
        self._steps = _Steps(self)
        self._leverages: dict[tuple[str, int], float] = {}
        self._refined: dict[tuple[str, int, int], numpy.ndarray] = {}

    @cached_property
    def effects(self) -> HeadEffects:
        """The researchers' interface over all training documents, which are read into memory for it."""
        index = self.index
        return HeadEffects(index.data, index.theta, index.manifest.l2, index.metric, index.labels)

    def table(self, unit: str) -> Table:
        """Return the rows of a unit: "entity" or "token"."""
        return rows_of(self.index, unit)

    def explain(
        self,
        data: HeadData,
        labels: numpy.ndarray,
        segments: numpy.ndarray,
        unit: str,
        k: int,
        where: Optional[Filter] = None,
    ) -> list[Explanation]:
        """Find the k strongest supporting and opposing references of each segment.

        data (HeadData): texts; ``allowed`` just permits the labels. labels (ints, tokens): what is explained.
        segments (ints, n x 3): document, start, end. unit (str): "entity" or "token", what references are.
        where (Filter): which references may be found; all if None.
        """
        result: list[Explanation] = []
        # Their references' steps of theta are in memory together.
        size = max(1, min(SEARCHED, CACHED_NUMBERS // (len(self.index.theta) * k * CANDIDATES)))
        for first in range(0, len(segments), size):
            part = segments[first : first + size]
            watched = SegmentChains(self.index.theta, data, labels, part)
            candidates = k * CANDIDATES if self.exact else k
            found = search(self.table(unit), self._queries(data, labels, watched, unit), candidates, where)
            losses = watched.losses(self._nothing())[0]
            rows = numpy.concatenate([found.supporting.rows, found.opposing.rows], axis=1)
            scores = numpy.concatenate([found.supporting.scores, found.opposing.scores], axis=1)
            entries = self._effects(watched, rows, scores, losses, unit, k)
            for sides, loss, seen in zip(entries, losses.tolist(), found.rows_seen.tolist()):
                result.append(Explanation(math.exp(-loss), *sides, seen))
        return result

    def best_changes(
        self,
        data: HeadData,
        labels: numpy.ndarray,
        segment: numpy.ndarray,
        unit: str,
        scheme: TagScheme,
        top: int,
        context: int,
    ) -> list[LabelChange]:
        """Find the training label whose change to another would make a segment's labels most probable.

        Candidates are the references that speak against these labels most, and those that speak for them; their other
        labels are ranked by the first-order effect, the best by the predicted one.
        """
        watched = SegmentChains(self.index.theta, data, labels, segment)
        queries = CurvedQueries(self.index.metric, watched.factors().gradients())
        table = self.table(unit)
        found = search(table, queries, CHANGED)
        rows = numpy.unique(numpy.concatenate([found.supporting.rows[0], found.opposing.rows[0]]))
        curved = self.index.metric.apply(watched.factors().gradients())[0]
        options = []
        for row in rows[rows >= 0].tolist():
            chains = self.effects.chains([table.segment(row)])
            old = chains.observed.argmax(axis=1)
            for name, tags in alternatives(scheme, unit, len(old)):
                if tags != old.tolist():
                    gain = first_order(chains, one_label_each(numpy.array(tags), len(scheme.tags))) @ curved
                    options.append((float(gain), row, name, tags))
        options.sort(key=lambda option: (-option[0], *option[1:3]))
        before = float(watched.losses(self._nothing())[0, 0])
        changes = []
        for _, row, name, tags in options[: top * CANDIDATES]:
            step = self.effects.predict(self.effects.relabelled(table.segment(row), numpy.array(tags)))
            after = float(watched.losses(step)[0, 0])
            changes.append(
                LabelChange(table.reference(row, context), name, float(numpy.exp(-before)), float(numpy.exp(-after)))
            )
        return sorted(changes, key=lambda change: -change.after)[:top]

    def _nothing(self) -> numpy.ndarray:
        return numpy.zeros((1, len(self.index.theta)))

    def _queries(self, data: HeadData, labels: numpy.ndarray, watched: SegmentChains, unit: str) -> SearchQueries:
        if self.exact or unit == "entity":
            return CurvedQueries(self.index.metric, watched.factors().gradients())
        # The paper's setting: single tokens, and the gradient of an entity is the sum of its tokens'.
        rows = watched.rows
        documents = numpy.repeat(watched.segments[:, 0], watched.lengths)
        inside = rows - data.starts[documents]
        tokens = SegmentChains(self.index.theta, data, labels, numpy.stack([documents, inside, inside + 1], axis=1))
        residuals = tokens.factors().residuals.astype(numpy.float32)
        factors = TokenFactors(tokens.features, residuals, tokens.previous, tokens.following)
        ends = numpy.cumsum(watched.lengths)
        return Queries(factors, numpy.stack([ends - watched.lengths, ends], axis=1))

    def _effects(
        self,
        watched: SegmentChains,
        rows: numpy.ndarray,
        scores: numpy.ndarray,
        losses: numpy.ndarray,
        unit: str,
        k: int,
    ) -> list[tuple[list[Found], list[Found]]]:
        """Compute the effects of the candidates (rows, scores: segments x candidates; row -1 for none)."""
        owners, columns = numpy.nonzero(rows >= 0)
        pairs, ranked = rows[owners, columns], scores[owners, columns]
        refined = numpy.zeros(len(pairs), dtype=bool)
        if not self.exact:
            return _both_sides(len(rows), owners, _Effects(pairs, ranked, ranked, ranked * math.nan, refined), k)
        unique, places = numpy.unique(pairs, return_inverse=True)
        doubtful = numpy.array(
            [self.refine > 0 or self._leverage(row, unit) > LEVERAGE_FLAG for row in unique.tolist()], dtype=bool
        )
        # Away from the optimum, further steps would mostly make up for the fit that the head did not get. A pruned
        # index has not got what they need.
        manifest = self.index.manifest
        at_optimum = manifest.refit and not manifest.held_documents
        doubtful = doubtful[places] & (at_optimum and not manifest.pruned)
        after = losses_after(watched, owners, self._steps.predicted(unique, unit), places)
        while True:
            effect, odds = after - losses[owners], log_odds(after) - log_odds(losses[owners])
            entries = _both_sides(len(rows), owners, _Effects(pairs, ranked, effect, odds, refined), k)
            if not (doubtful & ~refined).any():
                return entries
            # By segment: what is refined for one must not depend on what is explained beside it.
            shown = [{entry.row for side in sides for entry in side} for sides in entries]
            wanted = [n for n in numpy.flatnonzero(doubtful & ~refined).tolist() if int(pairs[n]) in shown[owners[n]]]
            if not wanted:
                return entries
            again, of_pair = numpy.unique(pairs[wanted], return_inverse=True)
            steps = numpy.concatenate([self._refine(row, unit) for row in again.tolist()])
            after[wanted] = losses_after(watched, owners[wanted], steps, of_pair)
            refined[wanted] = True

    def _leverage(self, row: int, unit: str) -> float:
        key = unit, row
        if key not in self._leverages:
            self._leverages[key] = self.table(unit).leverage(row)
        return self._leverages[key]

    def _refine(self, row: int, unit: str) -> numpy.ndarray:
        """Return the refined step of a row (float64, 1 x P)."""
        steps = max(self.refine, LEAST_REFINEMENTS)
        key = unit, row, steps
        if key not in self._refined:
            if (len(self._refined) + 1) * len(self.index.theta) > CACHED_NUMBERS:
                self._refined.clear()
            change = self.effects.without([self.table(unit).segment(row)])
            start = self._steps.predicted(numpy.array([row]), unit).astype(numpy.float64)
            self._refined[key] = self.effects.refine(change, start, steps)
        return self._refined[key]


class _Steps:
    """Predicted steps of theta when a row is removed; they are kept, as texts share references."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self._kept = numpy.zeros((0, 0), dtype=numpy.float32)
        self._places: dict[tuple[str, int], int] = {}

    def predicted(self, rows: numpy.ndarray, unit: str) -> numpy.ndarray:
        """Return the steps of some rows (float32, rows x P)."""
        size = len(self._explainer.index.theta)
        new = [row for row in rows.tolist() if (unit, row) not in self._places]
        if (len(self._places) + len(new)) * size > CACHED_NUMBERS:
            self._places, new = {}, rows.tolist()
        needed = len(self._places) + len(new)
        if needed > len(self._kept):
            grown = numpy.empty((max(needed, min(2 * needed, CACHED_NUMBERS // size)), size), dtype=numpy.float32)
            grown[: len(self._kept)] = self._kept.reshape(-1, size)
            self._kept = grown
        together = at_once(size, SEARCHED)
        for start in range(0, len(new), together):
            part = new[start : start + together]
            steps = self._explainer.index.metric.apply(self._explainer.table(unit).gradients(numpy.array(part)))
            first = len(self._places)
            numpy.negative(steps, out=self._kept[first : first + len(part)], casting="same_kind")
            self._places.update(((unit, row), first + number) for number, row in enumerate(part))
        return self._kept[[self._places[unit, row] for row in rows.tolist()]]


def rows_of(index: Index, unit: str) -> Table:
    """Return the rows of a unit: "entity" or "token"."""
    return index.segments if unit == "entity" else index.tokens


class _Effects(NamedTuple):
    """Columns of ``Found``, for pairs of a segment and a reference."""

    rows: numpy.ndarray
    scores: numpy.ndarray
    effects: numpy.ndarray
    log_odds: numpy.ndarray
    refined: numpy.ndarray


def _both_sides(count: int, owners: numpy.ndarray, pairs: _Effects, k: int) -> list[tuple[list[Found], list[Found]]]:
    """Split the references of each segment (owners: ints, pairs) into the k supporting and the k opposing ones of the
    largest effects, strongest first; the search's order decides between equals."""
    side = owners * 2 + (pairs.effects < 0)
    order = numpy.lexsort((-numpy.abs(pairs.effects), side))
    order = order[numpy.abs(pairs.effects[order]) > 0]
    order = order[numpy.arange(len(order)) - numpy.searchsorted(side[order], side[order]) < k]
    found = [Found(*values) for values in zip(*(column[order].tolist() for column in pairs))]
    bounds = numpy.searchsorted(side[order], numpy.arange(2 * count + 1)).tolist()
    sides = [found[start:end] for start, end in zip(bounds, bounds[1:])]
    return list(zip(sides[::2], sides[1::2]))

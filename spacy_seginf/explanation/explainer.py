"""From an index and the segments of a text to the training labels behind them, with the effect of taking each away."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Optional, Union

import numpy

from ..budget import at_once
from ..crf import one_label_each
from ..crf.schemes import TagScheme
from ..errors import Errors, SeginfError
from ..index.index import Index
from ..index.kept import KeptArrays
from ..index.manifest import Manifest
from ..index.pairs import losses_after
from ..index.queries import CurvedQueries, Queries, SearchQueries
from ..index.search import search
from ..index.tables import Filter, SegmentTable, TokenTable
from ..influence.data import HeadData, subset
from ..influence.effects import HeadEffects, log_odds
from ..influence.factors import TokenFactors
from ..influence.fit import TOLERANCE
from ..influence.order import EQUAL, falling
from ..influence.relabelling import LabelChange, alternatives, first_order
from ..influence.removal import LEVERAGE_FLAG
from ..influence.segments import SegmentChains

CANDIDATES = 3  # times k references on each side are looked at before the k with the largest effects are shown
MOST_REFINEMENTS = 60  # Newton steps until a reference is given up that has a high leverage; most take 5 to 20
NEAR = 1e-6  # of an optimum: what is shown has fewer digits
CHANGED = 10  # references on each side whose relabelling is considered
SEARCHED = 256  # segments handled at once
CACHED_NUMBERS = 1 << 25  # of predicted steps kept in memory
Table = Union[TokenTable, SegmentTable]


@dataclass(frozen=True)
class Found:
    """A training label behind a prediction.

    row (int): in the table of its unit. score: first-order effect, the one that is ranked by the search. effect: change
    of the segment's loss (nats) when the label is removed; positive supports, negative opposes. log_odds: the same as a
    change of log p / (1 - p), so of the other sign; None where effect is a score and predicts no removal. Labels that
    are no part of J can't be removed: theirs is the change when they are added, with its sign turned.
    refined (bool): whether the effect is that of the optimum without the label, which further Newton steps have found.
    doubtful (bool): whether one step is doubtful and no optimum was found.
    """

    row: int
    score: float
    effect: float
    log_odds: Optional[float] = None
    refined: bool = False
    doubtful: bool = False


@dataclass(frozen=True)
class Explanation:
    """A segment's conditional probability (None if it was not asked for), and what supports and opposes it, strongest
    first."""

    probability: Optional[float]
    supporting: list[Found]
    opposing: list[Found]
    rows_seen: int


class Explainer:
    """Searches an index and computes effects, for any number of threads. Predicted steps of references are kept, as
    texts share them; what is kept changes no answer.

    index (Index).
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self.exact = index.manifest.curvature != "identity"
        self._steps: KeptArrays[tuple[str, int]] = KeptArrays(CACHED_NUMBERS)
        self._moved: KeptArrays[tuple[str, int, int]] = KeptArrays(CACHED_NUMBERS)
        self._leverages: dict[tuple[str, int], float] = {}

    @cached_property
    def effects(self) -> HeadEffects:
        """The researchers' interface over all documents that are part of J, which are read into memory for it."""
        index = self.index
        data, labels = index.data, index.labels
        if index.manifest.held_documents:
            data = subset(data, numpy.arange(index.objective))
            labels = labels[: len(data.allowed)]
        return HeadEffects(data, index.head, index.penalty, index.metric, labels)

    @cached_property
    def label_effects(self) -> HeadEffects:
        """The same under the head that labels alone make of the features, for questions about the labels themselves:
        ``effects`` where the head that explains is that one.

        RAISES (ValueError): S035 if the index was pruned, S270 if it has no head at its optimum.
        """
        index, problem = self.index, no_optimum(self.index.manifest)
        if problem:
            raise SeginfError(Errors.S270.format(path=index.folder, problem=problem))
        head, metric, penalty = index.label_head
        if head is index.head:
            return self.effects
        return HeadEffects(self.effects.data, head, penalty, metric, self.effects.labels)

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
        *,
        refine: int = 0,
    ) -> list[Explanation]:
        """Find the k strongest supporting and opposing references of each segment.

        data (HeadData): texts; ``allowed`` just permits the labels. labels (ints, tokens): what is explained.
        segments (ints, n x 3): document, start, end. unit (str): "entity" or "token", what references are.
        where (Filter): which references may be found; all if None.
        refine (int): if positive, every reference that is shown is refined on the true objective, until the head is at
            its new optimum, as those of high leverage are in any case; by so many Newton steps at most, or
            MOST_REFINEMENTS if that is more.
        """
        result: list[Explanation] = []
        k = min(k, max(len(self.table(unit)), 1))  # more than all would only take memory
        # Their references' steps of theta are in memory together.
        size = max(1, min(SEARCHED, CACHED_NUMBERS // (self.index.head.size * k * CANDIDATES)))
        for first in range(0, len(segments), size):
            part = segments[first : first + size]
            watched = SegmentChains(self.index.head, data, labels, part)
            candidates = k * CANDIDATES if self.exact else k
            found = search(self.table(unit), self._queries(data, labels, watched, unit), candidates, where)
            losses = watched.losses(self._nothing())[0]
            rows = numpy.concatenate([found.supporting.rows, found.opposing.rows], axis=1)
            scores = numpy.concatenate([found.supporting.scores, found.opposing.scores], axis=1)
            entries = self._effects(watched, rows, scores, losses, unit, k, refine)
            for sides, loss, seen in zip(entries, losses.tolist(), found.rows_seen.tolist()):
                result.append(Explanation(math.exp(-loss), *sides, seen))
        return result

    def strongest(
        self, data: HeadData, labels: numpy.ndarray, segments: numpy.ndarray, unit: str, k: int
    ) -> numpy.ndarray:
        """Find the references with the k highest and the k lowest first-order effects on each segment, and compute no
        effects: rows (int64, segments x 2k), -1 where there are fewer."""
        k = min(k, max(len(self.table(unit)), 1))
        parts = [numpy.zeros((0, 2 * k), dtype=numpy.int64)]
        for first in range(0, len(segments), SEARCHED):
            watched = SegmentChains(self.index.head, data, labels, segments[first : first + SEARCHED])
            found = search(self.table(unit), self._queries(data, labels, watched, unit), k)
            parts.append(numpy.concatenate([found.supporting.rows, found.opposing.rows], axis=1))
        return numpy.concatenate(parts)

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
        labels are ranked by the first-order effect, the best by the predicted one, and those that are shown by refits
        of the head, unless the index is of a head that is not at its optimum.
        """
        watched = SegmentChains(self.index.head, data, labels, segment)
        queries = CurvedQueries(self.index.metric, watched.gradients())
        table = self.table(unit)
        found = search(table, queries, CHANGED)
        rows = numpy.unique(numpy.concatenate([found.supporting.rows[0], found.opposing.rows[0]]))
        curved = self.index.metric.apply(watched.gradients())[0]
        options = []
        for row in [row for row in rows[rows >= 0].tolist() if not self._is_added(row, unit)]:
            chains = self.effects.chains([table.segment(row)])
            old = chains.observed.argmax(axis=1)
            for name, tags in alternatives(scheme, unit, len(old)):
                if tags != old.tolist():
                    gain = first_order(chains, one_label_each(numpy.array(tags), len(scheme.tags))) @ curved
                    options.append((float(gain), row, name, tags))
        options.sort(key=lambda option: (-option[0], *option[1:3]))
        before = math.exp(-float(watched.losses(self._nothing())[0, 0]))
        changes = []
        for _, row, name, tags in options[: top * CANDIDATES]:
            change = self.effects.relabelled(table.segment(row), numpy.array(tags))
            step = self.effects.predict(change)
            after = math.exp(-float(watched.losses(step)[0, 0]))
            changes.append((LabelChange(table.reference(row, context), name, before, after), change, step))
        while True:
            changes.sort(key=lambda entry: -entry[0].after)
            place = next((place for place, (shown, _, _) in enumerate(changes[:top]) if not shown.refit), None)
            if place is None or not self._at_optimum:
                return [shown for shown, _, _ in changes[:top]]
            shown, change, step = changes[place]
            step, _ = self.effects.refit(change, step, tolerance=self._tolerance)
            after = math.exp(-float(watched.losses(step)[0, 0]))
            changes[place] = replace(shown, after=after, refit=True), change, step

    @property
    def _at_optimum(self) -> bool:
        """Away from the optimum, further steps would mostly make up for the fit that the head did not get. A pruned
        index has not got what they need."""
        manifest = self.index.manifest
        return bool(manifest.refit and not manifest.pruned)

    @property
    def _tolerance(self) -> float:
        """How much of the gradient a refined step may leave: as H is at least l2, theta is then at most NEAR per
        parameter away from the optimum."""
        return max(TOLERANCE, NEAR * self.index.manifest.l2)

    def _nothing(self) -> numpy.ndarray:
        return numpy.zeros((1, self.index.head.size))

    def _queries(self, data: HeadData, labels: numpy.ndarray, watched: SegmentChains, unit: str) -> SearchQueries:
        if self.exact or unit == "entity":
            return CurvedQueries(self.index.metric, watched.gradients())
        # The paper's setting: single tokens, and the gradient of an entity is the sum of its tokens'.
        rows = watched.rows
        documents = numpy.repeat(watched.segments[:, 0], watched.lengths)
        inside = rows - data.starts[documents]
        tokens = SegmentChains(self.index.head, data, labels, numpy.stack([documents, inside, inside + 1], axis=1))
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
        refine: int,
    ) -> list[tuple[list[Found], list[Found]]]:
        """Compute the effects of the candidates (rows, scores: segments x candidates; row -1 for none)."""
        owners, columns = numpy.nonzero(rows >= 0)
        pairs, ranked = rows[owners, columns], scores[owners, columns]
        refined = numpy.zeros(len(pairs), dtype=bool)
        if not self.exact:
            return _both_sides(len(rows), owners, _Effects(pairs, ranked, ranked, None, refined, refined), k)
        unique, places = numpy.unique(pairs, return_inverse=True)
        doubtful = numpy.array([self._leverage(row, unit) > LEVERAGE_FLAG for row in unique.tolist()], dtype=bool)
        added = numpy.array([self._is_added(row, unit) for row in unique.tolist()], dtype=bool)
        steps = self._predicted(unique, unit)
        steps[added] *= -1.0  # adding is no removal
        doubtful, sign = doubtful[places], numpy.where(added, -1.0, 1.0)[places]
        waiting = (doubtful | (refine > 0)) & self._at_optimum
        after = losses_after(watched, owners, steps, places)
        while True:
            effect, odds = sign * (after - losses[owners]), sign * (log_odds(after) - log_odds(losses[owners]))
            found = _Effects(pairs, ranked, effect, odds, refined, doubtful & ~refined)
            entries = _both_sides(len(rows), owners, found, k)
            if not waiting.any():
                return entries
            # By segment: what is refined for one must not depend on what is explained beside it.
            shown = [{entry.row for side in sides for entry in side} for sides in entries]
            wanted = [n for n in numpy.flatnonzero(waiting).tolist() if int(pairs[n]) in shown[owners[n]]]
            if not wanted:
                return entries
            again, of_pair = numpy.unique(pairs[wanted], return_inverse=True)
            most = max(refine, MOST_REFINEMENTS)
            moved = numpy.stack([self._refine(row, unit, most) for row in again.tolist()])
            after[wanted] = losses_after(watched, owners[wanted], moved[:, 1:], of_pair)
            refined[wanted] = moved[of_pair, 0] <= self._tolerance
            waiting[wanted] = False

    def _is_added(self, row: int, unit: str) -> bool:
        """Is a row of a document that is no part of J?"""
        held = self.index.manifest.held_documents
        return bool(held) and self.table(unit).segment(row)[0] >= self.index.objective

    def _leverage(self, row: int, unit: str) -> float:
        key = unit, row
        if key not in self._leverages:
            self._leverages[key] = self.table(unit).leverage(row)
        return self._leverages[key]

    def _predicted(self, rows: numpy.ndarray, unit: str) -> numpy.ndarray:
        """Return the predicted steps of theta when rows are removed, each on its own (float32, rows x P)."""
        result = numpy.empty((len(rows), self.index.head.size), dtype=numpy.float32)
        new = []
        for place, row in enumerate(rows.tolist()):
            step = self._steps.get((unit, row))
            if step is None:
                new.append(place)
            else:
                result[place] = step
        together = at_once(self.index.head.size, SEARCHED)
        for start in range(0, len(new), together):
            part = new[start : start + together]
            steps = self.index.metric.apply(self.table(unit).gradients(rows[part]))
            result[part] = -steps
            for place in part:
                self._steps.put((unit, int(rows[place])), result[place].copy())
        return result

    def _refine(self, row: int, unit: str, steps: int) -> numpy.ndarray:
        """Improve the predicted step of a row by so many Newton steps at most, or until the head is at its new optimum
        (float64, 1 + P): the largest |grad J| that is left, and the step."""

        def move() -> numpy.ndarray:
            segment = self.table(unit).segment(row)
            start = self._predicted(numpy.array([row]), unit).astype(numpy.float64)
            if self._is_added(row, unit):
                index = self.index
                further = SegmentChains(index.head, index.data, index.labels, numpy.array([segment]))
                added, gradient = self.effects.refit_with(further, -start, self._tolerance)
                return numpy.append(gradient, added[0])
            change = self.effects.without([segment])
            step, fit = self.effects.refit(change, start, steps, self._tolerance)
            return numpy.append(fit.gradient, step[0])

        return self._moved.made((unit, row, steps), move)


def no_optimum(manifest: Manifest) -> str:
    """Say why nothing can be refit by an index; empty if it can."""
    if not manifest.refit:
        return "no head at its optimum (--no-refit)"
    curvature = manifest.label_curvature or manifest.curvature
    return "identity curvature, which predicts no effects" if curvature == "identity" else ""


def rows_of(index: Index, unit: str) -> Table:
    """Return the rows of a unit: "entity" or "token"."""
    return index.segments if unit == "entity" else index.tokens


class _Effects(NamedTuple):
    """Columns of ``Found``, for pairs of a segment and a reference."""

    rows: numpy.ndarray
    scores: numpy.ndarray
    effects: numpy.ndarray
    log_odds: Optional[numpy.ndarray]
    refined: numpy.ndarray
    doubtful: numpy.ndarray


def _both_sides(count: int, owners: numpy.ndarray, pairs: _Effects, k: int) -> list[tuple[list[Found], list[Found]]]:
    """Split the references of each segment (owners: ints, pairs) into the k supporting and the k opposing ones of the
    largest effects, strongest first; the search's order decides between equals."""
    side, sizes = owners * 2 + (pairs.effects < 0), numpy.abs(pairs.effects)
    there = numpy.flatnonzero((sizes > 0) & numpy.isfinite(sizes))
    order = there[falling(sizes[there], EQUAL * sizes[there], owners=side[there])]
    order = order[numpy.arange(len(order)) - numpy.searchsorted(side[order], side[order]) < k]
    columns = [[None] * len(order) if column is None else column[order].tolist() for column in pairs]
    found = [Found(*values) for values in zip(*columns)]
    bounds = numpy.searchsorted(side[order], numpy.arange(2 * count + 1)).tolist()
    sides = [found[start:end] for start, end in zip(bounds, bounds[1:])]
    return list(zip(sides[::2], sides[1::2]))

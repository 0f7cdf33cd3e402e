"""Training labels whose removal or change may take a prediction away, and how much each moves it at present.

A margin m is to fall below zero. With q its gradient, a change of theta by d moves it by q . d, so by -q H^-1 g_k when
label k is removed, and by q H^-1 (phi(y') - phi(y)) when it is relabelled. Read as a head of its own, -H^-1 q scores
taggings, and a relabelling takes as much off the margin as that head prefers the new labels to the old ones.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

import numpy

from ..budget import at_once
from ..crf.schemes import TAG, TagScheme
from ..influence.data import ranges
from ..influence.effects import Change, HeadEffects
from ..influence.head import Head
from ..influence.relabelling import alternatives

REMOVING, RELABELLING = "removing", "relabelling"
WAYS = (REMOVING, RELABELLING)
GRADIENTS = 4096  # written out at once


class Pick(NamedTuple):
    """A training segment (document, start, end) and its new label; None if its label is taken away."""

    document: int
    start: int
    end: int
    label: Optional[str] = None

    @property
    def segment(self) -> tuple[int, int, int]:
        return self[:3]


def label_units(effects: HeadEffects, scheme: TagScheme, missing: numpy.ndarray) -> numpy.ndarray:
    """List the training labels that can be changed (int64, n x 3): annotated entities, single tokens outside of them,
    and single tags under the scheme TAG. Tokens that are not annotated are in none.

    missing (int64, n x 3): runs of tokens outside of entities that are one label.
    """
    data = effects.data
    known = numpy.logical_not(data.allowed.all(axis=1))
    whole = [tuple(row) for row in missing.tolist()]
    tags = numpy.where(known, effects.labels, 0)
    for document, (first, length) in enumerate(zip(data.starts.tolist(), data.lengths)):
        found = scheme.entities(tags[first : first + length].tolist())  # none under TAG
        whole += [(document, start, end) for start, end, _ in found]
    entities = numpy.array(whole, dtype=numpy.int64).reshape(-1, 3)
    alone = known.copy()
    alone[ranges(data.starts[entities[:, 0]] + entities[:, 1], entities[:, 2] - entities[:, 1])] = False
    return numpy.concatenate([entities, data.tokens(numpy.flatnonzero(alone))])


class Candidates:
    """Training labels that may be changed in one way, and by how much a change of each moves a margin.

    effects (HeadEffects); scheme (TagScheme). units (int64, n x 3): the labels. by (str): one of ``WAYS``.
    direction (float64, 1 x P): the margin's gradient. most (int): candidates that are kept.
    """

    def __init__(
        self,
        effects: HeadEffects,
        scheme: TagScheme,
        units: numpy.ndarray,
        by: str,
        direction: numpy.ndarray,
        most: int,
    ) -> None:
        self._effects, self._scheme, self.by, self.count = effects, scheme, by, len(units)
        gains = relabelling_gains(effects, scheme, units, _preferring(effects, effects.metric.apply(direction)[0]))
        best = gains.max(axis=1)
        # To first order, taking a label away moves the margin by a mean of what relabelling it does, weighted with the
        # probabilities of the other labels: never by more than the best of these.
        chosen = numpy.argsort(-best, kind="stable")[:most]
        self.units, self._choice = units[chosen], gains.argmax(axis=1)[chosen]
        self.potential = best[chosen]
        """float64, candidates: nats that the best relabelling of each takes off the margin, to first order; falling."""

    def __len__(self) -> int:
        return len(self.units)

    def pick(self, number: int) -> Pick:
        """Describe the change of a candidate."""
        document, start, end = self.units[number].tolist()
        if self.by == REMOVING:
            return Pick(document, start, end)
        return Pick(document, start, end, alternatives_of(self._scheme, end - start)[self._choice[number]][0])

    def gains(self, direction: numpy.ndarray, step: numpy.ndarray) -> numpy.ndarray:
        """Return the nats that the change of each takes off the margin, to first order (float64, candidates).

        direction (float64, 1 x P): the margin's gradient at present. step (float64, 1 x P): how the head has moved by
            now. For candidates that were changed already this is what putting them back adds to the margin.
        """
        effects = self._effects
        curved = effects.metric.apply(direction)[0]
        if self.by == RELABELLING:
            gains = relabelling_gains(effects, self._scheme, self.units, _preferring(effects, curved))
            return gains[numpy.arange(len(self)), self._choice]
        now = HeadEffects(effects.data, effects.head.moved(step[0]), effects.penalty, effects.metric, effects.labels)
        size = at_once(len(curved), GRADIENTS)
        parts = [now.gradients(self.units[first : first + size]) @ curved for first in range(0, len(self), size)]
        return numpy.concatenate([*parts, numpy.zeros(0)])


def relabelling_gains(effects: HeadEffects, scheme: TagScheme, units: numpy.ndarray, head: Head) -> numpy.ndarray:
    """Score every other label of training segments against the one that each has, by a head.

    units (int64, n x 3). RETURNS (float64, n x labels, as ``alternatives_of`` lists them): -inf for the present one.
    """
    data, labels = effects.data, effects.labels
    scores = head.emissions(data.features)
    padded = numpy.pad(head.transitions, (0, 1))  # nothing beside a document's edge
    lengths, sizes = units[:, 2] - units[:, 1], numpy.asarray(data.lengths)[units[:, 0]]
    firsts = data.starts[units[:, 0]] + units[:, 1]
    before = numpy.where(units[:, 1] > 0, labels[firsts - 1], data.labels)
    after = numpy.where(units[:, 2] < sizes, labels[numpy.minimum(firsts + lengths, len(labels) - 1)], data.labels)
    result = numpy.zeros((len(units), len(alternatives_of(scheme, 1))))
    for length in numpy.unique(lengths).tolist():
        chosen = numpy.flatnonzero(lengths == length)
        rows = firsts[chosen, None] + numpy.arange(length)
        left, right = before[chosen], after[chosen]

        def score(tags: numpy.ndarray) -> numpy.ndarray:
            """Score tags (ints, units x length)."""
            inner = padded[tags[:, :-1], tags[:, 1:]].sum(axis=1)
            edges = padded[left, tags[:, 0]] + padded[tags[:, -1], right]  # noqa: B023  # used at once
            return numpy.take_along_axis(scores[rows], tags[:, :, None], 2).sum(axis=(1, 2)) + inner + edges  # noqa: B023

        present = labels[rows]
        old = score(present)
        for number, (_, tags) in enumerate(alternatives_of(scheme, length)):
            new = numpy.broadcast_to(tags, rows.shape)
            same = (new == present).all(axis=1)
            result[chosen, number] = numpy.where(same, -numpy.inf, score(new) - old)
    return result


def _preferring(effects: HeadEffects, curved: numpy.ndarray) -> Head:
    """Read minus H^-1 times a margin's gradient (float64, P) as a head."""
    return Head.unpacked(-curved, effects.data.labels)


def change_of(effects: HeadEffects, scheme: TagScheme, picks: Sequence[Pick]) -> Change:
    """Make one change of some labels, all taken away or all relabelled."""
    segments = numpy.array([pick.segment for pick in picks], dtype=numpy.int64).reshape(-1, 3)
    if not picks or picks[0].label is None:
        return effects.without(segments)
    tags = [dict(alternatives_of(scheme, pick.end - pick.start))[str(pick.label)] for pick in picks]
    return effects.relabelled(segments, numpy.concatenate([numpy.array(own) for own in tags]))


def alternatives_of(scheme: TagScheme, length: int) -> list[tuple[str, list[int]]]:
    """List what a segment could be labelled as, always in the same order."""
    return alternatives(scheme, "token" if scheme.name == TAG else "entity", length)

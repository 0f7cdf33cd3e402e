"""Evidence: the exact share of every training label in the margin of a prediction over another reading.

At the optimum of J the gradient vanishes, so a head is a sum over its training labels (the representer theorem, used
for networks by Yeh et al. 2018, "Representer point selection", theorem 3.1):

    theta = centre + (1 / l2) (sum over tokens k of r_k (outer) (F_k, 1) + label pairs + grad J)

with r_k the observed minus expected label, both given the whole text. The margin of labels y over other labels y' of a
segment, all else held, is linear in theta:

    log p(y) / p(y') = theta . (phi(y) - phi(y'))

so it is a sum of shares: of each label k, (1 / l2) times the sum over the segment's tokens t and labels c of
(y - y')_tc r_k[c] (F_k . F_t + 1); of the label pairs, of the centre, and of what is left of the gradient. Positive
supports y, negative supports y'. No Hessian is involved, and shares of sets of labels add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy
from numpy.typing import ArrayLike

from ..crf import DecodingMask
from ..crf.runner_up import runners_up
from .data import HeadData
from .fit import loss_and_gradient
from .head import Head, split
from .penalty import Penalty

BLOCK = 4096  # tokens whose features are in float64 together


def marginal_residuals(data: HeadData, head: Head) -> numpy.ndarray:
    """Return observed minus expected labels of all tokens, given their whole texts (float64, tokens x labels).

    What is observed of a token that may have several labels are its marginals among those.
    """
    scores = head.emissions(data.features)
    residuals = -head.marginals(data, scores)
    if bool((data.allowed.sum(axis=1) == 1).all()):
        residuals[data.allowed] = 0.0
        residuals[data.allowed] = -residuals.sum(axis=1)  # 1 - p, without cancellation
        return residuals
    residuals += head.marginals(data, numpy.where(data.allowed, scores, -numpy.inf))
    return residuals


def summed_gradients(
    features: numpy.ndarray, residuals: numpy.ndarray, groups: numpy.ndarray, count: int
) -> numpy.ndarray:
    """Sum r_k (outer) (F_k, 1) over groups of tokens (float64, labels x groups x (d + 1)).

    features (floats, tokens x d), residuals (floats, tokens x labels), groups (ints, tokens): numbers below ``count``.
    """
    labels, width = residuals.shape[1], features.shape[1]
    sums = numpy.zeros((labels, count, width + 1))
    order = numpy.argsort(groups, kind="stable")
    starts = numpy.searchsorted(groups[order], numpy.arange(count + 1))
    for group in range(count):
        rows = order[starts[group] : starts[group + 1]]
        for first in range(0, len(rows), BLOCK):
            part = rows[first : first + BLOCK]
            sums[:, group, :width] += residuals[part].T @ features[part].astype(numpy.float64)
        sums[:, group, width] = residuals[rows].sum(axis=0)
    return sums


@dataclass(frozen=True)
class Contrasts:
    """Segments, each with two readings of its labels: n directions phi(y) - phi(y') in the space of heads.

    labels, others (int64, tokens of the segments): y and y'. features (floats, tokens x d): one row a token.
    lengths (int64, n): tokens of each segment.
    edges (int64, n x 2): label before each segment and behind it; -1 beyond the text.
    size (int): how many labels there are.
    """

    labels: numpy.ndarray
    others: numpy.ndarray
    features: numpy.ndarray
    lengths: numpy.ndarray
    edges: numpy.ndarray
    size: int

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def owners(self) -> numpy.ndarray:
        """Number of the segment of each token (int64)."""
        return numpy.repeat(numpy.arange(len(self)), self.lengths)

    def emission_directions(self, label: int) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return which segments have a label in just one of their readings (int64, m), and the sums of their tokens'
        signed (F_t, 1) (float64, m x (d + 1))."""
        signs = (self.labels == label).astype(numpy.float64) - (self.others == label)
        tokens = numpy.flatnonzero(signs)
        segments, places = numpy.unique(self.owners[tokens], return_inverse=True)
        sums = numpy.zeros((len(segments), self.features.shape[1] + 1))
        numpy.add.at(sums[:, :-1], places, signs[tokens, None] * self.features[tokens])
        numpy.add.at(sums[:, -1], places, signs[tokens])
        return segments, sums

    def emission_margins(self, weights: numpy.ndarray) -> numpy.ndarray:
        """Multiply by weights of labels (floats, labels x (d + 1)): W . (phi(y) - phi(y')) (float64, n)."""
        result = numpy.zeros(len(self))
        for label in numpy.unique(numpy.concatenate([self.labels, self.others])).tolist():
            segments, sums = self.emission_directions(label)
            result[segments] += sums @ weights[label]
        return result

    def pair_margins(self, transitions: numpy.ndarray) -> numpy.ndarray:
        """Do the same with weights of label pairs (floats, labels x labels), those across the edges included."""
        result = numpy.zeros(len(self))
        ends = numpy.cumsum(self.lengths)
        for number, (start, end, (before, behind)) in enumerate(zip(ends - self.lengths, ends, self.edges.tolist())):
            for sign, reading in ((1.0, self.labels[start:end]), (-1.0, self.others[start:end])):
                path = [label for label in (before, *reading.tolist(), behind) if label >= 0]
                result[number] += sign * float(transitions[path[:-1], path[1:]].sum())
        return result

    def shares(self, sums: numpy.ndarray, l2: float) -> numpy.ndarray:
        """Return the shares of groups of labels in each margin (float64, n x groups).

        sums (floats, labels x groups x (d + 1)): as ``summed_gradients`` gives them. l2 (float): of the penalty.
        """
        result = numpy.zeros((len(self), sums.shape[1]))
        for label in numpy.unique(numpy.concatenate([self.labels, self.others])).tolist():
            segments, directions = self.emission_directions(label)
            if len(segments):
                result[segments] += directions.astype(sums.dtype, copy=False) @ sums[label].T
        return result / l2

    def token_shares(self, features: numpy.ndarray, residuals: numpy.ndarray, l2: float) -> numpy.ndarray:
        """Return the shares of single tokens' labels (float64, n x tokens): features (floats, tokens x d) and
        residuals (floats, tokens x labels) are theirs."""
        result = numpy.zeros((len(self), len(features)))
        for label in numpy.unique(numpy.concatenate([self.labels, self.others])).tolist():
            segments, directions = self.emission_directions(label)
            products = directions[:, :-1] @ features.astype(numpy.float64).T + directions[:, -1:]
            result[segments] += products * residuals[:, label]
        return result / l2


def contrasts(data: HeadData, labels: numpy.ndarray, segments: numpy.ndarray, others: numpy.ndarray) -> Contrasts:
    """Contrast readings of segments of documents.

    labels (ints, all tokens): y, and what everything outside is held at. segments (ints, n x 3): document, start, end.
    others (ints, tokens of the segments, one segment after another): y'.
    """
    segments = numpy.asarray(segments, dtype=numpy.int64).reshape(-1, 3)
    rows = data.rows_of(segments)
    features = numpy.asarray(data.features[rows], dtype=numpy.float64)
    lengths = segments[:, 2] - segments[:, 1]
    return Contrasts(labels[rows], others, features, lengths, _edges(data, labels, segments), data.labels)


def other_readings(
    head: Head, mask: Optional[DecodingMask], data: HeadData, labels: numpy.ndarray, segments: numpy.ndarray
) -> list[list[int]]:
    """Find the most probable other labels of each segment, all else held; -1 throughout where none are permitted.

    mask (DecodingMask): which labels may start, end and follow each other. data, labels, segments: as for
    ``contrasts``.
    """
    scores = head.emissions(data.features)
    documents, starts, ends = segments.T
    lengths, first = ends - starts, data.starts[documents] + starts
    edges = _edges(data, labels, segments)
    result: list[list[int]] = [[] for _ in segments]
    for length in numpy.unique(lengths).tolist():
        chosen = numpy.flatnonzero(lengths == length)
        rows = first[chosen, None] + numpy.arange(length)
        found = runners_up(scores[rows], head.transitions, labels[rows], edges[chosen], mask)
        for number, tags in zip(chosen.tolist(), found.tolist()):
            result[number] = tags
    return result


def _edges(data: HeadData, labels: numpy.ndarray, segments: numpy.ndarray) -> numpy.ndarray:
    """Return the labels before and behind each segment (int64, n x 2); -1 beyond the text."""
    documents, starts, ends = segments.T
    sizes = numpy.asarray(data.lengths, dtype=numpy.int64)[documents]
    begin, stop = data.starts[documents] + starts, data.starts[documents] + ends
    before = numpy.where(starts > 0, labels[begin - 1], -1)
    return numpy.stack([before, numpy.where(ends < sizes, labels[numpy.minimum(stop, len(labels) - 1)], -1)], axis=1)


@dataclass(frozen=True)
class Margins:
    """Margins and their lines that are no training labels: all float64, n. margin = shares of labels + transitions +
    centre + remainder."""

    margin: numpy.ndarray
    transitions: numpy.ndarray
    centre: numpy.ndarray
    remainder: numpy.ndarray


def margins(directions: Contrasts, head: Head, penalty: Penalty, gradient: numpy.ndarray) -> Margins:
    """Compute margins of readings under a head.

    head (Head), penalty (Penalty): of J. gradient (float64, P): of J at the head; its part of W is what labels do not
        account for.
    """
    by_pairs = directions.pair_margins(head.transitions)
    left = directions.emission_margins(split(gradient, directions.size)[0]) / penalty.l2
    centre = numpy.zeros(len(directions))
    if penalty.centre is not None:
        centre = directions.emission_margins(split(penalty.centre.packed, directions.size)[0])
    by_labels = directions.emission_margins(split(head.packed, directions.size)[0])
    return Margins(by_labels + by_pairs, by_pairs, centre, left)


def gradient_left(data: HeadData, head: Head, penalty: Penalty) -> numpy.ndarray:
    """Return the gradient of J at a head (float64, P): zero at its optimum."""
    return loss_and_gradient(data, head, penalty)[1]


def contested(margin: ArrayLike, supporting: ArrayLike, opposing: ArrayLike) -> numpy.ndarray:
    """Say how far training labels contradict each other in margins: 1 - |margin| / (supporting + |opposing|).

    margin, supporting, opposing (floats, any shape, the same for all): opposing is negative.
    RETURNS (float64, the same shape): between 0 and 1; 0 where nothing speaks on either side.
    """
    total = numpy.subtract(supporting, opposing, dtype=numpy.float64)
    left = numpy.divide(numpy.abs(margin), total, out=numpy.ones_like(total), where=total > 0)
    return 1.0 - numpy.minimum(left, 1.0)

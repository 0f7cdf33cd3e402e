"""The part of an index that accounts for margins (see ``influence.evidence``): the residuals of all tokens of J given
their whole texts, the labels sorted by the norms of their gradients, and what whole families add up to.

| file | dtype, shape | content |
| --- | --- | --- |
| evidence_residuals.npy | float16, tokens x labels | observed minus expected label, given the whole text |
| evidence_tokens.npy | uint32, n | number of each label's first token through all documents, falling norms |
| evidence_lengths.npy | uint16, n | tokens of each |
| evidence_families.npy | uint16 or int32, n | family of each |
| evidence_norms.npy | float32, n | norm of the sum of r_k (outer) (F_k, 1) over its tokens |
| evidence_sums.npy | float32, labels x (families + 1) x (d + 1) | that sum over families, and the unlabelled |
| evidence_typical.npy | int64, families | number of the most typical label of each |
| evidence_kinds.npy | int16, families | tag of the first token of that label; a family has labels of one type |
| evidence_scales.npy | float32, 2 x d | mean of labels' mean features, and one over their standard deviation |
| evidence_gradient.npy | float64, P | gradient of J at the head |
| evidence_contested.npy | float64, 1 | 90th percentile of how contested predictions are |

A label is an annotated entity, or a single token outside of entities; under the scheme TAG, any token.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Callable, Mapping, Optional

import numpy

from ..crf.schemes import OUTSIDE, TagScheme
from ..influence.data import HeadData, ranges
from ..influence.evidence import (
    contested,
    contrasts,
    gradient_left,
    marginal_residuals,
    margins,
    other_readings,
    summed_gradients,
)
from ..influence.families import LARGEST_SUMS, find_families, scales, typical_members
from ..influence.head import Head
from ..influence.penalty import Penalty
from ..progress import PART, advance
from .arrays import check_falling, check_type, check_within
from .storage import StoredArray, save_array

PREFIX = "evidence_"
STAGES = 4  # of computing it
# Types and shapes of the arrays. Letters stand for sizes: t tokens, L labels of the head, n labels of the corpus, F
# families, S one more, D width with the constant, W without it, P parameters.
ARRAYS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "residuals": (("float16",), "tL"),
    "tokens": (("uint32",), "n"),
    "lengths": (("uint16",), "n"),
    "families": (("uint16", "int32"), "n"),
    "norms": (("float32",), "n"),
    "sums": (("float32",), "LSD"),
    "typical": (("int64",), "F"),
    "kinds": (("int16",), "F"),
    "scales": (("float32",), "2W"),
    "gradient": (("float64",), "P"),
    "contested": (("float64",), "1"),
}
LARGEST_LENGTH = 65_535
BLOCK = 65_536  # tokens whose norms are computed together
SAMPLE, LEAST = 500, 50  # predictions that show how contested they usually are: at most, and of a development corpus
HIGH = 90  # percentile of those


@dataclass(frozen=True)
class Labels:
    """Training labels: number of the first token through all documents, tokens, and kind (a type, "O", or a tag)."""

    tokens: numpy.ndarray
    lengths: numpy.ndarray
    kinds: list[str]


def labels_of(scheme: TagScheme, data: HeadData, labels: numpy.ndarray) -> Labels:
    """List the labels of documents (ints, all tokens) in their order; tokens without a label are none."""
    known: numpy.ndarray = numpy.logical_not(data.allowed.all(axis=1))
    first, lengths, kinds = [], [], []
    for start, length in zip(data.starts.tolist(), data.lengths):
        place = start
        entities = scheme.entities(labels[start : start + length].tolist())
        for begin, end, kind in [*entities, (length, length, "")]:
            singles = place + numpy.flatnonzero(known[place : start + begin])
            first += singles.tolist()
            lengths += [1] * len(singles)
            kinds += [scheme.tags[tag] for tag in labels[singles].tolist()]
            # An entity may go on into tokens without a label: what is known of it is a label, too.
            inside = (
                begin + numpy.flatnonzero(known[start + begin : start + end]) if kind else numpy.zeros(0, dtype=int)
            )
            for run in numpy.split(inside, numpy.flatnonzero(numpy.diff(inside) > 1) + 1):
                for piece in run[::LARGEST_LENGTH].tolist():
                    first.append(start + piece)
                    lengths.append(min(int(run[-1]) + 1 - piece, LARGEST_LENGTH))
                    kinds.append(kind)
            place = start + end
    return Labels(numpy.array(first, dtype=numpy.int64), numpy.array(lengths, dtype=numpy.int64), kinds)


def write_evidence(
    folder: Path,
    scheme: TagScheme,
    data: HeadData,
    labels: numpy.ndarray,
    head: Head,
    penalty: Penalty,
    predicted: Optional[tuple[HeadData, numpy.ndarray, numpy.ndarray]] = None,
) -> None:
    """Compute the account of a head and write it to the folder of an index.

    data (HeadData): all documents of J. labels (ints, tokens): theirs. head (Head), penalty (Penalty): what is
        accounted for, and the penalty that it was fitted with.
    predicted: documents that were not trained on, their predicted tags (ints, tokens), and what these predict (ints, n
        x 3: document, start, end): they show how contested predictions usually are. The training labels do where there
        are few: those that a head has seen are less so.
    """
    residuals = marginal_residuals(data, head)
    found = labels_of(scheme, data, labels)
    means = _means(data, found)
    advance(1, PART)
    names, kinds = numpy.unique(found.kinds, return_inverse=True) if found.kinds else (numpy.zeros(0), found.tokens)
    most = max(LARGEST_SUMS // (data.labels * data.width * max(len(names), 1)), 1)
    families = find_families(means, kinds, most)
    advance(1, PART)
    count = int(families.max(initial=-1)) + 1
    groups = numpy.full(len(residuals), count, dtype=numpy.int64)
    groups[ranges(found.tokens, found.lengths)] = numpy.repeat(families, found.lengths)
    sums = summed_gradients(data.features, residuals, groups, count + 1)
    advance(1, PART)
    norms = numpy.nextafter(_norms(data, residuals, found).astype(numpy.float32), numpy.float32(numpy.inf))
    order = numpy.argsort(-norms, kind="stable")
    place = numpy.empty_like(order)
    place[order] = numpy.arange(len(order))
    typical = typical_members(means, families)
    gradient = gradient_left(data, head, penalty)
    asked = data, labels, _segments(data, found)
    if predicted is not None and len(predicted[2]) >= LEAST:
        asked = predicted
    arrays = {
        "residuals": residuals.astype(numpy.float16),
        "tokens": found.tokens[order].astype(numpy.uint32),
        "lengths": found.lengths[order].astype(numpy.uint16),
        "families": families[order].astype(numpy.uint16 if count <= LARGEST_LENGTH else numpy.int32),
        "norms": norms[order],
        "sums": sums.astype(numpy.float32),
        "typical": place[typical],
        "kinds": labels[found.tokens[typical]].astype(numpy.int16),
        "scales": scales(means),
        "gradient": gradient,
        "contested": numpy.array([_usually_contested(scheme, asked, head, penalty, sums, gradient)]),
    }
    for name, values in arrays.items():
        save_array(folder, PREFIX + name, values)
    advance(1, PART)


class Evidence:
    """The account of an index, opened. Labels are numbered by falling norm.

    RAISES (ValueError): S032 if it is damaged.
    """

    def __init__(self, open_array: Callable[[str], StoredArray], tokens: int, labels: int, width: int) -> None:
        self._arrays = {name: open_array(f"{PREFIX}{name}.npy") for name in ARRAYS}
        count, families = len(self._arrays["tokens"]), len(self._arrays["typical"])
        sizes: dict[str, Optional[int]] = {"t": tokens, "L": labels, "n": count, "F": families, "S": families + 1}
        sizes |= {"D": width + 1, "W": width, "P": labels * (width + 1) + labels**2, "1": 1, "2": 2}
        for name, (dtypes, letters) in ARRAYS.items():
            check_type(self._arrays[name].path, self._arrays[name], dtypes, [sizes[letter] for letter in letters])
        self.count, self.families, self._tokens, self._labels = count, families, tokens, labels

    def __len__(self) -> int:
        return self.count

    @cached_property
    def tokens(self) -> numpy.ndarray:
        """Number of each label's first token through all documents (int64, labels)."""
        return self._checked("tokens", 0, self._tokens)

    @cached_property
    def lengths(self) -> numpy.ndarray:
        """Tokens of each label (int64, labels)."""
        lengths = self._checked("lengths", 1, LARGEST_LENGTH + 1)
        check_within(self._arrays["lengths"].path, self.tokens + lengths, 0, self._tokens + 1)
        return lengths

    @cached_property
    def family_of(self) -> numpy.ndarray:
        """Family of each label (int64, labels)."""
        return self._checked("families", 0, self.families)

    @cached_property
    def norms(self) -> numpy.ndarray:
        """Norm of each label's gradient, falling (float32, labels)."""
        norms = self._arrays["norms"][:]
        check_falling(self._arrays["norms"].path, norms)
        return norms

    @cached_property
    def sizes(self) -> numpy.ndarray:
        """Labels of each family (int64, families)."""
        return numpy.bincount(self.family_of, minlength=self.families)

    @cached_property
    def typical(self) -> numpy.ndarray:
        """Number of the most typical label of each family (int64, families)."""
        return self._checked("typical", 0, max(self.count, 1))

    @cached_property
    def kinds(self) -> numpy.ndarray:
        """Tag of the first token of each family's typical label (int64, families)."""
        return self._checked("kinds", 0, self._labels)

    @cached_property
    def sums(self) -> numpy.ndarray:
        """Summed gradients of families, and of the tokens without a label (float32, labels x (families + 1) x
        (d + 1))."""
        return self._arrays["sums"][:]

    @cached_property
    def scales(self) -> numpy.ndarray:
        """Mean of labels' mean features, and one over their standard deviation (float32, 2 x d)."""
        return self._arrays["scales"][:]

    @cached_property
    def gradient(self) -> numpy.ndarray:
        """Gradient of J at the head (float64, P)."""
        return self._arrays["gradient"][:]

    @cached_property
    def contested(self) -> float:
        """How contested at most nine of ten predictions are that are not outside; 1 if there are none."""
        return float(self._arrays["contested"][:][0])

    @cached_property
    def _by_family(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        order = numpy.argsort(self.family_of, kind="stable")
        return order, numpy.searchsorted(self.family_of[order], numpy.arange(self.families + 1))

    def members(self, family: int) -> numpy.ndarray:
        """Return the labels of a family, falling norms (int64)."""
        order, starts = self._by_family
        return order[starts[family] : starts[family + 1]]

    def residuals(self, tokens: numpy.ndarray) -> numpy.ndarray:
        """Return the residuals of some tokens (float32, tokens x labels)."""
        return self._arrays["residuals"][tokens].astype(numpy.float32)

    def _checked(self, name: str, low: int, high: int) -> numpy.ndarray:
        values = self._arrays[name][:].astype(numpy.int64)
        check_within(self._arrays[name].path, values, low, high)
        return values


def _segments(data: HeadData, found: Labels) -> numpy.ndarray:
    """Return the training labels that are not outside (int64, n x 3: document, start, end)."""
    chosen = numpy.flatnonzero(numpy.array(found.kinds) != OUTSIDE)
    documents = numpy.searchsorted(data.starts, found.tokens[chosen], side="right") - 1
    starts = found.tokens[chosen] - data.starts[documents]
    return numpy.stack([documents, starts, starts + found.lengths[chosen]], axis=1)


def _usually_contested(
    scheme: TagScheme,
    asked: tuple[HeadData, numpy.ndarray, numpy.ndarray],
    head: Head,
    penalty: Penalty,
    sums: numpy.ndarray,
    gradient: numpy.ndarray,
) -> float:
    """Return a high percentile of how contested some labels are; 1, which nothing is above, if there are none.

    asked: documents, their labels (ints, tokens), and segments (ints, n x 3), of which some are looked at.
    """
    data, labels, segments = asked
    segments = segments[:: -(-len(segments) // SAMPLE)] if len(segments) else segments
    readings = other_readings(head, scheme.mask, data, labels, segments)
    possible = [number for number, tags in enumerate(readings) if tags[0] >= 0]
    if not possible:
        return 1.0
    others = numpy.concatenate([readings[number] for number in possible])
    directions = contrasts(data, labels, segments[possible], others)
    shares = directions.shares(sums, penalty.l2)[:, :-1]
    margin = margins(directions, head, penalty, gradient).margin
    sides = [numpy.where(sign * shares > 0, shares, 0.0).sum(axis=1) for sign in (1, -1)]
    return float(numpy.percentile(contested(margin, *sides), HIGH))


def _means(data: HeadData, found: Labels) -> numpy.ndarray:
    """Return the mean features of labels (float32, n x d)."""
    means = numpy.asarray(data.features[found.tokens]).astype(numpy.float32)
    for number in numpy.flatnonzero(found.lengths > 1).tolist():
        first = int(found.tokens[number])
        means[number] = data.features[first : first + int(found.lengths[number])].mean(axis=0, dtype=numpy.float64)
    return means


def _norms(data: HeadData, residuals: numpy.ndarray, found: Labels) -> numpy.ndarray:
    """Return the norms of the labels' summed gradients (float64, n)."""
    norms = numpy.empty(len(found.tokens))
    for start in range(0, len(norms), BLOCK):
        tokens = found.tokens[start : start + BLOCK]
        squares = (numpy.asarray(data.features[tokens]).astype(numpy.float64) ** 2).sum(axis=1) + 1.0
        norms[start : start + BLOCK] = numpy.sqrt(squares) * numpy.linalg.norm(residuals[tokens], axis=1)
    for number in numpy.flatnonzero(found.lengths > 1).tolist():
        rows = slice(int(found.tokens[number]), int(found.tokens[number] + found.lengths[number]))
        features = data.features[rows].astype(numpy.float64)
        within = (features @ features.T + 1.0) * (residuals[rows] @ residuals[rows].T)
        norms[number] = numpy.sqrt(max(float(within.sum()), 0.0))
    return norms

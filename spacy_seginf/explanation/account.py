"""What taught it that: the margin of a prediction over another reading, as shares of families of training labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Iterator, Optional, Sequence

import numpy

from ..crf.schemes import OUTSIDE, TAG, TagScheme, type_of
from ..index.index import Index
from ..index.kept import KeptArrays
from ..influence.data import HeadData, ranges
from ..influence.evidence import Contrasts, contested, contrasts, margins, other_readings
from ..influence.linear_algebra import unit_vectors
from ..influence.order import EQUAL, falling
from ..influence.segments import SegmentChains

ROUNDING = 1e-3  # of a share: residuals are kept in half precision
DESCRIBED = 4096  # labels whose texts are kept
KEPT_NUMBERS = 1 << 24  # of families' features
LABELS_AT_ONCE = 1 << 14  # whose features are read
CONSIDERED = 48  # families on each side, by their shares, and as many near ones
LOCALITY = 32  # power of the cosine that a share is weighed with; cosines of features that no one centred are all high
FIRST_LABELS, LARGEST_BLOCK = 1024, 65_536  # of a search


@dataclass(frozen=True)
class FamilyShare:
    """The share of a family of labels in a margin (nats): positive supports the prediction, negative the other
    reading.

    occurrences: its labels with the largest shares (number in the evidence, share), if they were asked for.
    example (int): its label that is nearest to what is explained; -1 for the most typical one.
    """

    family: int
    share: float
    occurrences: tuple[tuple[int, float], ...] = ()
    example: int = -1


@dataclass(frozen=True)
class Account:
    """The margin of a prediction over another reading, in nats, and what adds up to it.

    margin = sum of the shares of all families + unlabelled + transitions + centre + remainder

    others (ints, tokens): the other reading. against (str): in words. probability: of the predicted labels under the
    head that labels make, given those outside. supporting, opposing: sums of the positive and of the negative shares
    of families. families: the strongest on both sides; those of predictions with a label in the order of their shares
    times the cosine to their nearest label to a high power, others by shares alone. unlabelled: share of training
    tokens without a label; transitions: of label pairs; centre: of the trained head, if the penalty is centred there;
    remainder: what the head's distance from its optimum leaves. disputed: whether labels contradict each other more
    than for nine of ten predictions for the development corpus. labels: the single labels with the largest shares on
    both sides (number in the evidence, share), if they were asked for. tags (ints, tokens): the prediction. count:
    families that there are.
    """

    others: tuple[int, ...]
    against: str
    margin: float
    probability: float
    supporting: float
    opposing: float
    families: tuple[FamilyShare, ...]
    unlabelled: float
    transitions: float
    centre: float
    remainder: float
    disputed: bool = False
    labels: tuple[tuple[int, float], ...] = ()
    tags: tuple[int, ...] = ()
    count: int = 0


class Accountant:
    """Accounts for predictions by the evidence of an index, for any number of threads.

    index (Index); scheme (TagScheme): of the tagger. RAISES (ValueError): S256 if the index has no evidence.
    """

    def __init__(self, index: Index, scheme: TagScheme) -> None:
        self.index, self.scheme, self.evidence = index, scheme, index.evidence
        self.head, _, self.penalty = index.label_head
        self._described = lru_cache(maxsize=DESCRIBED)(self._describe)  # texts share families
        self._means: KeptArrays[int] = KeptArrays(KEPT_NUMBERS)

    def accounts(
        self,
        data: HeadData,
        labels: numpy.ndarray,
        segments: numpy.ndarray,
        k: int,
        others: Optional[Sequence[Sequence[int]]] = None,
    ) -> list[Optional[Account]]:
        """Account for segments of texts.

        data (HeadData): texts. labels (ints, tokens): what is explained. segments (ints, n x 3): document, start, end.
        k (int): families on each side. others: other readings, tags for the tokens of each segment; the most probable
            ones if None.
        RETURNS: None for a segment that no other reading is permitted for.
        """
        segments = numpy.asarray(segments, dtype=numpy.int64).reshape(-1, 3)
        if others is None:
            readings = other_readings(self.head, self.scheme.mask, data, labels, segments)
        else:
            readings = [list(tags) for tags in others]
        possible = [number for number, tags in enumerate(readings) if tags and tags[0] >= 0]
        result: list[Optional[Account]] = [None] * len(segments)
        if not possible:
            return result
        chosen = segments[possible]
        directions = contrasts(data, labels, chosen, numpy.concatenate([readings[number] for number in possible]))
        shares = directions.shares(self.evidence.sums, self.penalty.l2)
        lines = margins(directions, self.head, self.penalty, self.evidence.gradient)
        watched = SegmentChains(self.head, data, labels, chosen)
        losses = watched.losses(numpy.zeros((1, self.head.size)))[0]
        families, unlabelled = shares[:, :-1], shares[:, -1]
        supporting, opposing = (numpy.where(sign * families > 0, families, 0.0).sum(axis=1) for sign in (1, -1))
        disputed = contested(lines.margin, supporting, opposing) > self.evidence.contested
        strongest = _strongest_of_rows(families, max(k, CONSIDERED))
        ends = numpy.cumsum(directions.lengths)
        places = [slice(int(end - length), int(end)) for end, length in zip(ends, directions.lengths)]
        # What is outside has too many families, and mostly nobody asks for its.
        named = [self.scheme.by_token or bool(directions.labels[place].any()) for place in places]
        rows = [] if self.index.manifest.pruned else [row for row, is_named in enumerate(named) if is_named]
        vectors = numpy.array([directions.features[places[row]].mean(axis=0) for row in rows])
        ordered = dict(zip(rows, self._nearest_first(families[rows], [strongest[row] for row in rows], vectors, k)))
        for row, number in enumerate(possible):
            tags = tuple(readings[number])
            shown = ordered.get(row)
            if shown is None:
                first = _both_sides(numpy.array([share for _, share in strongest[row]]), k)
                shown = [FamilyShare(*strongest[row][place]) for place in first]
            result[number] = Account(
                tags,
                reading_in_words(self.scheme, tags),
                float(lines.margin[row]),
                math.exp(-float(losses[row])),
                float(supporting[row]),
                float(opposing[row]),
                tuple(shown),
                float(unlabelled[row]),
                float(lines.transitions[row]),
                float(lines.centre[row]),
                float(lines.remainder[row]),
                bool(disputed[row]),
                tags=tuple(directions.labels[places[row]].tolist()),
                count=len(self.evidence.sizes),
            )
        return result

    def against_types(
        self, data: HeadData, labels: numpy.ndarray, segment: numpy.ndarray, k: int, count: int
    ) -> list[Account]:
        """Account for why a segment is nothing else: against each other type, and no entity at all.

        data, labels, k: as for ``accounts``. segment (ints, 3): document, start, end. count (int): how many accounts.
        RETURNS: those of the smallest margins, the most probable reading first. None under the scheme TAG.
        """
        scheme, (document, start, end) = self.scheme, segment.tolist()
        if scheme.name == TAG:
            return []
        first = int(data.starts[document])
        own = labels[first + start : first + end].tolist()
        readings = [scheme.entity_tags(label, end - start) for label in scheme.labels]
        readings.append([scheme.index[OUTSIDE]] * (end - start))
        readings = [tags for tags in readings if tags != own and self._permitted(data, labels, segment, tags)]
        found = self.accounts(data, labels, numpy.repeat(segment[None], len(readings), axis=0), k, readings)
        return sorted((one for one in found if one is not None), key=lambda one: one.margin)[:count]

    def _permitted(self, data: HeadData, labels: numpy.ndarray, segment: numpy.ndarray, tags: Sequence[int]) -> bool:
        """Does the scheme permit other tags of a segment, between the labels around it?"""
        mask, (document, start, end) = self.scheme.mask, segment.tolist()
        first, length = int(data.starts[document]), data.lengths[document]
        edges = labels[first + start - (start > 0) : first + start], labels[first + end : first + min(end + 1, length)]
        return mask is None or mask.permits([*edges[0], *tags, *edges[1]], not start, end == length)

    def with_occurrences(
        self, account: Account, data: HeadData, labels: numpy.ndarray, segment: numpy.ndarray, k: int
    ) -> Account:
        """Open the families of a segment's account to the k labels with the largest shares in each, and find the k
        labels with the largest shares of all on each side.

        RAISES (ValueError): S035 if the index was pruned.
        """
        contrast = contrasts(data, labels, segment[None], numpy.array(account.others))
        families = tuple(
            replace(family, occurrences=tuple(self.occurrences(contrast, family.family, k)))
            for family in account.families
        )
        return replace(account, families=families, labels=tuple(self.strongest(contrast, k)))

    def strongest(self, contrast: Contrasts, k: int) -> list[tuple[int, float]]:
        """Find the labels with the largest shares in one margin, on both sides: number in the evidence, share.

        Labels are read by falling norms until no other can be among them.
        """
        numbers = numpy.zeros(0, dtype=numpy.int64)
        shares = numpy.zeros(0)
        norm = self._norm(contrast) * (1.0 + ROUNDING) / self.penalty.l2
        start, size = 0, FIRST_LABELS
        while start < len(self.evidence):
            least = min(_kth(shares, k), _kth(-shares, k))
            if float(self.evidence.norms[start]) * norm < least:
                break
            block = numpy.arange(start, min(start + size, len(self.evidence)))
            numbers = numpy.concatenate([numbers, block])
            shares = numpy.concatenate([shares, self.shares_of(contrast, block)])
            kept = numpy.unique(numpy.concatenate([_largest(shares, k), _largest(-shares, k)]))
            numbers, shares = numbers[kept], shares[kept]
            start, size = int(block[-1]) + 1, min(2 * size, LARGEST_BLOCK)
        order = _first(numpy.abs(shares), len(shares), numbers)
        return [(int(numbers[place]), float(shares[place])) for place in order]

    def shares_of(self, contrast: Contrasts, numbers: numpy.ndarray) -> numpy.ndarray:
        """Return the shares of some labels (ints, numbers in the evidence) in one margin (float64).

        RAISES (ValueError): S035 if the index was pruned.
        """
        lengths = self.evidence.lengths[numbers]
        tokens = ranges(self.evidence.tokens[numbers], lengths)
        found = contrast.token_shares(self.index.features_of(tokens), self.evidence.residuals(tokens), self.penalty.l2)
        return numpy.add.reduceat(found[0], numpy.cumsum(lengths) - lengths) if len(numbers) else numpy.zeros(0)

    def occurrences(self, contrast: Contrasts, family: int, k: int) -> list[tuple[int, float]]:
        """Return the labels of a family with the largest shares in one margin, largest first."""
        members = self.evidence.members(family)
        shares = self.shares_of(contrast, members)
        order = _first(numpy.abs(shares), k, members)
        return [(int(members[place]), float(shares[place])) for place in order]

    def describe(self, number: int, context: int) -> dict[str, Any]:
        """Describe a label of the evidence as plain values, a dict of the caller's own; see ``Addresses.describe``."""
        return dict(self._described(number, context))

    def _describe(self, number: int, context: int) -> dict[str, Any]:
        (document, start, end), label = self.place_of(number)
        return self.index.describe(document, start, end, label, context)

    def place_of(self, number: int) -> tuple[tuple[int, int, int], str]:
        """Return where a label is (document, start, end), and what it says."""
        one = numpy.array([number])
        ((document, start, end),) = self.index.segments_at(
            self.evidence.tokens[one], self.evidence.lengths[one]
        ).tolist()
        return (document, start, end), self.label_of(int(self.evidence.family_of[number]))

    def label_of(self, family: int) -> str:
        """Return what the labels of a family say: a type, "O", or a tag."""
        tag = self.scheme.tags[int(self.evidence.kinds[family])]
        return tag if self.scheme.name == TAG else type_of(tag)

    def describe_family(self, family: int, context: int, example: int = -1) -> dict[str, Any]:
        """Describe a family as plain values: its number, size, label, and a member (number in the evidence), the most
        typical one if -1."""
        shown = self.describe(int(self.evidence.typical[family]) if example < 0 else example, context)
        return {
            "family": family,
            "shown": example,
            "size": int(self.evidence.sizes[family]),
            "label": shown["label"],
            "example": shown,
        }

    def _nearest_first(
        self, shares: numpy.ndarray, strongest: Sequence[Sequence[tuple[int, float]]], vectors: numpy.ndarray, k: int
    ) -> list[list[FamilyShare]]:
        """Order families by their shares and how near they come to what is explained: shares of families that are near
        nothing in particular are large on both sides of all predictions. The first k of each side are returned.

        shares (floats, n x families): of what is explained. strongest: the families with the largest, on both sides, of
            each. vectors (floats, n x d): mean features.
        """
        if not len(vectors):
            return []
        queries = unit_vectors(vectors)
        asked = [
            numpy.unique(numpy.array([family for family, _ in own] + _first(cosines, CONSIDERED).tolist(), dtype=int))
            for own, cosines in zip(strongest, queries @ self._typical.T)
        ]
        sizes = list(map(len, asked))
        rows, families = numpy.repeat(numpy.arange(len(asked)), sizes), numpy.concatenate(asked)
        cosines, nearest = self._nearest_members(queries, rows, families)
        own = shares[rows, families]
        weights = numpy.abs(own) * numpy.maximum(cosines, 0.0) ** LOCALITY
        order = falling(weights, EQUAL * weights, families, rows)
        found = []
        for places in numpy.split(order, numpy.cumsum(sizes)[:-1]):
            first = places[_both_sides(own[places], k)]
            columns = (column[first].tolist() for column in (families, own, nearest))
            found.append([FamilyShare(family, share, example=one) for family, share, one in zip(*columns)])
        return found

    def _nearest_members(
        self, queries: numpy.ndarray, rows: numpy.ndarray, families: numpy.ndarray
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return the largest cosines of queries (ints, pairs) with labels of families (ints, pairs), and these labels.

        queries (float32, n x d): of length 1. RETURNS (float32, pairs; int64, pairs).
        """
        cosines, nearest = numpy.empty(len(rows), dtype=numpy.float32), numpy.empty(len(rows), dtype=numpy.int64)
        order = numpy.argsort(families, kind="stable")
        numbers, firsts = numpy.unique(families[order], return_index=True)
        pairs = dict(zip(numbers.tolist(), numpy.split(order, firsts[1:])))
        blocks = numpy.cumsum(self.evidence.sizes[numbers]) // LABELS_AT_ONCE
        for some in numpy.split(numbers, numpy.flatnonzero(numpy.diff(blocks)) + 1):
            for family, means in self._means_in(some.tolist()):
                own = pairs[family]
                norms = numpy.sqrt(numpy.einsum("ij,ij->i", means, means))
                found = means @ queries[rows[own]].T  # one product for all that ask for it
                found /= numpy.maximum(norms, numpy.finfo(norms.dtype).tiny)[:, None]
                cosines[own] = found.max(axis=0)
                nearest[own] = self.evidence.members(family)[(found >= cosines[own] - EQUAL).argmax(axis=0)]
        return cosines, nearest

    def _means_in(self, families: Sequence[int]) -> Iterator[tuple[int, numpy.ndarray]]:
        """Yield families, and the mean features of their labels; those that are not known yet are read at once."""
        known = {family: self._means.get(family) for family in families}
        unknown = [family for family, means in known.items() if means is None]
        if unknown:
            members = list(map(self.evidence.members, unknown))
            read = self._means_of(numpy.concatenate(members))
            for family, means in zip(unknown, numpy.split(read, numpy.cumsum(list(map(len, members)))[:-1])):
                known[family] = means
                self._means.put(family, means)
        for family, found in known.items():
            if found is not None:
                yield family, found

    @cached_property
    def _typical(self) -> numpy.ndarray:
        """Directions of the most typical labels of all families (float32, families x d)."""
        return unit_vectors(self._means_of(self.evidence.typical))

    def _means_of(self, numbers: numpy.ndarray) -> numpy.ndarray:
        """Return the mean features of labels (ints, numbers in the evidence) (float32, labels x d)."""
        lengths = self.evidence.lengths[numbers]
        means = self.index.features_of(self.evidence.tokens[numbers])
        longer = numpy.flatnonzero(lengths > 1)
        if len(longer):
            sizes = lengths[longer]
            features = self.index.features_of(ranges(self.evidence.tokens[numbers[longer]], sizes))
            means[longer] = numpy.add.reduceat(features, numpy.cumsum(sizes) - sizes) / sizes[:, None]
        return means

    def _norm(self, contrast: Contrasts) -> float:
        """Return the norm of the direction of one margin in the space of W."""
        squares = 0.0
        for label in range(contrast.size):
            segments, sums = contrast.emission_directions(label)
            if len(segments):
                squares += float((sums**2).sum())
        return squares**0.5


def _both_sides(shares: numpy.ndarray, k: int) -> numpy.ndarray:
    """Return the places of the first k shares of each side, in their order."""
    sides = (numpy.flatnonzero(side)[:k] for side in (shares > 0, shares <= 0))
    return numpy.sort(numpy.concatenate(list(sides)))


def _strongest_of_rows(shares: numpy.ndarray, k: int) -> list[list[tuple[int, float]]]:
    """Return, for each row of shares, the k largest and the k most negative ones: number and share, largest first."""
    result = []
    for row in shares:
        sides = numpy.concatenate([_largest(row, k), _largest(-row, k)])
        order = sides[_first(numpy.abs(row[sides]), 2 * k, sides)]
        result.append(list(zip(order.tolist(), row[order].tolist())))
    return result


def _first(values: numpy.ndarray, k: int, ties: Optional[numpy.ndarray] = None) -> numpy.ndarray:
    """Return the places of the k largest values, in their order; equal ones by their ties, or their places."""
    near, gaps = numpy.arange(len(values)), EQUAL * numpy.abs(values)
    if k < len(values):
        last = numpy.partition(values, -k)[-k]
        near = numpy.flatnonzero(values >= last - EQUAL * abs(last))  # as many as are equal
    return near[falling(values[near], gaps[near], near if ties is None else ties[near])][:k]


def _largest(values: numpy.ndarray, k: int) -> numpy.ndarray:
    """Return the places of the k largest positive values."""
    positive = numpy.flatnonzero(values > 0)
    return positive[_first(values[positive], k)]


def _kth(values: numpy.ndarray, k: int) -> float:
    """Return the k-th largest value; 0 if there are fewer positive ones."""
    largest = _largest(values, k)
    return float(values[largest[-1]]) if len(largest) == k else 0.0


def reading_in_words(scheme: TagScheme, tags: Sequence[int], words: Sequence[str] = ()) -> str:
    """Say what tags of some tokens mean: a type where they are one entity, else each entity with its words, or its
    length where they are not known; tags under the scheme TAG."""
    if scheme.name == TAG:
        return " ".join(scheme.tags[tag] for tag in tags)
    entities = scheme.entities(tags)
    if [(start, end) for start, end, _ in entities] == [(0, len(tags))]:
        return entities[0][2]
    parts = [
        f"{label} “{' '.join(words[start:end])}”" if words else f"{label} of {end - start} of {len(tags)} tokens"
        for start, end, label in entities
    ]
    return ", ".join(parts) or OUTSIDE

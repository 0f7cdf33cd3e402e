"""Training tokens as points: which of them are near to a token, what their labels say, and what is written there."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Optional, Sequence

import numpy

from ..crf.schemes import OUTSIDE, TAG, Entity, TagScheme, type_of
from ..index.index import Index
from ..influence.families import scales, standardised
from ..influence.linear_algebra import unit_vectors
from ..influence.order import EQUAL, falling

BLOCK = 16_384  # training tokens that are compared at once
ASKED = 1024  # tokens that are asked for at once
POOL = 4  # times as many are found as are wanted, so that they can be of several documents
OF_A_DOCUMENT = 2
BELOW = -2.0  # all cosines: not to be found


class TrainingTokens:
    """All training tokens of an index, compared by the cosine of their features, each scaled to zero mean and unit
    variance over the corpus.

    tags, types (int64, tokens): their labels, and the numbers of the types of these. documents (int64, tokens). known
    (bool, tokens): which have a label. RAISES (ValueError): S035 if the index was pruned.
    """

    def __init__(self, index: Index, scheme: TagScheme) -> None:
        data = index.data
        self._index, self._scheme, self._starts = index, scheme, data.starts
        self.documents = numpy.repeat(numpy.arange(len(data.lengths)), data.lengths)
        self.known: numpy.ndarray = numpy.logical_not(data.allowed.all(axis=1))
        self.tags = index.labels
        names = [type_of(tag) for tag in scheme.tags]
        self.type_of_tag = numpy.array([names.index(name) for name in names])
        self.types = self.type_of_tag[self.tags]
        self._scales = scales(data.features)
        self._directions = self.directions(data.features)
        self.entities_in = lru_cache(maxsize=4096)(self._entities_in)

    def directions(self, features: numpy.ndarray) -> numpy.ndarray:
        """Scale features (floats, n x d) to standardised ones of length 1 (float32)."""
        return unit_vectors(standardised(features, self._scales))

    def of_type(self, number: int) -> numpy.ndarray:
        """Return the tokens with a label of a type (int64)."""
        return numpy.flatnonzero(self.known & (self.types == number))

    def closeness(self, directions: numpy.ndarray, number: int, count: int, sample: int) -> numpy.ndarray:
        """Say how close tokens are to labels of a type, beside such labels themselves (float64, n, between 0 and 1).

        directions (float32, n x d): see ``directions``. number (int): the type.
        count (int): the nearest labels, whose mean cosine is taken. sample (int): labels of the type that are compared,
            each with those of other documents.
        RETURNS: the share of these that are less close to their like; 0 without any.
        """
        among = self.of_type(number)
        if not len(among):
            return numpy.zeros(len(directions))
        chosen = among[:: -(-len(among) // sample)]
        own = self._mean_cosines(self._directions[chosen], count, among, self.documents[chosen])
        found = self._mean_cosines(directions, count, among, numpy.full(len(directions), -1))
        return numpy.searchsorted(numpy.sort(own), found) / len(own)

    def nearest(
        self,
        directions: numpy.ndarray,
        count: int,
        among: Optional[numpy.ndarray] = None,
        without: Optional[numpy.ndarray] = None,
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Find the nearest training tokens that have a label, no more than two of one document.

        directions (float32, n x d): see ``directions``. among (ints): the tokens that may be found; all if None.
        without (ints, n): a document that each must not find; -1 for none.
        RETURNS: numbers of tokens (int64, n x count), -1 beyond what there is, and their cosines (float32), falling.
        """
        among = numpy.flatnonzero(self.known) if among is None else among
        without = numpy.full(len(directions), -1) if without is None else without
        parts = [
            self._nearest(directions[start : start + ASKED], count, among, without[start : start + ASKED])
            for start in range(0, len(directions), ASKED)
        ]
        none = [(numpy.zeros((0, count), dtype=numpy.int64), numpy.zeros((0, count), dtype=numpy.float32))]
        numbers, cosines = zip(*(parts or none))
        return numpy.concatenate(numbers), numpy.concatenate(cosines)

    @property
    def words(self) -> numpy.ndarray:
        """Number of the word of each token, in one case (int64)."""
        return self._words[0]

    def word(self, text: str) -> int:
        """Return the number of a word; -1 if it is nowhere in training."""
        return self._words[1].get(text.casefold(), -1)

    def neighbour_words(self, tokens: numpy.ndarray, step: int) -> numpy.ndarray:
        """Return the words before (step -1) or behind (1) tokens (int64); -2 beyond the text."""
        places = numpy.clip(tokens + step, 0, len(self.words) - 1)
        inside = (places == tokens + step) & (self.documents[places] == self.documents[tokens])
        return numpy.where(inside, self.words[places], -2)

    def has_type(self, tokens: numpy.ndarray, number: int) -> numpy.ndarray:
        """Say of tokens whether their words have a type somewhere in training (bool)."""
        return numpy.isin(self.words[tokens], self.words[self.of_type(number)])

    def is_entity(self, words: Sequence[str], label: str) -> bool:
        """Are words, in any case, an entity of a type somewhere in training?"""
        return (tuple(word.casefold() for word in words), label) in self._entities

    def is_outside(self, words: Sequence[str]) -> bool:
        """Do words, in any case, stand somewhere in training outside of all entities?"""
        numbers = numpy.array([self.word(word) for word in words])
        places = self._tokens_of.get(int(numbers[0]), numpy.zeros(0, dtype=numpy.int64))
        places = places[places + len(numbers) <= len(self.words)]
        inside = places[:, None] + numpy.arange(len(numbers))
        same = (self.words[inside] == numbers).all(axis=1) & (self.documents[inside[:, -1]] == self.documents[places])
        outside = self.types == self.type_of_tag[self._scheme.index[OUTSIDE]]
        return bool((outside & self.known)[inside[same]].all(axis=1).any())

    def label_at(self, token: int) -> tuple[int, int, int, str]:
        """Return the label of a token: document, start and end of its entity (or its own), and the type."""
        document = int(self.documents[token])
        place = token - int(self._starts[document])
        for entity in self.entities_in(document):
            if entity.start <= place < entity.end:
                return document, entity.start, entity.end, entity.label
        return document, place, place + 1, type_of(self._scheme.tags[int(self.tags[token])])

    def words_of(self, document: int) -> list[str]:
        """Return the tokens of a document."""
        return self._index.words(document)[0]

    @cached_property
    def _words(self) -> tuple[numpy.ndarray, dict[str, int]]:
        numbers: dict[str, int] = {}
        found = (word.casefold() for document in range(len(self._starts)) for word in self._index.words(document)[0])
        return numpy.fromiter((numbers.setdefault(word, len(numbers)) for word in found), numpy.int64), numbers

    @cached_property
    def _tokens_of(self) -> dict[int, numpy.ndarray]:
        """The tokens of each word (int64)."""
        order = numpy.argsort(self.words, kind="stable")
        numbers, starts = numpy.unique(self.words[order], return_index=True)
        return dict(zip(numbers.tolist(), numpy.split(order, starts[1:])))

    @cached_property
    def _entities(self) -> set[tuple[tuple[str, ...], str]]:
        """All entities: their words in one case, and types."""
        return {
            (tuple(word.casefold() for word in self.words_of(document)[one.start : one.end]), one.label)
            for document in range(len(self._starts))
            for one in self.entities_in(document)
        }

    def _entities_in(self, document: int) -> list[Entity]:
        first = int(self._starts[document])
        size = len(self._index.words(document)[0])
        if self._scheme.name == TAG:
            return []
        tags = numpy.where(self.known[first : first + size], self.tags[first : first + size], 0)
        return [Entity(*place) for place in self._scheme.entities(tags.tolist())]

    def _mean_cosines(
        self, directions: numpy.ndarray, count: int, among: numpy.ndarray, without: numpy.ndarray
    ) -> numpy.ndarray:
        _, cosines = self.nearest(directions, count, among, without)
        return cosines.mean(axis=1, dtype=numpy.float64)

    def _nearest(
        self, directions: numpy.ndarray, count: int, among: numpy.ndarray, without: numpy.ndarray
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        numbers = numpy.zeros((len(directions), 0), dtype=numpy.int64)
        cosines = numpy.zeros((len(directions), 0), dtype=numpy.float32)
        for start in range(0, len(among), BLOCK):
            tokens = among[start : start + BLOCK]
            products = directions @ self._directions[tokens].T
            products[self.documents[tokens] == without[:, None]] = BELOW
            found = numpy.broadcast_to(tokens, products.shape)
            both = numpy.concatenate([numbers, found], axis=1), numpy.concatenate([cosines, products], axis=1)
            numbers, cosines = _best(*both, POOL * count)
        return self._of_several_documents(numbers, cosines, count)

    def _of_several_documents(
        self, numbers: numpy.ndarray, cosines: numpy.ndarray, count: int
    ) -> tuple[numpy.ndarray, numpy.ndarray]:
        found = numpy.full((len(numbers), count), -1, dtype=numpy.int64)
        near = numpy.full((len(numbers), count), -1.0, dtype=numpy.float32)
        for row in range(len(numbers)):
            seen: dict[int, int] = {}
            kept: list[int] = []
            for place in falling(cosines[row], EQUAL, numbers[row]).tolist():
                document = int(self.documents[numbers[row, place]])
                seen[document] = seen.get(document, 0) + 1
                if seen[document] <= OF_A_DOCUMENT and cosines[row, place] > BELOW and len(kept) < count:
                    kept.append(place)
            found[row, : len(kept)], near[row, : len(kept)] = numbers[row, kept], cosines[row, kept]
        return found, near


def _best(numbers: numpy.ndarray, cosines: numpy.ndarray, count: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Keep the largest cosines of each row, and their numbers, in any order; of equals the lowest numbers."""
    if cosines.shape[1] <= count:
        return numbers, cosines
    kept = numpy.argpartition(-cosines, count - 1, axis=1)[:, :count]
    least = numpy.take_along_axis(cosines, kept, axis=1).min(axis=1, keepdims=True) - EQUAL
    for row in numpy.flatnonzero((cosines >= least).sum(axis=1) > count).tolist():
        near = numpy.flatnonzero(cosines[row] >= least[row])
        kept[row] = near[falling(cosines[row, near], EQUAL, numbers[row, near])[:count]]
    return numpy.take_along_axis(numbers, kept, axis=1), numpy.take_along_axis(cosines, kept, axis=1)

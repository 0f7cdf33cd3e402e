"""The tag sequences that documents may have, with their scores: what decoding chooses from, and what probabilities are
of.

A blank inside an entity must have tokens of the entity on both sides. Tags of BIO and IO don't say whether an entity
goes on, so blanks get states of their own, one for each type: what the tag inside an entity is there. Such a state
comes after a tag of its type and goes on to one, and neither starts nor ends a document. Each valid sequence of tags is
one path through the states.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Optional, Sequence

import numpy

from . import DecodingMask
from .arrays import Array, array_module, boundaries
from .schemes import TagScheme

OUTSIDE = 0  # the tag O


@dataclass(frozen=True)
class Limits:
    """What documents demand of their tags.

    blank (bool, tokens): white space outside of entities that are there already.
    allowed (bool, tokens x tags): tags that may be given, as far as these entities tell.
    limited (bool, documents): which documents demand anything.
    """

    blank: numpy.ndarray
    allowed: numpy.ndarray
    limited: numpy.ndarray

    def part(self, documents: slice, rows: slice) -> Optional[Limits]:
        """Select documents, with the rows of their tokens; None if they demand nothing."""
        limited = self.limited[documents]
        return Limits(self.blank[rows], self.allowed[rows], limited) if limited.any() else None

    def of_documents(self, documents: numpy.ndarray, rows: numpy.ndarray) -> Limits:
        """Select documents (ints), with the rows of their tokens (ints)."""
        return Limits(self.blank[rows], self.allowed[rows], self.limited[documents])


@dataclass(frozen=True)
class States:
    """Tags, and what stands for them on blanks.

    tags (ints, states): the tag of each state. on_words, on_blank, start, end (bool, states), follow (bool, states x
    states): where states may be.
    """

    tags: numpy.ndarray
    on_words: numpy.ndarray
    on_blank: numpy.ndarray
    start: numpy.ndarray
    end: numpy.ndarray
    follow: numpy.ndarray

    @cached_property
    def blank_state(self) -> numpy.ndarray:
        """The state that stands for each tag on blanks (ints, tags); its own for those that stand on none."""
        found, blank = numpy.arange(int(self.on_words.sum())), numpy.flatnonzero(self.on_blank)
        found[self.tags[blank]] = blank
        return found


@dataclass(frozen=True)
class Lattice:
    """Scores of the states of documents. A path through them scores the sum of its emissions and transitions.

    emissions (floats, rows x states), transitions (floats, states x states; left, right): -inf rules out.
    lengths (list of int): tokens of each document. tags (ints, states): the tag that each state stands for.
    """

    emissions: Array
    transitions: Array
    lengths: list[int]
    tags: numpy.ndarray


def states_of(scheme: TagScheme, *, blanks: bool = True) -> States:
    """List the states of a scheme. blanks (bool): with states for white space inside entities."""
    return _states(scheme, blanks and not scheme.by_token)


def lattice_of(
    scheme: TagScheme,
    emissions: Array,
    transitions: Array,
    lengths: Sequence[int],
    limits: Optional[Limits] = None,
) -> Lattice:
    """Lay out the valid tag sequences of documents.

    emissions (floats, rows x tags), transitions (floats, tags x tags), lengths (ints).
    limits (Limits): what all the documents demand; None if nothing.
    """
    xp = array_module(emissions)
    states = states_of(scheme, blanks=limits is not None)
    source = xp.asarray(states.tags)
    scores, moves = emissions[:, source], transitions[source][:, source]
    if limits is not None:
        permitted = numpy.where(limits.blank[:, None], states.on_blank, states.on_words)
        permitted &= limits.allowed[:, states.tags]
        scores = xp.where(xp.asarray(permitted), scores, -xp.inf)
    if scheme.mask is not None or limits is not None:
        first, last = boundaries(lengths, xp)
        scores[first] = xp.where(xp.asarray(states.start), scores[first], -xp.inf)
        scores[last] = xp.where(xp.asarray(states.end), scores[last], -xp.inf)
        moves = xp.where(xp.asarray(states.follow), moves, -xp.inf)
    return Lattice(scores, moves, list(lengths), states.tags)


@lru_cache(maxsize=16)
def _states(scheme: TagScheme, blanks: bool) -> States:
    count = len(scheme.tags)
    every = numpy.ones(count, dtype=bool)
    mask = scheme.mask or DecodingMask(every, every, numpy.ones((count, count), dtype=bool))
    if not blanks:
        return States(numpy.arange(count), every, every, mask.start, mask.end, mask.follow)
    inside = numpy.array([scheme.entity_tags(label, 3)[1] for label in scheme.labels], dtype=numpy.int64)
    tags = numpy.concatenate([numpy.arange(count), inside])
    extra = numpy.arange(len(tags)) >= count
    kinds = numpy.array([scheme.tags[tag][2:] for tag in tags])
    same = kinds[:, None] == kinds
    follow = mask.follow[tags][:, tags].copy()
    follow[:, extra] &= same[:, extra]
    goes_on = numpy.isin(tags, [tag for label in scheme.labels for tag in scheme.entity_tags(label, 4)[1:]])
    follow[extra] &= same[extra] & goes_on
    on_blank = extra.copy()
    on_blank[OUTSIDE] = True
    return States(tags, ~extra, on_blank, mask.start[tags] & ~extra, mask.end[tags] & ~extra, follow)

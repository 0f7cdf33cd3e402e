"""The best tags of documents that keep spaCy's invariants: no entity begins or ends with white space (E024), and
entities that are there already stay.

A blank inside an entity must have tokens of the entity on both sides. Tags of BIO and IO don't say whether an entity
goes on, so blanks get states of their own, one for each type: what the tag inside an entity is there. Such a state
comes after a tag of its type and goes on to one, and neither starts nor ends a document. The best path through all
states is the best valid one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Optional, Sequence

import numpy
from spacy.attrs import ENT_IOB, IS_SPACE
from spacy.tokens import Doc, Span

from . import DecodingMask, viterbi
from .arrays import Array, array_module
from .schemes import TAG, TagScheme

OUTSIDE = 0  # the tag O
BEGINS = 3  # what spaCy keeps of a token that begins an entity, or is blocked


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


Place = tuple[int, int, str]  # first token, token after the last, type; no type for a blocked span


def preset_entities(doc: Doc) -> list[Span]:
    """List the entities of a document, and blocked spans, which have no label."""
    begins = numpy.flatnonzero(doc.to_array(ENT_IOB) == BEGINS).tolist() if len(doc) else []
    return [*doc.ents, *(Span(doc, i, i + 1) for i in begins if not doc[i].ent_type)] if begins else []


def places(spans: Sequence[Span]) -> tuple[Place, ...]:
    """Say where spans are and what they are, without their document."""
    return tuple((span.start, span.end, span.label_) for span in spans)


def limits_of(
    scheme: TagScheme, docs: Sequence[Doc], presets: Optional[Sequence[Sequence[Place]]] = None
) -> Optional[Limits]:
    """Find out what documents demand; None if nothing. Entities of a type that the scheme lacks are none of its tags:
    their tokens are O.

    presets: entities that each document had before it was tagged, and blocked spans; those that it has if None.
    """
    if scheme.name == TAG:
        return None
    spaces = [doc.to_array(IS_SPACE).astype(bool) for doc in docs]
    if presets is None:
        presets = [places(preset_entities(doc)) for doc in docs]
    limited = numpy.array([bool(own.any() or found) for own, found in zip(spaces, presets)], dtype=bool)
    if not limited.any():
        return None
    blank = numpy.concatenate(spaces)
    allowed = numpy.ones((len(blank), len(scheme.tags)), dtype=bool)
    start = 0
    for doc, found in zip(docs, presets):
        _keep(scheme, allowed[start : start + len(doc)], found)
        for first, end, _ in found:
            blank[start + first : start + end] = False
        start += len(doc)
    return Limits(blank, allowed, limited)


def best_tags(
    scheme: TagScheme,
    emissions: Array,
    transitions: Array,
    lengths: Sequence[int],
    limits: Optional[Limits] = None,
    mask: Optional[DecodingMask] = None,
) -> Array:
    """Find the best valid tags of documents (int64, rows); ties go to the lower tag.

    emissions (floats, rows x tags), transitions (floats, tags x tags), lengths (ints). limits (Limits): as
        ``limits_of`` finds them. mask (DecodingMask): the scheme's, on the device of the scores.
    """
    xp = array_module(emissions)
    mask = scheme.mask if mask is None else mask
    if limits is None:
        return viterbi(emissions, transitions, lengths, mask)
    sizes = numpy.asarray(lengths)
    limited = numpy.repeat(limits.limited, sizes)
    best = xp.zeros(len(emissions), dtype="int64")
    if not limited.all():
        free = xp.asarray(numpy.flatnonzero(~limited))
        best[free] = viterbi(emissions[free], transitions, sizes[~limits.limited].tolist(), mask)
    states = _states(scheme)
    permitted = numpy.where(limits.blank[limited, None], states.on_blank, states.on_words)
    permitted &= limits.allowed[limited][:, states.tags]
    rows, source = xp.asarray(numpy.flatnonzero(limited)), xp.asarray(states.tags)
    scores = xp.where(xp.asarray(permitted), emissions[rows][:, source], -xp.inf)
    widened = DecodingMask(*(xp.asarray(part) for part in (states.start, states.end, states.follow)))
    found = viterbi(scores, transitions[source][:, source], sizes[limits.limited].tolist(), widened)
    best[rows] = source[found]
    return best


@dataclass(frozen=True)
class _States:
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


@lru_cache(maxsize=16)
def _states(scheme: TagScheme) -> _States:
    count = len(scheme.tags)
    every = numpy.ones(count, dtype=bool)
    mask = scheme.mask or DecodingMask(every, every, numpy.ones((count, count), dtype=bool))
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
    return _States(tags, ~extra, on_blank, mask.start[tags] & ~extra, mask.end[tags] & ~extra, follow)


def _keep(scheme: TagScheme, allowed: numpy.ndarray, presets: Sequence[Place]) -> None:
    """Leave a document's tags (bool, tokens x tags) no choice where entities are, nor let their neighbours make them
    longer."""
    known = [place for place in presets if place[2] in scheme.labels]
    for start, end, label in known:
        longer = scheme.entity_tags(label, 3)[1]
        if end < len(allowed):
            allowed[end, longer] = False
        if scheme.name == "IO" and start:
            allowed[start - 1, longer] = False
    for start, end, _ in presets:
        allowed[start:end] = False
        allowed[start:end, OUTSIDE] = True
    for start, end, label in known:
        allowed[start:end, OUTSIDE] = False
        allowed[numpy.arange(start, end), scheme.entity_tags(label, end - start)] = True

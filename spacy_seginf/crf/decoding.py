"""The best tags of documents that keep spaCy's invariants: no entity begins or ends with white space (E024), and
entities that are there already stay."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy
from spacy.attrs import ENT_IOB, IS_SPACE
from spacy.tokens import Doc, Span

from . import DecodingMask, viterbi
from .arrays import Array, array_module
from .lattice import OUTSIDE, Limits, lattice_of
from .schemes import ENTS, TagScheme

BEGINS = 3  # what spaCy keeps of a token that begins an entity, or is blocked
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
    if scheme.by_token:
        return None
    spaces = [doc.to_array(IS_SPACE).astype(bool) for doc in docs]
    if presets is None:
        presets = [places(preset_entities(doc)) if scheme.target == ENTS else () for doc in docs]
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
    rows = xp.asarray(numpy.flatnonzero(limited))
    demands = limits.of_documents(numpy.flatnonzero(limits.limited), numpy.flatnonzero(limited))
    lattice = lattice_of(scheme, emissions[rows], transitions, sizes[limits.limited].tolist(), demands)
    found = viterbi(lattice.emissions, lattice.transitions, lattice.lengths)
    best[rows] = xp.asarray(lattice.tags)[found]
    return best


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

"""A training document as an index has it, from its first token to its last: more than a ranking shows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy

from ..crf.schemes import TAG, Entity
from ..index.index import Index
from .alignment import Pieces
from .source import scheme_of

LEFT_OUT = "…"  # for tokens that the index lacks


@dataclass(frozen=True)
class WholeDocument:
    """words (list of str); spaces (list of bool): whether one follows; entities (list of Entity): as annotated; gaps
    (list of (start, end)): tokens that the index lacks."""

    words: list[str]
    spaces: list[bool]
    entities: list[Entity]
    gaps: list[tuple[int, int]] = field(default_factory=list)


def whole_document(index: Index, pieces: Pieces, identifier: str) -> Optional[WholeDocument]:
    """Put a document together from the pieces that the index has of it; None if it has none.

    RAISES (ValueError): S035 if the index was pruned.
    """
    own = sorted(pieces.get(identifier, ()))
    if not own:
        return None
    scheme = scheme_of(index.manifest)
    found = WholeDocument([], [], [])
    for first, length, number in own:
        gap = first - len(found.words)
        found.gaps.extend([(len(found.words), first)] if gap > 0 else [])
        found.words.extend([LEFT_OUT, *[""] * (gap - 1)] if gap > 0 else [])
        found.spaces.extend([True, *[False] * (gap - 1)] if gap > 0 else [])
        words, spaces = index.words(number)
        found.words.extend(words)
        found.spaces.extend([*spaces[:-1], True])
        if scheme.name != TAG:
            start = int(index.data.starts[number])
            tags = numpy.where(index.known(number), index.labels[start : start + length], 0).tolist()
            found.entities.extend(Entity(first + a, first + b, label) for a, b, label in scheme.entities(tags))
    return found

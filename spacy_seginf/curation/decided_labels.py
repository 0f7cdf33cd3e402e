"""Decisions about a training corpus as a change of the labels that an index's head is made of."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy

from ..corpora.documents import Replacement, replaced
from ..corpora.tags import one_each
from ..errors import Errors, SeginfError
from ..index.index import Index
from ..influence.data import HeadData
from ..influence.effects import Change, HeadEffects
from ..rendering.text import shorten, tokens_of, visible
from ..tagger.crf_tagger import CRFTagger
from .alignment import Pieces, as_tagged, pieces_of
from .records import Decision
from .regions import touching


def decided_labels(
    index: Index, effects: HeadEffects, tagger: CRFTagger, decisions: Sequence[Decision]
) -> tuple[Change, int]:
    """Make one change of labels of decisions on regions that do not overlap.

    RETURNS: the change, and how many decisions are in it; those on documents that are no part of J are not.
    RAISES (ValueError): S275 if a decision does not fit the index.
    """
    scheme, data = tagger.scheme, effects.data
    pieces = pieces_of(index)
    new = effects.labels.copy()
    touched = numpy.zeros(len(new), dtype=bool)
    known = numpy.logical_not(data.allowed.all(axis=1))
    used = 0
    for decision in decisions:
        found = _place(index, pieces, decision)
        if found is None:
            continue
        number, start = found
        first, length = int(data.starts[number]), data.lengths[number]
        rows = slice(first, first + length)
        present = scheme.annotation(new[rows].tolist(), known[rows].tolist())
        moved = decision.start - start
        current, outcome = (
            as_tagged(scheme, [one.moved(-moved) for one in entities])
            for entities in (decision.current, decision.outcome or ())
        )
        end = start + decision.end - decision.start
        if touching(start, end, present) != current:
            raise _misfit(index, decision, f"has other {'tags' if scheme.by_token else 'entities'} there")
        unknown = sorted({one.label for one in outcome} - set(scheme.labels))
        if unknown:
            raise _misfit(index, decision, f"would get the label {unknown[0]!r}, which the tagger does not have")
        if scheme.by_token and not one_each(start, end, outcome):
            raise _misfit(index, decision, "would not have one tag for each token")
        tags = numpy.zeros(length, dtype=numpy.int64)
        for entity in replaced(present, [Replacement(start, end, tuple(outcome))]):
            tags[entity.start : entity.end] = scheme.entity_tags(entity.label, entity.end - entity.start)
        new[first + start : first + end] = tags[start:end]
        touched[first + start : first + end] = True
        used += 1
    differs = touched & ((new != effects.labels) | ~(data.allowed.sum(axis=1) == 1))
    segments = _runs(data, differs)
    return effects.relabelled(segments, new[differs]), used


def _place(index: Index, pieces: Pieces, decision: Decision) -> Optional[tuple[int, int]]:
    """Find a decided region in the index: document and first token there. None if no document that is part of J has all
    of it."""
    fitting, whole = [], False
    for first, length, number in pieces.get(decision.document, ()):
        start, end = decision.start - first, decision.end - first
        if start < 0 or end > length:
            continue
        whole = True
        if tuple(index.words(number)[0][start:end]) == decision.words:
            fitting.append((number, start))
    if whole and not fitting:
        raise _misfit(index, decision, "has other words there")
    if len(fitting) > 1:
        raise _misfit(index, decision, "is the id of several documents")
    return fitting[0] if fitting and fitting[0][0] < index.objective else None


def _misfit(index: Index, decision: Decision, problem: str) -> SeginfError:
    where = visible(f"{decision.document}, {tokens_of(decision.start, decision.end)}")
    words = shorten(visible(" ".join(decision.words)))
    return SeginfError(Errors.S275.format(path=index.folder, where=where, words=words, problem=problem))


def _runs(data: HeadData, chosen: numpy.ndarray) -> numpy.ndarray:
    """Return the runs of chosen tokens (bool, tokens) as segments (int64, n x 3)."""
    rows = numpy.flatnonzero(chosen)
    tokens = data.tokens(rows)
    breaks = (numpy.diff(rows) > 1) | (numpy.diff(tokens[:, 0]) > 0)
    firsts, lasts = numpy.append(True, breaks)[: len(rows)], numpy.append(breaks, True)[: len(rows)]
    return numpy.concatenate([tokens[firsts, :2], tokens[lasts, 2:]], axis=1)

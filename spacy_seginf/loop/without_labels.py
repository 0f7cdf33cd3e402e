"""Documents some of whose labels are taken away, or changed."""

from __future__ import annotations

from collections import defaultdict
from typing import Collection, Mapping, Optional

from spacy.tokens import Doc

from ..corpora.targets import Target
from ..crf.schemes import OUTSIDE, Entity

Place = tuple[str, int, int]  # id of a document, first token, token after the last


def changed_documents(
    docs: Mapping[str, Doc], target: Target, places: Collection[Place], to: Optional[str] = None
) -> list[Doc]:
    """Return documents (by id) with some annotated places changed; the others as they are.

    to (str, optional): what the places are labelled instead, "O" for nothing; None: their tokens have no label, which
        is not the same as being outside.
    """
    chosen: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for name, start, end in places:
        chosen[name].add((start, end))
    return [_changed(doc, target, chosen[name], to) if name in chosen else doc for name, doc in docs.items()]


def missing_places(docs: Mapping[str, Doc], target: Target, places: Collection[Place]) -> list[Place]:
    """List the places at which nothing is annotated, or which there are not."""
    known = {name: {(one.start, one.end) for one in target.spans(docs[name])} for name, _, _ in places if name in docs}
    return [place for place in places if place[1:] not in known.get(place[0], ())]


def _changed(doc: Doc, target: Target, places: Collection[tuple[int, int]], to: Optional[str]) -> Doc:
    copy = Doc(doc.vocab).from_bytes(doc.to_bytes())
    kept, missing = [], set(target.missing(copy))
    for one in target.spans(copy):
        if (one.start, one.end) not in places:
            kept.append(one)
        elif to is None:
            missing.update(range(one.start, one.end))
        elif to != OUTSIDE:
            kept.append(Entity(one.start, one.end, to))
    target.write(copy, kept, missing=sorted(missing))
    return copy

"""spaCy's binary format (.spacy). Documents without changes are stored again as they are."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Mapping, Sequence

import numpy
from spacy.attrs import ENT_ID, ENT_IOB, ENT_KB_ID, ENT_TYPE, IDS
from spacy.strings import StringStore
from spacy.tokens import Doc, DocBin

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..factories import blank
from .doc_bins import identifier_of, read_doc_bins
from .documents import AnnotatedCorpus, Document, Replacement, replaced
from .tags import untagged
from .targets import ENTITIES, KeyedSpans, Target, TokenTags

BEGINS, OUTSIDE, INSIDE = 3, 2, 1  # what spaCy stores as ENT_IOB


class BinaryCorpus(AnnotatedCorpus):
    """A .spacy corpus.

    target (Target): what of its annotation is meant.
    RAISES (ValueError): S040 or S042 if it is none, S207 if it does not store them.
    """

    def __init__(self, path: Path, target: Target = ENTITIES) -> None:
        self.path = path
        self._target = target
        self._docs = list(read_doc_bins(blank("xx").vocab, path))
        self.documents = [_document(doc, path, number, target) for number, doc in enumerate(self._docs, start=1)]
        self._stored = DocBin().from_disk(path)
        self._stored.store_user_data = any(data is not None for data in self._stored.user_data)
        if isinstance(target, KeyedSpans) and not any(map(target.is_annotated, self._docs)):
            keys = sorted({key for doc in self._docs for key in doc.spans})
            raise SeginfError(Errors.S311.format(path=path, what=target.where, known=", ".join(keys) or "none"))
        needed = [] if isinstance(target, KeyedSpans) else [ENT_IOB, ENT_TYPE]
        if isinstance(target, TokenTags):
            needed = [IDS[target.attribute]]
        if not {*needed} <= set(self._stored.attrs):
            names = {number: name for name, number in IDS.items()}
            known = ", ".join(names.get(attribute, str(attribute)) for attribute in self._stored.attrs)
            wanted = " and ".join(names[attribute] for attribute in needed)
            raise SeginfError(Errors.S207.format(path=path, what=target.what, known=known, needed=wanted))

    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        if not isinstance(self._target, TokenTags):
            return ""
        impossible = self._target.impossible(entity.label for entity in replacement.entities)
        return f"{self._target.where} can't be {impossible[0]!r}" if impossible else untagged(replacement)

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes:
        tokens, groups = list(self._stored.tokens), list(self._stored.span_groups)
        strings = set(self._stored.strings)
        for number, regions in replacements.items():
            entities = self.documents[number].entities
            if isinstance(self._target, KeyedSpans):
                doc = self._docs[number].copy()
                self._target.write(doc, replaced(entities, regions))
                groups[number] = doc.spans.to_bytes()
            else:
                tokens[number] = self._replaced(tokens[number], entities, regions)
            strings.update(entity.label for region in regions for entity in region.entities)
        changed = copy(self._stored)
        changed.store_user_data = self._stored.store_user_data  # which a copy forgets
        changed.tokens, changed.span_groups, changed.strings = tokens, groups, strings
        return changed.to_bytes()

    def _replaced(
        self, tokens: numpy.ndarray, entities: Sequence[Entity], regions: Sequence[Replacement]
    ) -> numpy.ndarray:
        """Write the entities or tags of regions into the stored attributes of a document's tokens."""
        tokens = tokens.copy()
        attributes = self._stored.attrs
        if isinstance(self._target, TokenTags):
            column = attributes.index(IDS[self._target.attribute])
            for one in (entity for region in regions for entity in region.entities):
                tokens[one.start, column] = self._target.stored(one.label)
            return tokens
        iob, kind = attributes.index(ENT_IOB), attributes.index(ENT_TYPE)
        links = [attributes.index(attribute) for attribute in (ENT_KB_ID, ENT_ID) if attribute in attributes]
        for region in regions:
            kept = set(entities) & set(region.entities)
            free = numpy.ones(len(tokens), dtype=bool)  # tokens whose attributes are written
            for entity in kept:
                free[entity.start : entity.end] = False
            rows = numpy.flatnonzero(free[region.start : region.end]) + region.start
            tokens[rows, iob], tokens[rows, kind] = OUTSIDE, 0
            for column in links:
                tokens[rows, column] = 0  # of an entity that is no more
            for entity in set(region.entities) - kept:
                tokens[entity.start : entity.end, iob] = INSIDE
                tokens[entity.start, iob] = BEGINS
                tokens[entity.start : entity.end, kind] = StringStore().add(entity.label)
            if region.end < len(tokens) and tokens[region.end, iob] == INSIDE:
                tokens[region.end, iob] = BEGINS  # else it could go on what is before it now
        return tokens


def _document(doc: Doc, path: Path, number: int, target: Target) -> Document:
    return Document(
        identifier_of(doc, path, number),
        tuple(token.text for token in doc),
        tuple(target.spans(doc)),
        str(doc.user_data.get("file") or path),
        _lines_of(doc),
        missing=target.missing(doc),
        spaces=() if doc.has_unknown_spaces else tuple(bool(token.whitespace_) for token in doc),
    )


def _lines_of(doc: Doc) -> tuple[int, ...]:
    """Return the lines that a conversion has noted, if they are what it would have noted."""
    lines = doc.user_data.get("lines")
    if not isinstance(lines, (list, tuple)) or len(lines) not in (1, len(doc)):
        return ()
    return tuple(lines) if all(type(line) is int for line in lines) else ()

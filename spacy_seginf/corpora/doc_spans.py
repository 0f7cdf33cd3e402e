"""What is annotated in a Doc, as records: entities, or the tag of each token."""

from __future__ import annotations

from spacy.tokens import Doc

from ..crf.schemes import Entity


def annotated_spans(doc: Doc, attribute: str = "ENT_IOB") -> list[Entity]:
    """Return what is annotated, in order. attribute (str): as ``TagScheme.attribute`` names it."""
    if attribute == "TAG":
        return [Entity(token.i, token.i + 1, token.tag_) for token in doc if token.tag_]
    return [Entity(entity.start, entity.end, entity.label_) for entity in doc.ents]


def missing_tokens(doc: Doc, attribute: str = "ENT_IOB") -> tuple[int, ...]:
    """Return the tokens that are not annotated."""
    if attribute == "TAG":
        return tuple(token.i for token in doc if not token.tag_)
    return tuple(token.i for token in doc if not token.ent_iob)

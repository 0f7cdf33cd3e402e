"""Texts that predictions are made for, with their annotation where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Optional

from spacy.language import Language
from spacy.tokens import Doc

from ..crf.schemes import Entity
from ..explanation import corpus_texts
from ..tagger.encoding import read_as
from .alignment import entities_of_doc


@dataclass(frozen=True)
class AskedText:
    """A text.

    identifier (str): its id in its corpus; "" without one. doc (Doc): what the pipeline reads.
    entities (tuple of Entity, optional): its annotation; None if there is none.
    missing (set of int): tokens that are not annotated.
    """

    identifier: str
    doc: Doc
    entities: Optional[tuple[Entity, ...]] = None
    missing: Collection[int] = frozenset()


def read_texts(nlp: Language, path: Path) -> list[AskedText]:
    """Read a corpus in any format that is known; empty documents are left out.

    RAISES (ValueError): as ``corpus_texts.read_texts``.
    """
    return [_of_doc(nlp, name, doc) for name, doc in corpus_texts.read_texts(nlp, path)]


def _of_doc(nlp: Language, identifier: str, doc: Doc) -> AskedText:
    if not doc.has_annotation("ENT_IOB"):
        return AskedText(identifier, read_as(nlp, doc))
    missing = frozenset(token.i for token in doc if not token.ent_iob)
    return AskedText(identifier, read_as(nlp, doc), tuple(entities_of_doc(doc)), missing)

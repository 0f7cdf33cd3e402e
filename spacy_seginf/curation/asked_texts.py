"""Texts that predictions are made for, with their annotation where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.doc_spans import annotated_spans, missing_tokens
from ..crf.schemes import Entity
from ..explanation import corpus_texts
from ..tagger.encoding import read_as


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


def ask(nlp: Language, given: Union[str, Path], attribute: str) -> list[AskedText]:
    """Take a text as it is, or read a corpus; see ``read_texts``."""
    if isinstance(given, Path):
        return read_texts(nlp, given, attribute)
    return [AskedText("", nlp.make_doc(given))]


def read_texts(nlp: Language, path: Path, attribute: str = "ENT_IOB") -> list[AskedText]:
    """Read a corpus in any format that is known; empty documents are left out.

    attribute (str): the token attribute whose annotation is meant, as ``TagScheme.attribute`` names it.

    RAISES (ValueError): as ``corpus_texts.read_texts``.
    """
    return [_of_doc(nlp, name, doc, attribute) for name, doc in corpus_texts.read_texts(nlp, path, attribute)]


def _of_doc(nlp: Language, identifier: str, doc: Doc, attribute: str) -> AskedText:
    if not doc.has_annotation(attribute):
        return AskedText(identifier, read_as(nlp, doc))
    missing = frozenset(missing_tokens(doc, attribute))
    return AskedText(identifier, read_as(nlp, doc), tuple(annotated_spans(doc, attribute)), missing)

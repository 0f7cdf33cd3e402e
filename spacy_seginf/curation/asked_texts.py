"""Texts that predictions are made for, with their annotation where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.targets import ENTITIES, Target
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


def ask(nlp: Language, given: Union[str, Path], target: Target) -> list[AskedText]:
    """Take a text as it is, or read a corpus; see ``read_texts``."""
    if isinstance(given, Path):
        return read_texts(nlp, given, target)
    return [AskedText("", nlp.make_doc(given))]


def read_texts(nlp: Language, path: Path, target: Target = ENTITIES) -> list[AskedText]:
    """Read a corpus in any format that is known; empty documents are left out.

    target (Target): the annotation that is meant.
    RAISES (ValueError): as ``corpus_texts.read_texts``.
    """
    return [_of_doc(nlp, name, doc, target) for name, doc in corpus_texts.read_texts(nlp, path, target)]


def _of_doc(nlp: Language, identifier: str, doc: Doc, target: Target) -> AskedText:
    if not target.is_annotated(doc):
        return AskedText(identifier, read_as(nlp, doc))
    missing = frozenset(target.missing(doc))
    return AskedText(identifier, read_as(nlp, doc), tuple(target.spans(doc)), missing)

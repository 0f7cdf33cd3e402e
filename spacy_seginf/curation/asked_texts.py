"""Texts that predictions are made for: a text as it is, or a corpus in any format that is read, with its annotation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Optional, Union

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.docs import identifier_of, read_documents
from ..corpora.formats import format_of
from ..crf.schemes import Entity
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


def read_texts(nlp: Language, texts: Union[str, Path]) -> list[AskedText]:
    """Read a corpus of any format if there is a file of this name, else take it for a text. Empty documents are left
    out.

    RAISES (ValueError): as ``read_documents`` for corpora that can't be read.
    """
    path = Path(texts)
    if isinstance(texts, str) and not (format_of(path) or _exists(path)):
        found = [AskedText("", nlp.make_doc(texts))]
    else:
        docs = enumerate(read_documents(nlp, path), start=1)
        found = [_of_doc(nlp, doc, identifier_of(doc, path, number)) for number, doc in docs]
    return [text for text in found if len(text.doc)]


def _of_doc(nlp: Language, doc: Doc, identifier: str) -> AskedText:
    if not doc.has_annotation("ENT_IOB"):
        return AskedText(identifier, read_as(nlp, doc))
    missing = frozenset(token.i for token in doc if not token.ent_iob)
    return AskedText(identifier, read_as(nlp, doc), tuple(entities_of_doc(doc)), missing)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a text that is too long for a name
        return False

"""The documents of a corpus in any format, as spaCy has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Optional

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from ..crf.schemes import TAG
from ..errors import Errors, SeginfError
from .doc_bins import identifier_of, read_doc_bins
from .documents import Document
from .formats import is_binary, read_annotated

__all__ = ["doc_of", "identifier_of", "read_documents"]


def read_documents(nlp: Language, path: Path, attribute: str = "ENT_IOB") -> Iterator[Doc]:
    """Read the documents of a corpus with their annotation; those of text files have their ids in user_data["id"].

    path (Path): a corpus of any format, or a folder of .spacy files. Texts without tokens get those of the pipeline's
        language.
    attribute (str): what is read off text files, as ``TagScheme.attribute`` names it; .spacy files hold everything.
    RAISES (ValueError): S040 without a file, S042 for .spacy files that can't be read; of others as ``read_annotated``.
    """
    if not path.exists():
        raise SeginfError(Errors.S040.format(what="corpus", path=path))
    if is_binary(path):
        yield from read_doc_bins(nlp.vocab, path)
        return
    scheme = TAG if attribute == "TAG" else None
    for document in read_annotated(path, lang=nlp.lang, scheme=scheme).documents:
        doc = doc_of(nlp.vocab, document, path, scheme)
        doc.user_data["id"] = document.identifier
        yield doc


def doc_of(vocab: Vocab, document: Document, corpus: Path, scheme: Optional[str] = None) -> Doc:
    """Make a Doc of a document of a corpus, with its entities, what is not annotated, and where it was written.

    scheme (str): that it was read by, if its entities are tags of tokens.
    """
    doc = Doc(vocab, words=list(document.words), spaces=list(document.spaces) or None)
    if scheme == TAG:
        for one in document.entities:
            doc[one.start].tag_ = one.label
    else:
        spans: list[Any] = [Span(doc, one.start, one.end, label=one.label) for one in document.entities]
        doc.set_ents(spans, missing=[Span(doc, token, token + 1) for token in document.missing], default="outside")
    file = Path(document.file)
    doc.user_data["file"] = (file.relative_to(corpus.parent) if file.is_absolute() else file).as_posix()
    doc.user_data["lines"] = list(document.lines)
    return doc

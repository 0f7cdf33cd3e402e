"""The documents of a corpus in any format, as spaCy has them."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..crf.schemes import TAG
from ..inputs import check_there
from .doc_bins import identifier_of, read_doc_bins
from .documents import Document
from .formats import is_binary, read_annotated
from .targets import ENTITIES, Target

__all__ = ["doc_of", "identifier_of", "read_documents"]


def read_documents(nlp: Language, path: Path, target: Target = ENTITIES) -> Iterator[Doc]:
    """Read the documents of a corpus with their annotation; those of text files have their ids in user_data["id"].

    path (Path): a corpus of any format, or a folder of .spacy files. Texts without tokens get those of the pipeline's
        language.
    target (Target): what is read off text files; .spacy files hold everything.
    RAISES (ValueError): S040 without a file, S042 for .spacy files that can't be read; of others as ``read_annotated``.
    """
    check_there(path, "corpus")
    if is_binary(path):
        yield from read_doc_bins(nlp.vocab, path)
        return
    for document in read_annotated(path, lang=nlp.lang, scheme=TAG if target.by_token else None).documents:
        doc = doc_of(nlp.vocab, document, path, target)
        doc.user_data["id"] = document.identifier
        yield doc


def doc_of(vocab: Vocab, document: Document, corpus: Path, target: Target = ENTITIES) -> Doc:
    """Make a Doc of a document of a corpus, with its entities, what is not annotated, and where it was written.

    target (Target): what it is annotated with.
    """
    doc = Doc(vocab, words=list(document.words), spaces=list(document.spaces) or None)
    target.write(doc, document.entities, missing=document.missing)
    file = Path(document.file)
    doc.user_data["file"] = (file.relative_to(corpus.parent) if file.is_absolute() else file).as_posix()
    doc.user_data["lines"] = list(document.lines)
    return doc

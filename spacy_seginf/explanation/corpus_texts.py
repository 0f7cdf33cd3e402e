"""The texts of a corpus, in any format that is known."""

from __future__ import annotations

from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.docs import identifier_of, read_documents
from ..corpora.formats import find_format, format_of


def is_corpus(text: str) -> bool:
    """Is this the name of a corpus that is there, and not a text?"""
    if "\n" in text or len(text) > 4096 or "\0" in text:
        return False
    path = Path(text)
    try:
        return find_format(path) is not None if path.is_dir() else path.is_file() and format_of(path) is not None
    except OSError:  # a name that the system does not permit
        return False


def read_texts(nlp: Language, path: Path) -> list[tuple[str, Doc]]:
    """Read the documents of a corpus with their ids, as they are annotated; empty ones are left out.

    path (Path): a corpus of any format, or a folder of .spacy files.
    RAISES (ValueError): as ``read_documents``.
    """
    docs = enumerate(read_documents(nlp, path), start=1)
    return [(identifier_of(doc, path, number), doc) for number, doc in docs if len(doc)]

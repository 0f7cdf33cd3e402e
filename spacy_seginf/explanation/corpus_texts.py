"""The texts of a corpus, in any format that is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..corpora.formats import format_of, read_annotated
from ..tagger.corpus import identifier_of, read_documents


def is_corpus(text: str) -> bool:
    """Is this the name of a corpus that is there, and not a text?"""
    if "\n" in text or len(text) > 4096 or "\0" in text:
        return False
    path = Path(text)
    try:
        return path.is_file() and format_of(path) is not None
    except OSError:  # a name that the system does not permit
        return False


def read_texts(nlp: Language, path: Path) -> list[tuple[str, Doc]]:
    """Read the documents of a corpus with their ids, as they are annotated; empty ones are left out.

    path (Path): .spacy, or a folder of such files; columns or JSON lines.
    RAISES (ValueError): S040 to S042 for missing or wrong input, S200 and S201 for text files.
    """
    if is_binary(path):
        docs = enumerate(read_documents(nlp, path), start=1)
        return [(identifier_of(doc, path, number), doc) for number, doc in docs if len(doc)]
    found = []
    for document in read_annotated(path).documents:
        if document.words:
            doc = Doc(nlp.vocab, words=list(document.words))
            spans: list[Any] = [Span(doc, one.start, one.end, label=one.label) for one in document.entities]
            doc.set_ents(spans, missing=[Span(doc, token, token + 1) for token in document.missing], default="outside")
            doc.user_data["id"] = document.identifier
            found.append((document.identifier, doc))
    return found


def is_binary(path: Path) -> bool:
    """Is it to be read as spaCy's binary format? So is what is not there."""
    return path.is_dir() or not path.exists() or format_of(path) == "spacy"

"""An index of a trained pipeline over its training documents, with the settings that users have by default."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index

from .corpora import Corpus, Document
from .store import Store


def indexed(corpus: Corpus, store: Store, full: str) -> Path:
    """Return a pipeline that the store has (full: its name there), with an index, building it if it is not there."""
    target = store.folder / f"indexed-{full}"
    if not target.exists():
        path = store.pipeline(full)
        assert path is not None
        parts = {"train": corpus.train, "dev": corpus.dev}
        for name, documents in parts.items():
            write_corpus(documents, store.folder / f"{name}.spacy")
        build_index(str(path), store.folder / "train.spacy", target, dev=store.folder / "dev.spacy", silent=True)
    return target


def write_corpus(documents: Sequence[Document], path: Path) -> None:
    """Write documents in spaCy's binary format, with their ids."""
    vocab, stored = spacy.blank("en").vocab, DocBin(store_user_data=True)
    for document in documents:
        doc = Doc(vocab, words=document.tokens, ents=document.labels)
        doc.user_data["id"] = document.identifier
        stored.add(doc)
    stored.to_disk(path)

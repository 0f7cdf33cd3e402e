"""`python -m experiments plant-artifact`."""

from __future__ import annotations

from pathlib import Path

import spacy
from spacy.tokens import DocBin
from wasabi import Printer

from spacy_seginf.api.evaluate import read_docs
from spacy_seginf.errors import SeginfError
from spacy_seginf.files import write_bytes

from ...errors import LabErrors
from .planting import LABEL, SHARE, WORD, artifact_of, plant_artifacts


def plant_artifact(
    source: Path,
    target: Path,
    *,
    seed: int = 0,
    share: float = SHARE,
    word: str = WORD,
    label: str = LABEL,
    silent: bool = True,
) -> int:
    """Write a corpus with an artifact planted in a share of its documents.

    source, target (Path): corpora in spaCy's binary format; the target appears only when it is complete.
    seed, share, word, label: as for ``plant_artifacts``.
    RETURNS (int): how many documents have an artifact.
    RAISES (ValueError): S040 or S042 if there is no such corpus, S140 to S142 as ``plant_artifacts``, S143 if
        the target is the source.
    """
    source, target = Path(source), Path(target)
    if target.resolve() == source.resolve():
        raise SeginfError(LabErrors.S143.format(path=source))
    docs = plant_artifacts(read_docs(spacy.blank("en"), source), seed, share=share, word=word, label=label)
    write_bytes(target, DocBin(docs=docs, store_user_data=True).to_bytes())
    count = sum(artifact_of(doc) is not None for doc in docs)
    Printer(no_print=silent).good(f"{target}: {word!r} before a {label} in {count:,} of {len(docs):,} documents")
    return count

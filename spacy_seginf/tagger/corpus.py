"""Reading a training corpus the way training did, with the place of every piece in the file."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Sequence

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..corpora.docs import identifier_of, read_documents
from ..corpora.targets import ENTITIES, Target
from ..errors import Errors, SeginfError, Warnings
from .crf_tagger import CRFTagger
from .readers import DEVELOPMENT, TRAINING, training_reader


@dataclass(frozen=True)
class TrainingText:
    """What training saw as one document.

    example (Example): gold and predicted tokens.
    identifier (str): the document's user_data["id"], else corpus name and position in the file, counted from 1.
    first_token (int): where it begins in that document; not 0 for sentences of documents that the reader split.
    """

    example: Example
    identifier: str
    first_token: int = 0


def read_corpus(nlp: Language, path: Path, target: Target = ENTITIES, role: str = TRAINING) -> list[TrainingText]:
    """Read a corpus, or a folder of .spacy files, by the reader of the pipeline's training, with all its settings.

    Of other packages' readers, what they make of the file is looked up in it. Documents that training never saw (beyond
    the reader's limit, too long for it or for the batcher) and those without any annotation are left out, with a
    warning.

    target (Target): what must be annotated.
    role (str): "training"; "development", for which the reader is that of the config's dev_corpus; or "other" for texts
        that were not in training, which its reader reads without a limit.
    RAISES (ValueError): S040 if there is no file, S042 if it is no corpus, S041 if no token is annotated, S047 if the
        reader can't be used.
    """
    docs = [(number, doc) for number, doc in enumerate(read_documents(nlp, path, target), start=1) if len(doc)]
    annotated = [(number, doc) for number, doc in docs if target.is_annotated(doc)]
    reader = training_reader(nlp, path, role)
    texts = [
        TrainingText(example, identifier_of(doc, path, number), first)
        for number, doc, example, first in reader.read(nlp, docs)
        if target.is_annotated(example.reference) and not (role == TRAINING and _oversize(nlp, example))
    ]
    seen = {text.identifier for text in texts}
    unseen = sum(identifier_of(doc, path, number) not in seen for number, doc in annotated)
    if unseen:
        warnings.warn(Warnings.W002.format(count=unseen, total=len(docs), path=path), stacklevel=2)
    if len(annotated) < len(docs):
        warnings.warn(Warnings.W003.format(count=len(docs) - len(annotated), path=path), stacklevel=2)
    if not texts:
        raise SeginfError(Errors.S041.format(path=path))
    return texts


def read_judging(nlp: Language, tagger: CRFTagger, path: Path, role: str = DEVELOPMENT) -> list[TrainingText]:
    """Read texts with right labels by which predictions are judged; see ``read_corpus`` and ``judging_texts``."""
    return judging_texts(tagger, read_corpus(nlp, path, tagger.target, role), path)


def judging_texts(tagger: CRFTagger, texts: Sequence[TrainingText], path: Path) -> list[TrainingText]:
    """Take away, with a warning, labels that the tagger does not have: predictions of others are not judged by them.

    path (Path): the corpus, for the warning.
    """
    unknown: Counter[str] = Counter()
    found = []
    for text in texts:
        reference = text.example.reference
        if tagger.target.labels([reference]) <= set(tagger.labels):
            found.append(text)
            continue
        known = Doc(reference.vocab).from_bytes(reference.to_bytes())
        unknown.update(tagger.target.take_away(known, set(tagger.labels)))
        found.append(replace(text, example=Example(text.example.predicted, known)))
    if unknown:
        labels = ", ".join(f"{label} ({count})" for label, count in sorted(unknown.items()))
        message = Warnings.W061.format(path=path, labels=labels, name=tagger.name, known=", ".join(tagger.labels))
        warnings.warn(message, stacklevel=2)
    return found


def _oversize(nlp: Language, example: Example) -> bool:
    """Would the training batcher have thrown this document away?"""
    batcher = nlp.config["training"].get("batcher") or {}
    name = str(batcher.get("@batchers", ""))
    if not batcher.get("discard_oversize") or not isinstance(batcher.get("size"), (int, float)):
        return False
    slack = batcher.get("tolerance", 0.2) if name.startswith("spacy.batch_by_words.") else 0.0
    return name.startswith("spacy.batch_by_") and len(example.predicted) > batcher["size"] * (1 + slack)

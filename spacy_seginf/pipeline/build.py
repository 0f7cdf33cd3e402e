"""From a trained pipeline and its training corpus to an index."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable

import numpy
from spacy.language import Language
from spacy.util import minibatch

from ..errors import Errors, Warnings
from ..files import replace_folder
from ..influence.fingerprint import encoder_fingerprint, head_fingerprint
from ..influence.gradients import Head
from ..influence.index import IndexWriter, Manifest, Source
from .corpus import TrainingText
from .crf_tagger import CRFTagger
from .encoding import encode

BATCH_DOCUMENTS = 64


@dataclass(frozen=True)
class BuildReport:
    """What an index holds: documents, rows (annotated tokens), tokens, and tokens without a label."""

    documents: int
    rows: int
    tokens: int
    unlabelled: int


def build_index(
    nlp: Language, tagger_name: str, texts: list[TrainingText], folder: Path, *, corpus: str = "", progress: Any = None
) -> BuildReport:
    """Encode the training documents once and write the factored gradients of their labels.

    nlp (Language): a trained pipeline; its components before the tagger are run for the features.
    texts (list of TrainingText): the training corpus, as ``read_corpus`` gives it.
    folder (Path): where the index goes. It is complete when the manifest is there.
    corpus (str): what the manifest and messages call the corpus.
    progress (Callable): wraps the iterator over documents, like tqdm; called with (iterable, total=...).
    RAISES (ValueError): S003 or S045 for labels that are not the tagger's, S041 if no token has a label, S010, S011 or
        S013 for missing features.
    """
    tagger = nlp.get_pipe(tagger_name)
    assert isinstance(tagger, CRFTagger)
    _check_labels(tagger, texts)
    manifest = Manifest(
        tagger=tagger_name,
        scheme=tagger.scheme.name,
        tags=list(tagger.tags),
        curvature="identity",
        head_fingerprint=head_fingerprint(tagger.model),
        encoder_fingerprint=encoder_fingerprint(nlp, tagger_name),
        corpus=corpus,
        **tagger.explained,
    )
    head = Head(tagger.model)
    unlabelled = 0
    stream: Iterable[TrainingText] = texts if progress is None else progress(texts, total=len(texts))
    with IndexWriter(folder, manifest) as writer:
        for batch in minibatch(stream, BATCH_DOCUMENTS):
            features = encode(nlp, tagger, [text.example.predicted for text in batch])
            allowed = [tagger.allowed_tags(text.example) for text in batch]
            lengths = [len(rows) for rows in allowed]
            if not sum(lengths):
                continue
            labels = head.complete(features, numpy.concatenate(allowed), lengths)
            gradients = head.gradients(features, labels, lengths)
            end = 0
            for text, rows in zip(batch, allowed):
                start, end = end, end + len(rows)
                known = rows.sum(axis=1) < rows.shape[1]
                unlabelled += int((~known).sum())
                doc = text.example.predicted
                offsets = [(token.idx, token.idx + len(token)) for token in doc]
                source = Source(text.identifier, doc.text, text.first_token)
                writer.add(source, offsets, gradients.factors[start:end], labels[start:end], known)
        if not writer.rows:
            raise ValueError(Errors.S041.format(path=corpus))
        if unlabelled:
            warnings.warn(Warnings.W004.format(count=unlabelled), stacklevel=2)
        writer.finish()
    return BuildReport(manifest.documents, manifest.rows, manifest.tokens, unlabelled)


def save_with_index(nlp: Language, output: Path, build: Callable[[Path], BuildReport], name: str) -> BuildReport:
    """Write the pipeline with a freshly built index to a folder, all or nothing.

    build (Callable): writes the index to the folder that it is given.
    name (str): name of the influence component in the pipeline.
    """
    output = Path(output).absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        report = build(work / name / "index")
        nlp.get_pipe(name).load_index(work / name / "index")  # type: ignore[attr-defined]
        nlp.to_disk(work)
        nlp.get_pipe(name).unload_index()  # type: ignore[attr-defined]
        work.chmod(0o777 & ~_umask())
        replace_folder(work, output)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return report


def _check_labels(tagger: CRFTagger, texts: list[TrainingText]) -> None:
    found = tagger.labels_in(text.example.reference for text in texts)
    if found and not found & set(tagger.labels):
        known = ", ".join(tagger.labels)
        raise ValueError(Errors.S045.format(found=", ".join(sorted(found)), name=tagger.name, known=known))


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

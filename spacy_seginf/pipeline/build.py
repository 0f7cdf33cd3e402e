"""From a trained pipeline and its training corpus to an index."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Optional

from spacy.language import Language
from spacy.util import minibatch

from ..errors import Errors, Warnings
from ..files import replace_folder
from ..influence.choose import head_metric
from ..influence.effects import HeadEffects
from ..influence.fingerprint import encoder_fingerprint, head_fingerprint
from ..influence.gradients import Head, on_cpu
from ..influence.held_out import leave_one_document_out
from ..influence.index import IndexWriter, Manifest, Source
from ..influence.removal import LEVERAGE_FLAG
from ..influence.rows import segment_rows, token_rows
from .corpus import TrainingText
from .crf_tagger import CRFTagger
from .encoding import encode
from .refit import RefitReport, refit_head

BATCH_DOCUMENTS = 64
CURVATURES = ("exact", "kfac", "identity")


@dataclass(frozen=True)
class BuildSettings:
    """How an index is computed.

    curvature: "exact" (K-FAC stands in for heads with more than 8,000 parameters), "kfac", or "identity", the paper's.
    refit: move the head to the optimum of its loss with a penalty, which predictions of removal assume.
    l2: that penalty, (l2 / 2) |theta|^2; None chooses it by likelihood on a development corpus.
    """

    curvature: str = "exact"
    refit: bool = True
    l2: Optional[float] = None


@dataclass(frozen=True)
class BuildReport:
    """What an index holds: documents, rows (annotated tokens), tokens, tokens without a label, entities (annotated or
    missing); the curvature, how many rows have a high leverage; the refit of the head (None without)."""

    documents: int
    rows: int
    tokens: int
    unlabelled: int
    segments: int = 0
    missing_entities: int = 0
    curvature: str = "identity"
    flagged: int = 0
    refit: Optional[RefitReport] = None
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)  # for encoding, refit, and everything else


def build_index(
    nlp: Language,
    tagger_name: str,
    texts: list[TrainingText],
    folder: Path,
    *,
    dev: Optional[list[TrainingText]] = None,
    settings: BuildSettings = BuildSettings(),
    corpus: str = "",
    progress: Any = None,
    say: Callable[[str], None] = lambda text: None,
) -> BuildReport:
    """Encode the training documents once, refit the head, and write the factored gradients of the labels.

    nlp (Language): a trained pipeline; its components before the tagger are run for the features. With a refit, its
        tagger gets the new head.
    texts (list of TrainingText): the training corpus, as ``read_corpus`` gives it.
    folder (Path): where the index goes. It is complete when the manifest is there.
    dev (list of TrainingText): chooses the penalty; without it, a tenth of the training documents does.
    corpus (str): what the manifest and messages call the corpus.
    progress (Callable): wraps the iterator over documents, like tqdm; called with (iterable, total=...).
    say (Callable): is told what is being done.
    RAISES (ValueError): S003 or S045 for labels that are not the tagger's, S041 if no token has a label, S010, S011 or
        S013 for missing features, S050 or S051 for an unusable l2.
    """
    tagger = nlp.get_pipe(tagger_name)
    assert isinstance(tagger, CRFTagger)
    _check_labels(tagger, texts)
    manifest = Manifest(
        tagger=tagger_name,
        scheme=tagger.scheme.name,
        tags=list(tagger.tags),
        curvature=settings.curvature,
        encoder_fingerprint=encoder_fingerprint(nlp, tagger_name),
        corpus=corpus,
        **tagger.explained,
    )
    started = time.perf_counter()
    with IndexWriter(folder, manifest) as writer:
        stream: Iterable[TrainingText] = texts if progress is None else progress(texts, total=len(texts))
        _encode(nlp, tagger, stream, writer)
        data = writer.data
        missing = data.allowed.all(axis=1)
        if missing.all():
            raise ValueError(Errors.S041.format(path=corpus))
        if missing.any():
            warnings.warn(Warnings.W004.format(count=int(missing.sum())), stacklevel=2)
        encoded = time.perf_counter()
        report, theta = None, Head(tagger.model).theta
        if settings.refit or settings.curvature != "identity":
            say("Choosing the penalty" if settings.l2 is None else "Fitting the head")
            report, theta = refit_head(nlp, tagger, texts, data, dev, settings.l2, keep=not settings.refit)
            manifest.l2, manifest.refit = report.l2, settings.refit
            manifest.fit_gradient = report.gradient
        fitted = time.perf_counter()
        say("Computing the curvature and the rows of the index")
        metric, manifest.curvature, manifest.hessian = head_metric(data, theta, manifest.l2, manifest.curvature)
        manifest.head_fingerprint = head_fingerprint(tagger.model)
        corrected = manifest.curvature != "identity"
        effects = HeadEffects(data, theta, manifest.l2, metric)
        held_out = leave_one_document_out(effects, tagger.scheme, corrected=corrected)
        tokens = token_rows(effects, held_out.probabilities, corrected=corrected)
        segments = segment_rows(effects, held_out, tagger.scheme, corrected=corrected)
        del data, effects
        writer.finish(tokens, segments, theta, metric)
    return BuildReport(
        manifest.documents,
        manifest.rows,
        manifest.tokens,
        int(missing.sum()),
        manifest.segments,
        len(held_out.missing),
        manifest.curvature,
        int((tokens.leverage > LEVERAGE_FLAG).sum()),
        report if settings.refit else None,
        (encoded - started, fitted - encoded, time.perf_counter() - fitted),
    )


def _encode(nlp: Language, tagger: CRFTagger, texts: Iterable[TrainingText], writer: IndexWriter) -> None:
    for batch in minibatch(texts, BATCH_DOCUMENTS):
        features = encode(nlp, tagger, [text.example.predicted for text in batch])
        for text, rows in zip(batch, features):
            doc = text.example.predicted
            if not len(doc):
                continue
            offsets = [(token.idx, token.idx + len(token)) for token in doc]
            source = Source(text.identifier, doc.text, text.first_token)
            writer.add(source, offsets, on_cpu(rows), tagger.allowed_tags(text.example))


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

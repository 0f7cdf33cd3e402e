"""From a trained pipeline and its training corpus to an index."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import minibatch

from ..errors import Errors, Warnings
from ..files import replace_folder
from ..pipeline.crf_tagger import CRFTagger
from .fingerprint import encoder_fingerprint, head_fingerprint
from .gradients import Head
from .index import IndexWriter, Manifest

BATCH_DOCUMENTS = 64


@dataclass(frozen=True)
class BuildReport:
    """What an index holds: documents, rows (annotated tokens), tokens, and tokens without a label."""

    documents: int
    rows: int
    tokens: int
    unlabelled: int


def read_corpus(nlp: Language, path: Path) -> list[Example]:
    """Read a .spacy corpus the way training did: with the settings of [corpora.train], where they are spaCy's own.

    The documents are those that training saw, so a max_length there cuts or leaves out long ones here too.
    RAISES (ValueError): S040 if there is no file, S042 if it is no corpus, S041 if no token is annotated.
    """
    if not path.exists():
        raise ValueError(Errors.S040.format(what="corpus", path=path))
    if path.is_file() and path.suffix != ".spacy":  # spaCy's reader would skip it and find nothing
        raise ValueError(Errors.S042.format(path=path, what="its name does not end in .spacy"))
    settings = nlp.config.get("corpora", {}).get("train", {})
    is_spacys = str(settings.get("@readers", "")).startswith("spacy.Corpus.")
    kept = {key: settings[key] for key in ("gold_preproc", "max_length") if is_spacys and key in settings}
    if kept.get("max_length"):
        total = sum(1 for _ in _read(Corpus(path), nlp, path))
    else:
        total = 0
    examples = list(_read(Corpus(path, **kept), nlp, path))
    if total > len(examples):
        limit = kept["max_length"]
        warnings.warn(Warnings.W002.format(count=total - len(examples), total=total, limit=limit), stacklevel=2)
    annotated = [example for example in examples if example.reference.has_annotation("ENT_IOB")]
    if len(annotated) < len(examples):
        warnings.warn(Warnings.W003.format(count=len(examples) - len(annotated)), stacklevel=2)
    if not annotated:
        raise ValueError(Errors.S041.format(path=path))
    return annotated


def build_index(
    nlp: Language, tagger_name: str, examples: list[Example], folder: Path, *, corpus: str = "", progress: Any = None
) -> BuildReport:
    """Encode the training documents once and write the factored gradients of their labels.

    nlp (Language): a trained pipeline; its components before the tagger are run for the features.
    examples (list of Example): the training corpus, as ``read_corpus`` gives it.
    folder (Path): where the index goes. It is complete when the manifest is there.
    progress (Callable): wraps the iterator over batches' documents, like tqdm; called with (iterable, total=...).
    RAISES (ValueError): S003 or S045 for labels that are not the tagger's, S010, S011, S013 for missing features.
    """
    tagger = nlp.get_pipe(tagger_name)
    assert isinstance(tagger, CRFTagger)
    _check_labels(tagger, examples)
    manifest = Manifest(
        tagger=tagger_name,
        scheme=tagger.scheme.name,
        tags=list(tagger.tags),
        curvature="identity",
        head_fingerprint=head_fingerprint(tagger.model),
        encoder_fingerprint=encoder_fingerprint(nlp, tagger_name),
        corpus=corpus,
    )
    head = Head(tagger.model)
    unlabelled = 0
    stream: Iterable[Example] = examples if progress is None else progress(examples, total=len(examples))
    number = 0
    with IndexWriter(folder, manifest) as writer:
        for batch in minibatch(stream, BATCH_DOCUMENTS):
            features = _encode(nlp, tagger, [example.predicted for example in batch])
            allowed = [tagger.allowed_tags(example) for example in batch]
            lengths = [len(rows) for rows in allowed]
            if not sum(lengths):
                number += len(batch)
                continue
            labels = head.complete(features, numpy.concatenate(allowed), lengths)
            gradients = head.gradients(features, labels, lengths)
            end = 0
            for example, rows in zip(batch, allowed):
                number += 1
                start, end = end, end + len(rows)
                known = rows.sum(axis=1) < rows.shape[1]
                unlabelled += int((~known).sum())
                doc = example.predicted
                offsets = [(token.idx, token.idx + len(token)) for token in doc]
                identifier = document_id(example.reference, f"{Path(corpus).stem or 'document'}:{number}")
                writer.add(identifier, doc.text, offsets, gradients.factors[start:end], labels[start:end], known)
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


def document_id(doc: Doc, default: str) -> str:
    """Return ``doc.user_data["id"]`` if the corpus carries ids (DocBin(store_user_data=True)), else the default."""
    identifier = doc.user_data.get("id")
    return default if identifier in (None, "") else str(identifier)


def _encode(nlp: Language, tagger: CRFTagger, docs: list[Doc]) -> Any:
    """Run what comes before the tagger, then the tagger's encoder: one pass."""
    stream: Iterable[Doc] = docs
    for _, component in _upstream(nlp, tagger):
        pipe = getattr(component, "pipe", None)
        stream = pipe(stream, batch_size=BATCH_DOCUMENTS) if pipe else map(component, stream)
    return tagger.encode(list(stream))


def _upstream(nlp: Language, tagger: CRFTagger) -> Iterator[tuple[str, Any]]:
    for name, component in nlp.pipeline:
        if component is tagger:
            return
        yield name, component


def _read(corpus: Corpus, nlp: Language, path: Path) -> Iterator[Example]:
    try:
        yield from corpus(nlp)
    except (ValueError, OSError, KeyError, TypeError) as error:
        what = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise ValueError(Errors.S042.format(path=path, what=what)) from None


def _check_labels(tagger: CRFTagger, examples: list[Example]) -> None:
    found = {ent.label_ for example in examples for ent in example.reference.ents}
    if found and not found & set(tagger.labels):
        known = ", ".join(tagger.labels)
        raise ValueError(Errors.S045.format(found=", ".join(sorted(found)), name=tagger.name, known=known))


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

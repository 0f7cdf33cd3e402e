"""From a trained pipeline and its training corpus to an index."""

from __future__ import annotations

import hashlib
import shutil
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Iterator, Optional, Sequence

import numpy
from spacy.language import Language

from ..crf.decoding import limits_of
from ..crf.schemes import TagScheme
from ..errors import Errors, SeginfError, Warnings
from ..index.documents import Documents, Source, documents_key, is_done, joined, restore_documents
from ..index.evidence import STAGES, write_evidence
from ..index.head import LABEL_HEAD, write_head
from ..index.index import Index
from ..index.manifest import Manifest, write_manifest
from ..index.shards import seal_checksum
from ..influence.choose import CANDIDATES, FOLLOWING, PULLS, head_metric
from ..influence.data import HeadData
from ..influence.effects import HeadEffects, complete_labels
from ..influence.head import Head
from ..influence.penalty import Penalty
from ..parallel import InProcess, Workers
from ..progress import DOCUMENT, PART, PENALTY, TOKEN, advance, step
from ..settings import DEFAULTS, TRAINED, ZERO, IndexSettings
from ..tagger.corpus import TrainingText
from ..tagger.crf_tagger import CRFTagger, find_tagger
from ..tagger.encoding import bare_copy, encoding_settings, own_norms, run_before
from ..tagger.fingerprint import encoder_fingerprint, head_fingerprint
from ..tagger.given import given_spans
from ..tagger.head import head_of
from .cost import announce_cost, corpus_size
from .fidelity import decode, predictions
from .pruning import floors_of, kept_references
from .refit import Judged, RefitReport, explained_head, following_head
from .shard_tasks import (
    ROW_STAGES,
    EncodeTask,
    HessianTask,
    RowsTask,
    WriteTask,
    accumulate_hessian,
    compute_rows,
    encode_remotely,
    pack_docs,
    write_encoded,
    write_shard,
)

IN_PROCESS = InProcess()
DEVELOPMENT = "development"  # folder of the encoded development corpus among the shards


@dataclass(frozen=True)
class BuildReport:
    """What an index holds: documents, rows (annotated tokens), tokens, tokens without a label, entities (annotated or
    missing); the curvature, how many rows have a high leverage, how many were dropped and what share of the strongest
    references of some predictions is kept (None if none were dropped); the head that explains (None if it is the
    trained one), and where its penalty is centred."""

    documents: int
    rows: int
    tokens: int
    unlabelled: int
    segments: int = 0
    missing_entities: int = 0
    curvature: str = "identity"
    flagged: int = 0
    dropped: int = 0
    kept_references: Optional[float] = None
    centre: str = ZERO
    refit: Optional[RefitReport] = None
    seconds: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)  # for encoding both corpora, refit, curvature, and rows


def compute_index(
    nlp: Language,
    tagger_name: str,
    texts: list[TrainingText],
    folder: Path,
    *,
    dev: Optional[list[TrainingText]] = None,
    settings: IndexSettings = DEFAULTS,
    corpus: str = "",
    staging: Optional[Path] = None,
    earlier: Optional[Index] = None,
    label_l2: Optional[float] = None,
    workers: Workers = IN_PROCESS,
    gpu: int = -1,
    progress: Any = None,
    say: Callable[[str], None] = lambda text: None,
) -> BuildReport:
    """Encode the training documents once, fit the head that explains, and write the factored gradients of the labels.

    nlp (Language): a trained pipeline; its components before the tagger are run for the features. It is not changed.
    texts (list of TrainingText): the training corpus, as ``read_corpus`` gives it.
    folder (Path): where the index goes. It is complete when the manifest is there.
    dev (list of TrainingText): what the pipeline predicts for it chooses the penalty; without it, what it predicts for
        the training documents does.
    corpus (str): what the manifest and messages call the corpus.
    staging (Path): where encoded shards are kept until the index is complete; shards that are there already are not
        encoded again. The caller removes it. Beside the index, and removed at the end, if None.
    earlier (Index): of the same encoder; its documents come first, and are not encoded again.
    label_l2 (float): penalty of the head of labels alone, instead of choosing it.
    workers (Workers): who does the work on shards.
    gpu (int): on which GPU remote workers encode; -1 for none.
    progress (Callable): makes a progress bar like tqdm; called with (total=number of documents).
    say (Callable): is told what is being done.
    RAISES (ValueError): S003 or S045 for labels that are not the tagger's, S041 if no token has a label, S010, S011 or
        S013 for missing features, S050 or S051 for an unusable l2, S034 for a dtype that can't hold the features,
        S222 if there is less memory than it takes.
    """
    tagger = find_tagger(nlp, tagger_name)
    check_labels(tagger, texts, corpus)
    before = 0 if earlier is None else earlier.manifest.tokens
    size = corpus_size(tagger, texts, dev, settings.shard_tokens, before)
    announce_cost(size, settings.curvature, settings.dtype, settings.refit, say)
    manifest = Manifest(
        tagger=tagger_name,
        scheme=tagger.scheme.name,
        target=tagger.scheme.target,
        tags=list(tagger.tags),
        curvature=settings.curvature,
        encoder_fingerprint=encoder_fingerprint(nlp, tagger_name),
        corpus=corpus,
        dtype=settings.dtype,
        **tagger.explained,
    )
    own_staging = staging is None
    staging = staging or folder.with_name(f"{folder.name}-encoded")
    clock = Clock()
    refitting = settings.refit or settings.curvature != "identity"
    restored = [] if earlier is None else restore_shards(earlier, staging, settings.dtype)
    wanted = [Unencoded(texts, staging, len(restored))]
    judged = refitting and any(len(text.example.predicted) for text in dev or ())
    if judged:
        wanted.append(Unencoded(dev or [], staging / DEVELOPMENT))
    added, *judges = encode_shards(
        nlp, tagger, wanted, manifest, settings.shard_tokens, workers=workers, gpu=gpu, progress=progress
    )
    encoded = restored + added
    data = joined_documents(encoded)
    missing = data.allowed.all(axis=1)
    if missing.all():
        raise SeginfError(Errors.S041.format(path=corpus))
    if missing.any():
        warnings.warn(Warnings.W004.format(count=int(missing.sum()), path=corpus), stacklevel=2)
    clock.lap()
    report, head, centre, labels, predicted = None, head_of(tagger.model), None, None, None
    pruned, queried = settings.keep < 1.0 or settings.tolerance > 0.0, None
    if refitting:
        say("Choosing the penalty" if settings.l2 is None else "Fitting the head")
        train = _judged(nlp, tagger, texts if earlier is None else [], _in_memory(data))
        judge = _judged(nlp, tagger, dev or [], _in_memory(joined_documents(judges[0]))) if judged else None
        tried = PULLS if settings.refit and settings.centre == TRAINED else CANDIDATES
        with step("Penalties", len(tried), PENALTY):
            refit = explained_head(
                tagger.scheme, train, judge, head, l2=settings.l2, centre=settings.centre, refit=settings.refit, say=say
            )
        report, head, centre = refit.report, refit.head, refit.penalty.centre
        if earlier is not None and tagger.explains is not None:  # what the component predicts there is not known
            del report.corpora["training"]
        manifest.l2, manifest.refit, manifest.fit_gradient = report.l2, settings.refit, report.gradient
        manifest.agreement = {name: agreement.plain for name, agreement in report.corpora.items()}
        labels = None
        if centre is not None:
            say("Fitting the head that labels alone make")
            with step("Penalties", len(FOLLOWING), PENALTY):
                labels = following_head(tagger.scheme, train, judge, label_l2, say)
            for name, judged_by in (("training", train), ("development", judge)):
                if judged_by is not None and name in manifest.agreement:
                    shared = judged_by.compared(tagger.scheme, labels[0].head).shared
                    manifest.agreement[name]["labels_alone"] = shared
        queried = (judge or train) if pruned else None
        if judge is not None:
            found = [one[:3] for one in predictions(tagger.scheme, judge.predicted, judge.data.lengths)]
            predicted = judge.data, judge.predicted, numpy.array(found, dtype=numpy.int64).reshape(-1, 3)
        del train, judge
    elif pruned:
        queried = _judged(nlp, tagger, [], data)
    clock.lap()
    say("Computing the curvature")

    def accumulate(data: HeadData, head: Head, l2: float, *, free: bool = False) -> numpy.ndarray:
        parts = workers.map(accumulate_hessian, [HessianTask(path, head, free) for path in encoded])
        total = next(parts)
        for part in parts:
            total += part
            if workers.remote:
                advance(len(data.allowed) // len(encoded), TOKEN)
        total[numpy.diag_indices_from(total)] += l2
        return total

    folder.mkdir(parents=True, exist_ok=True)
    with step("Curvature", len(data.allowed) * (1 if labels is None else 2), TOKEN):
        if labels is not None:
            manifest.centre = TRAINED
            fit, penalty, _ = labels
            metric, manifest.label_curvature, _ = head_metric(
                data, fit.head, penalty.l2, settings.curvature, accumulate
            )
            manifest.label_l2 = penalty.l2
            write_head(folder, fit.head, metric, prefix=LABEL_HEAD)
            del metric
        metric, manifest.curvature, manifest.hessian = head_metric(
            data, head, manifest.l2, manifest.curvature, accumulate
        )
    if manifest.curvature != "identity":
        manifest.largest_gain = HeadEffects(data, head, manifest.l2, metric).largest_gain
    manifest.head_fingerprint = head_fingerprint(tagger.model)
    write_head(folder, head, metric, centre)
    if manifest.l2:
        say("Accounting for the head")
        own = (head, Penalty(manifest.l2, centre)) if labels is None else (labels[0].head, labels[1])
        with step("Account of the head", STAGES, PART):
            write_evidence(folder, tagger.scheme, _in_memory(data), complete_labels(data, head), *own, predicted)
    clock.lap()
    say("Computing the rows of the index")
    manifest.build = build_id(manifest, encoded, head)
    rows = rows_task(folder, manifest, tagger.scheme)
    kept = None if queried is None else partial(kept_references, tagger.scheme, queried, head, metric, encoded)
    del metric
    written = write_shards(folder, encoded, rows, manifest, settings, workers, kept)
    manifest.width = data.width - 1
    write_manifest(folder, manifest)
    if own_staging:
        shutil.rmtree(staging)
    clock.lap()
    return replace(written, refit=report if settings.refit else None, centre=manifest.centre, seconds=tuple(clock.laps))


@dataclass(frozen=True)
class Unencoded:
    """Texts to encode. staging (Path): where their shards go, each to a folder of its own. first (int): number of the
    first shard."""

    texts: Sequence[TrainingText]
    staging: Path
    first: int = 0


def encode_shards(
    nlp: Language,
    tagger: CRFTagger,
    wanted: Sequence[Unencoded],
    manifest: Manifest,
    shard_tokens: int,
    *,
    workers: Workers = IN_PROCESS,
    gpu: int = -1,
    progress: Any = None,
) -> list[list[Path]]:
    """Encode documents, shard by shard; those that are done already are left as they are.

    RETURNS: for each of the wanted, its folders, in the order of the documents.
    """
    tasks: list[EncodeTask] = []
    found: list[list[Path]] = []
    encoder = f"{manifest.encoder_fingerprint} {encoding_settings(nlp, manifest.tagger)}"
    filled = [[text for text in corpus.texts if len(text.example.predicted)] for corpus in wanted]
    bar = progress(total=sum(map(len, filled))) if progress is not None else None
    for corpus, texts in zip(wanted, filled):
        corpus.staging.mkdir(parents=True, exist_ok=True)
        folders: list[Path] = []
        for number, part in enumerate(split_texts(texts, shard_tokens), start=corpus.first):
            docs = [text.example.predicted for text in part]
            sources = [_source(nlp, tagger, text) for text in part]
            key = documents_key(sources, encoder, manifest.dtype)
            folders.append(corpus.staging / shard_name(number))
            task = EncodeTask(folders[-1], key, manifest.dtype, b"", sources, Path(), manifest.tagger, gpu)
            if is_done(folders[-1], key):
                _advance(bar, len(docs))
            elif workers.remote:
                tasks.append(replace(task, docs=pack_docs(docs)))
            else:
                write_encoded(nlp, tagger, docs, task, partial(_advance, bar))
        found.append(folders)
    if tasks:
        # Under a name of its own: workers keep the pipeline that they have loaded from a path.
        with TemporaryDirectory(prefix="pipeline-", dir=wanted[0].staging) as pipeline:
            nlp.to_disk(pipeline)
            for count in workers.map(encode_remotely, [replace(task, pipeline=Path(pipeline)) for task in tasks]):
                _advance(bar, count)
    if bar is not None:
        bar.close()
    return found


def joined_documents(folders: Sequence[Path]) -> HeadData:
    """Read encoded documents as if they were in one folder."""
    return joined([Documents(path).data for path in folders])


def _judged(nlp: Language, tagger: CRFTagger, texts: Sequence[TrainingText], data: HeadData) -> Judged:
    """Find what the pipeline predicts for encoded documents. Without their texts, it is what the head says."""
    docs = [bare_copy(nlp, text.example.predicted) for text in texts if len(text.example.predicted)]
    limits = limits_of(tagger.scheme, docs, [()] * len(docs)) if docs else None
    if tagger.explains is None or not docs:
        return Judged(data, decode(tagger.scheme, data, head_of(tagger.model), limits), limits)
    tags = [tagger.followed_tags(doc) for doc in run_before(nlp, tagger, docs)]
    return Judged(data, numpy.concatenate(tags), limits)


def _in_memory(data: HeadData) -> HeadData:
    return HeadData(data.features[:], data.allowed, data.lengths)


def restore_shards(index: Index, staging: Path, dtype: str) -> list[Path]:
    """Bring the documents of an index back into the order in which they were encoded; return their folders."""
    staging.mkdir(parents=True, exist_ok=True)
    folders = []
    for number, shard in enumerate(index.shards):
        folders.append(staging / shard_name(number))
        key = f"{shard.facts['build']} {dtype}"
        if not is_done(folders[-1], key):
            shutil.rmtree(folders[-1], ignore_errors=True)
            restore_documents(shard, folders[-1], key, index.orders[number], dtype)
    return folders


def rows_task(folder: Path, manifest: Manifest, scheme: TagScheme, *, held: bool = False) -> RowsTask:
    """Say how the rows of an index are computed, for any of its shards. held (bool): the head has not seen them."""
    return RowsTask(
        Path(),
        folder,
        manifest.curvature,
        manifest.l2,
        scheme,
        manifest.largest_gain,
        held=held,
        label_curvature=manifest.label_curvature,
        label_l2=manifest.label_l2,
    )


def write_shards(
    folder: Path,
    encoded: Sequence[Path],
    rows: RowsTask,
    manifest: Manifest,
    settings: IndexSettings,
    workers: Workers,
    asked: Optional[Callable[[tuple[float, float]], float]] = None,
) -> BuildReport:
    """Compute the rows of encoded shards, write them sorted to an index, and list them in its manifest.

    asked (Callable): tells what share of references an index keeps whose rows are dropped up to some norms.
    RETURNS: what these shards hold; the caller adds the refit and the seconds.
    """
    sizes = [len(Documents(path).data.lengths) for path in encoded]
    found = []
    with step("Rows", ROW_STAGES * sum(sizes), DOCUMENT):
        for size, part in zip(sizes, workers.map(compute_rows, [replace(rows, documents=path) for path in encoded])):
            found.append(part)
            if workers.remote:
                advance(ROW_STAGES * size, DOCUMENT)
    floors = floors_of(encoded, settings.keep, settings.tolerance)
    kept = asked(floors) if asked is not None and max(floors) >= 0 else None
    tasks = [WriteTask(path, folder / path.name, manifest.build, manifest.dtype, floors) for path in encoded]
    written = []
    for task, facts in zip(tasks, workers.map(write_shard, tasks)):
        add_shard(manifest, folder, {"name": task.folder.name, "build": manifest.build, **facts})
        written.append(facts)
    counts = {name: sum(facts[name] for facts in written) for name in ("documents", "rows", "tokens", "segments")}
    dropped = sum(facts["dropped"][0] for facts in written)
    return BuildReport(
        counts["documents"],
        counts["rows"],
        counts["tokens"],
        unlabelled=counts["tokens"] - counts["rows"] - dropped,
        segments=counts["segments"],
        missing_entities=sum(part.missing_entities for part in found),
        curvature=manifest.curvature,
        flagged=sum(part.flagged for part in found),
        dropped=dropped,
        kept_references=kept,
    )


def add_shard(manifest: Manifest, folder: Path, facts: dict[str, Any]) -> None:
    """List a shard in a manifest, and count what it holds."""
    facts = {**facts, "checksum": seal_checksum(folder / facts["name"])}
    dropped, norms = facts.pop("dropped"), facts.pop("dropped_norms")
    manifest.shards.append(facts)
    manifest.rows += facts["rows"]
    manifest.segments += facts["segments"]
    manifest.documents += facts["documents"]
    manifest.tokens += facts["tokens"]
    manifest.dropped = [before + more for before, more in zip(manifest.dropped, dropped)]
    manifest.dropped_norms = [max(pair) for pair in zip(manifest.dropped_norms, norms)]


def build_id(manifest: Manifest, encoded: Sequence[Path], head: Head) -> str:
    """Tell shards that belong together from others: by their documents, the head, and how they were computed (hex)."""
    digest = hashlib.sha256(head.packed.tobytes())
    keys = [Documents(path).shard.facts["key"] for path in encoded]
    digest.update(repr((manifest.curvature, manifest.l2, manifest.dtype, manifest.tags, keys)).encode())
    return digest.hexdigest()[:16]


def shard_name(number: int) -> str:
    """Return the folder of a shard."""
    return f"shard-{number:05d}"


class Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: list[float] = []

    def lap(self) -> None:
        now = time.perf_counter()
        self.laps.append(now - self._last)
        self._last = now


def split_texts(texts: Sequence[TrainingText], shard_tokens: int) -> Iterator[list[TrainingText]]:
    """Split a corpus into shards of whole documents and about the same size."""
    total = sum(len(text.example.predicted) for text in texts)
    size = total / max(-(-total // shard_tokens), 1)
    part: list[TrainingText] = []
    done = 0.0
    shards = 0
    for text in texts:
        part.append(text)
        done += len(text.example.predicted)
        if done >= size * (shards + 1) - 0.5:
            yield part
            part, shards = [], shards + 1
    if part:
        yield part


def _source(nlp: Language, tagger: CRFTagger, text: TrainingText) -> Source:
    doc = text.example.predicted
    offsets = [(token.idx, token.idx + len(token)) for token in doc]
    allowed = tagger.allowed_tags(text.example)
    norms, given = own_norms(doc), given_spans(nlp, doc)
    return Source(text.identifier, doc.text, offsets, allowed, text.first_token, norms, given)


def _advance(bar: Any, count: int) -> None:
    if bar is not None:
        bar.update(count)


def check_labels(tagger: CRFTagger, texts: list[TrainingText], corpus: str = "the corpus") -> None:
    """Are the labels of a corpus the tagger's? RAISES (ValueError): S045 if none is, S003 if one is not."""
    known = set(tagger.labels)
    by_text = [tagger.target.labels([text.example.reference]) for text in texts]
    found, named = set().union(*by_text), ", ".join(tagger.labels)
    if found and not found & known:
        message = Errors.S045.format(path=corpus, found=", ".join(sorted(found)), name=tagger.name, known=named)
        raise SeginfError(message)
    for text, labels in zip(texts, by_text):
        if not labels <= known:
            where, label = f"document {text.identifier} of {corpus}", min(labels - known)
            raise SeginfError(Errors.S003.format(where=where, label=label, name=tagger.name, known=named))

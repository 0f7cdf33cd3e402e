"""Adding documents to an index without encoding the others again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

from spacy.language import Language

from ..errors import Errors, SeginfError
from ..index.index import Index
from ..index.manifest import MANIFEST, write_manifest
from ..index.shards import share_file
from ..parallel import Workers
from ..settings import DEFAULTS, IndexSettings
from ..tagger.corpus import TrainingText
from ..tagger.crf_tagger import find_tagger
from .build import (
    IN_PROCESS,
    BuildReport,
    Clock,
    Unencoded,
    build_id,
    check_labels,
    compute_index,
    encode_shards,
    rows_task,
    write_shards,
)
from .cost import announce_cost, corpus_size


def extend_index(
    nlp: Language,
    index: Index,
    texts: list[TrainingText],
    folder: Path,
    staging: Path,
    *,
    refresh: bool = False,
    dev: Optional[list[TrainingText]] = None,
    settings: IndexSettings = DEFAULTS,
    corpus: str = "",
    workers: Workers = IN_PROCESS,
    gpu: int = -1,
    progress: Any = None,
    say: Callable[[str], None] = lambda text: None,
) -> BuildReport:
    """Write an index with further documents. The one they are added to stays as it is; files are shared with it.

    nlp (Language): the pipeline of the index. index (Index): to which documents are added.
    texts (list of TrainingText): the new documents.
    refresh (bool): fit the head to all documents and compute all rows anew, as a new build would, but encode only the
        new ones. Otherwise head and curvature are held: rows of earlier documents stay as they are, those of the new
        ones are computed with a head and a curvature that have not seen them, and the manifest counts them.
    staging, dev, settings, corpus, workers, gpu, progress, say: as for ``compute_index``.
    RAISES (ValueError): S045 and others as ``compute_index``; S035 if the index was pruned and is to be refreshed.
    """
    manifest = index.manifest
    tagger = find_tagger(nlp, manifest.tagger)
    check_labels(tagger, texts, corpus)
    names = f"{manifest.corpus} + {corpus}"
    settings = replace(
        settings,
        dtype=manifest.dtype,
        curvature=manifest.curvature,
        refit=manifest.refit,
        centre=manifest.centre if manifest.refit else settings.centre,
    )
    if refresh:
        if manifest.pruned:
            raise SeginfError(Errors.S035.format(path=index.folder, count=sum(manifest.dropped)))
        l2 = None if dev else (manifest.l2 or None)
        return compute_index(
            nlp,
            manifest.tagger,
            texts,
            folder,
            dev=dev,
            settings=replace(settings, l2=l2),
            corpus=names,
            staging=staging,
            earlier=index,
            label_l2=None if dev else (manifest.label_l2 or None),
            workers=workers,
            gpu=gpu,
            progress=progress,
            say=say,
        )
    check_labels(tagger, texts)
    size = corpus_size(tagger, texts, None, settings.shard_tokens)
    announce_cost(size, manifest.curvature, manifest.dtype, False, say, held=True)
    clock = Clock()
    manifest = replace(manifest, corpus=names, shards=list(manifest.shards), files={})
    wanted = [Unencoded(texts, staging, len(manifest.shards))]
    (encoded,) = encode_shards(
        nlp, tagger, wanted, manifest, settings.shard_tokens, workers=workers, gpu=gpu, progress=progress
    )
    clock.lap()
    share_index(index.folder, folder)
    manifest.build = build_id(manifest, encoded, index.head)
    rows = rows_task(folder, manifest, tagger.scheme, held=True)
    written = write_shards(folder, encoded, rows, manifest, settings, workers)
    manifest.held_documents += written.documents
    write_manifest(folder, manifest)
    clock.lap()
    return replace(written, seconds=(clock.laps[0], 0.0, 0.0, clock.laps[1]))


def share_index(source: Path, folder: Path) -> None:
    """Make all files of an index but its manifest appear in another folder too."""
    for path in sorted(source.rglob("*")):
        target = folder / path.relative_to(source)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif path.name != MANIFEST:
            target.parent.mkdir(parents=True, exist_ok=True)
            share_file(path, target)

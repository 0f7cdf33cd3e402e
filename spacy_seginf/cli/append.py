"""`python -m spacy seginf append`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from spacy.cli._util import setup_gpu
from wasabi import Printer

from ..errors import Errors
from ..machine import coded_memory_errors
from ..parallel import DaskWorkers, InProcess, Workers
from ..pipeline.append import append_to_index
from ..pipeline.build import BuildReport, BuildSettings, save_with_index
from ..pipeline.corpus import read_corpus, read_judging
from ..pipeline.influence import Influence
from ..pipeline.loading import load_pipeline
from ..pipeline.readers import OTHER
from .index import check_output, show_progress, tell


@coded_memory_errors()
def append(
    pipeline: str,
    corpus: Path,
    output: Path,
    *,
    refresh: bool = False,
    dev: Optional[Path] = None,
    shard_tokens: Optional[int] = None,
    scheduler: Optional[str] = None,
    force: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
) -> BuildReport:
    """Add the documents of a corpus to the index of a pipeline; the others are not encoded again.

    pipeline (str): folder written by `seginf index`. corpus (Path): the new documents (.spacy).
    output (Path): folder for the result, which may be the pipeline's own with force.
    refresh (bool): fit the head to all documents and compute all gradients anew; otherwise head and curvature are held.
    dev (Path): development corpus (.spacy), which chooses the penalty of a refresh; else it stays.
    shard_tokens, scheduler, force, gpu_id: as for `seginf index`.
    RAISES (ValueError): S020 if the pipeline has no index, and others as for `seginf index`.
    """
    msg = Printer(no_print=silent)
    output = Path(output)
    check_output(output, force, pipeline, corpus, dev)
    setup_gpu(gpu_id, silent=silent)
    nlp = load_pipeline(pipeline)
    names = [name for name, component in nlp.pipeline if isinstance(component, Influence) and component.index]
    if not names:
        raise ValueError(Errors.S020)
    influence: Any = nlp.get_pipe(names[-1])
    influence.explainer()  # checks that the index is this pipeline's
    index, tagger = influence.index, influence.find_tagger()
    texts = read_corpus(nlp, Path(corpus), tagger.attribute, OTHER)
    dev_texts = read_judging(nlp, tagger, Path(dev)) if dev else None
    workers: Workers = DaskWorkers.connect(scheduler) if scheduler else InProcess()
    settings = BuildSettings() if shard_tokens is None else BuildSettings(shard_tokens=shard_tokens)
    influence.unload_index()

    def build(folder: Path, staging: Path) -> BuildReport:
        return append_to_index(
            nlp,
            index,
            texts,
            folder,
            staging,
            refresh=refresh,
            dev=dev_texts,
            settings=settings,
            corpus=Path(corpus).name,
            workers=workers,
            gpu=gpu_id,
            progress=None if silent else show_progress,
            say=msg.info,
        )

    try:
        report = save_with_index(nlp, output, build, names[-1], msg.info)
    finally:
        workers.close()
    tell(msg, report)
    if not refresh:
        msg.text("Head and curvature are held: they have not seen these documents. --refresh fits both to all of them.")
    msg.good(f"Indexed {report.rows:,} labels of {report.documents:,} documents: {output}")
    return report

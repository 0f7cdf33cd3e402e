"""`python -m spacy seginf append`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Optional

from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..explanation.loading import indexed_components, load_pipeline
from ..guesses import one_of
from ..indexing.append import extend_index
from ..indexing.build import BuildReport
from ..machine import coded_memory_errors
from ..messages import Messages
from ..parallel import DaskWorkers, InProcess, Workers
from ..progress import shows_progress
from ..settings import DEFAULTS, IndexSettings
from ..tagger.corpus import read_corpus, read_judging
from ..tagger.readers import OTHER
from .index import check_output, save_index


@coded_memory_errors()
@shows_progress
def append_to_index(
    pipeline: str,
    corpus: Path,
    output: Path,
    *,
    component: Optional[str] = None,
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
    component (str): the influence component whose index grows, if several have one.
    refresh (bool): fit the head to all documents and compute all gradients anew; otherwise head and curvature are held.
    dev (Path): development corpus (.spacy), which chooses the penalty of a refresh; else it stays.
    shard_tokens, scheduler, force, gpu_id: as for `seginf index`.
    RAISES (ValueError): S030 if the pipeline has no index, S260 or S261 if it is not clear which one is meant, and
        others as for `seginf index`.

    >>> report = spacy_seginf.append_to_index("indexed", Path("more.spacy"), Path("appended"))
    >>> report.documents
    2
    """
    msg = Messages(silent=silent)
    output = Path(output)
    check_output(output, force, pipeline, corpus, dev)
    use_gpu(gpu_id)
    nlp = load_pipeline(pipeline)
    influence = _choose(indexed_components(nlp, pipeline), component, pipeline)
    explainer = influence.explainer()  # checks that the index is this pipeline's
    tagger = influence.find_tagger()
    texts = read_corpus(nlp, Path(corpus), tagger.target, OTHER)
    dev_texts = read_judging(nlp, tagger, Path(dev)) if dev else None
    workers: Workers = DaskWorkers.connect(scheduler) if scheduler else InProcess()
    settings = DEFAULTS if shard_tokens is None else IndexSettings(shard_tokens=shard_tokens)
    influence.unload_index()
    compute = partial(extend_index, nlp, explainer.index, texts, refresh=refresh, dev=dev_texts, settings=settings)
    report = save_index(influence, output, compute, corpus, msg, workers, gpu_id)
    if not refresh:
        msg.text("Head and curvature are held: they have not seen these documents. --refresh fits both to all of them.")
    msg.good(f"Indexed {report.rows:,} labels of {report.documents:,} documents: {output}")
    msg.next("explain", output, "TEXT")
    return report


def _choose(indexed: list[Influence], name: Optional[str], pipeline: str) -> Influence:
    known = ", ".join(component.name for component in indexed)
    if name is None and len(indexed) > 1:
        raise SeginfError(Errors.S260.format(path=pipeline, known=known))
    for component in indexed:
        if name in (None, component.name):
            return component
    known = one_of((component.name for component in indexed), str(name))
    raise SeginfError(Errors.S261.format(component=name, path=pipeline, known=known))

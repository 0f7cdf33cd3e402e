"""`python -m spacy seginf attach`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Optional

from ..devices import use_gpu
from ..explanation.loading import load_pipeline
from ..indexing.attach import AttachReport, add_tagger, check_labels, find_component
from ..indexing.build import compute_index
from ..machine import coded_memory_errors
from ..messages import Messages
from ..progress import shows_progress
from ..tagger.corpus import read_corpus, read_judging
from .index import check_output, check_page, override_settings, prepare_influence, save_index, write_page


@coded_memory_errors()
@shows_progress
def attach_index(
    pipeline: str,
    corpus: Path,
    output: Path,
    *,
    component: Optional[str] = None,
    dev: Optional[Path] = None,
    page: Optional[Path] = None,
    force: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
    **settings: Any,
) -> AttachReport:
    """Put a CRF head that decides as it does behind a trained ner or tagger, index the corpus, and write the pipeline.

    The component's predictions stay what they are; the influence component explains them through that head.

    pipeline (str): package or folder of a pipeline that was trained without a crf_tagger.
    corpus (Path): the corpus that trained it (.spacy).
    output (Path): folder for the result; nothing is written unless all goes well.
    component (str): what to explain, if the pipeline has several such components.
    dev (Path): development corpus (.spacy), by which the head that explains is chosen and checked.
    page (Path): also write a page about the index here, as ``report_index`` does.
    settings: of ``IndexSettings``, by their names, instead of the defaults.
    RAISES (ValueError): S060 to S064, S067 and S070 for a pipeline or corpus that can't be used, S040 to S042 for
        missing, foreign or empty input, S043 or S046 if the output exists, S027 or S028 for settings that are unknown
        or make no sense.

    >>> report = spacy_seginf.attach_index("plain", Path("train.spacy"), Path("attached"), l2=10.0)
    >>> report.component, report.indexed.documents
    ('ner', 30)
    """
    msg = Messages(silent=silent)
    output = Path(output)
    check_output(output, force, pipeline, corpus, dev)
    check_page(page, output, corpus, dev)
    use_gpu(gpu_id)
    nlp = load_pipeline(pipeline)
    tagger = add_tagger(nlp, find_component(nlp, component))
    texts = read_corpus(nlp, Path(corpus), tagger.target)
    check_labels(tagger, texts, corpus)
    dev_texts = None if dev is None else read_judging(nlp, tagger, Path(dev))
    influence = prepare_influence(nlp, pipeline)
    override_settings(influence, settings)
    compute = partial(compute_index, nlp, tagger.name, texts, dev=dev_texts, settings=influence.settings)
    indexed = save_index(influence, output, compute, corpus, msg)
    msg.good(f"Indexed {indexed.rows:,} labels of {indexed.documents:,} documents: {output}")
    write_page(page, output, influence.name, corpus, dev, gpu_id, msg)
    msg.next("explain", output, "TEXT")
    return AttachReport(str(tagger.explains), indexed)

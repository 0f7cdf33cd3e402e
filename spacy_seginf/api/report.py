"""`python -m spacy seginf report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import typer
from wasabi import table

from ..corpora.formats import read_annotated
from ..curation.corpus_report.held_out import held_out_entities
from ..curation.corpus_report.page import render_report
from ..curation.corpus_report.records import CorpusReport
from ..curation.corpus_report.sections import SECTIONS, report_on
from ..errors import Errors, SeginfError
from ..explanation.loading import check_pipeline, load_indexed
from ..files import write_text
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.text import shorten, visible
from ..results import is_printed, write_json, written


def report_corpus(
    corpus: Path,
    *,
    html: Optional[Path] = None,
    json: Optional[Path] = None,
    model: Optional[str] = None,
    format: Optional[str] = None,
    silent: bool = True,
    **reading: Any,
) -> CorpusReport:
    """Find annotations of a corpus that contradict each other; no model is needed.

    corpus (Path): in any format that `seginf apply` reads; format and reading: how, as there.
    html (Path): also write a self-contained page here. json (Path): also write everything here; "-" prints that
        instead.
    model (str): a folder that `seginf index` wrote of this corpus: its heads are asked what they say of documents that
        they have not seen.
    RETURNS (CorpusReport): counts of types, and findings by section. The order of documents makes no difference.
    RAISES (ValueError): S040, S042, S200, S201, S206 and S207 for a corpus that can't be read; S030, S035 or S221 for a
        pipeline that can't be asked, S320 if its index has none of the documents.

    >>> report = spacy_seginf.report_corpus(Path("train.spacy"))
    >>> report.entities == sum(one.spans for one in report.types), "forms" in report.sections
    (True, True)
    """
    msg = Messages(silent=silent)
    corpus = Path(corpus)
    check_paths({"corpus": corpus}, outputs={"page": html, "report": written(json)})
    if model is not None:
        check_pipeline(model)
    documents = read_annotated(corpus, format=format, **reading).documents
    predicted = None
    if model is not None:
        index = load_indexed(model)[1].explainer().index
        if index.manifest.curvature == "identity":
            raise SeginfError(Errors.S221.format(path=model))
        predicted = held_out_entities(index)
        if not any(predicted.get(one.identifier, [None])[0] == list(one.words) for one in documents):
            raise SeginfError(Errors.S320.format(path=corpus, model=model))
    report = report_on(corpus.name, documents, predicted, model or "")
    if html is not None:
        write_text(html, render_report(report))
        msg.good(f"Page written: {html}")
    if json is not None:
        write_json(json, report.plain)
        if not is_printed(json):
            msg.good(f"Report written: {json}")
    if not silent and not is_printed(json):
        _print(report)
    return report


def _print(report: CorpusReport) -> None:
    counts = ", ".join(f"{one.spans:,} {visible(one.label)}" for one in report.types) or "none"
    typer.echo(f"{report.documents:,} documents, {report.tokens:,} tokens, {report.entities:,} entities: {counts}")
    rows = []
    for name, found in report.sections.items():
        first = shorten(visible(found[0].what), 40) if found else ""
        readings = ", ".join(f"{reading} {count}" for reading, count in found[0].counts.items()) if found else ""
        rows.append((SECTIONS[name].title, f"{len(found):,}", first, shorten(visible(readings), 40)))
    header = ("what", "found", "the first", "how often")
    typer.echo(table(rows, header=header, divider=True, aligns=("l", "r", "l", "l"), max_col=80))

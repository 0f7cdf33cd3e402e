"""`python -m spacy seginf explain PIPELINE CORPUS --errors`."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import typer
from spacy.language import Language

from ..crf.schemes import TAG
from ..curation.proposing import propose_decisions
from ..devices import use_gpu
from ..explanation.explained_mistakes import accountant_of, explain_mistakes
from ..explanation.influence import Influence
from ..explanation.judged_texts import read_judged
from ..explanation.loading import load_indexed
from ..explanation.mistake_report import MistakeReport
from ..explanation.mistakes_page import render_mistakes
from ..explanation.mistakes_terminal import render_mistakes_terminal
from ..files import write_text
from ..inputs import check_paths
from ..messages import Messages, command_line
from ..progress import shows_progress
from ..results import is_printed, write_json_lines, written
from .stability import warn_of_other_settings


@shows_progress
def explain_errors(
    pipeline: str,
    corpus: Path,
    *,
    html: Optional[Path] = None,
    json: Optional[Path] = None,
    decisions: Optional[Path] = None,
    top: int = 3,
    gpu_id: int = -1,
    silent: bool = True,
) -> MistakeReport:
    """Predict an annotated corpus, and say of each wrong prediction what taught it, its likely cause, and what to do.

    pipeline (str): a folder that `seginf index` wrote. It is not changed.
    corpus (Path): texts with right labels: .spacy, CoNLL columns or JSON lines, told apart by the name.
    html (Path): also write a self-contained page here. json (Path): also write the mistakes here, one JSON object a
        line; "-" prints them instead of what people read.
    decisions (Path): append what would put right the training labels that look mislabelled: a proposal to read and to
        shorten before `seginf apply` follows it.
    top (int): families of training labels on each side of each mistake, and mistakes of each kind that are printed.
    RETURNS (MistakeReport): the mistakes, in the order of the corpus, and their groups. A part with a token that is not
        annotated is no mistake.
    RAISES (ValueError): S030 or S040 for a missing pipeline or index, S040 to S042, S200 and S201 for a corpus that
        can't be read, S256 without evidence in the index, S035 if it was pruned, S025 if it is another pipeline's.

    >>> report = spacy_seginf.explain_errors("indexed", Path("more.spacy"))
    >>> report.texts, sum(len(mistakes) for mistakes in report.causes.values()) == len(report)
    (2, True)
    """
    msg = Messages(silent=silent)
    check_paths({"corpus": corpus}, outputs={"page": html, "mistakes": written(json), "decisions": decisions})
    use_gpu(gpu_id)
    nlp, influence = load_indexed(pipeline)
    accountant_of(influence)
    judged = read_judged(nlp, influence.find_tagger(), Path(corpus))
    mistakes = explain_mistakes(influence, judged, top)
    scheme = influence.find_tagger().scheme
    names = str(pipeline), str(corpus)
    known = {"decisions": str(decisions or ""), "train": _training_corpus(nlp, influence)}
    report = MistakeReport(tuple(mistakes), len(judged.docs), judged.right(scheme), *names, scheme.name != TAG, **known)
    if not silent and not is_printed(json):
        typer.echo(render_mistakes_terminal(report, top=top))
    if influence.stability is None:
        train = report.train or "TRAIN.spacy"
        msg.info(f"Which of these the seed decides is not known: {command_line('stability', pipeline, train, corpus)}")
    else:
        warn_of_other_settings(msg, influence.stability, nlp)
    if html is not None:
        write_text(html, render_mistakes(report))
        msg.good(f"Page written: {html}")
    if json is not None:
        write_json_lines(json, (one.plain for one in report.mistakes))
        if not is_printed(json):
            msg.good(f"Mistakes written: {json}")
    if decisions is not None:
        count = propose_decisions(decisions, report)
        if count:
            msg.good(f"Proposed: {count} decisions, {decisions}")
            msg.next("preview", pipeline, decisions, corpus)
        else:
            msg.info("No labels to correct were found, so no decisions were written.")
    return report


def _training_corpus(nlp: Language, influence: Influence) -> str:
    """Return the path of the corpus that was indexed, if the config has one of that name that is there; else ""."""
    path = nlp.config.get("paths", {}).get("train")
    known = path and Path(path).name == influence.explainer().index.manifest.corpus and Path(path).exists()
    return str(path) if known else ""

"""`python -m spacy seginf verify`."""

from __future__ import annotations

import sys
from typing import Iterable

import typer
from wasabi import table

from ..devices import use_gpu
from ..explanation.loading import load_indexed
from ..explanation.verification import Pair, VerifyReport
from ..explanation.verification import verify as verify_document
from ..explanation.views import Reference
from ..explanation.wording import HEAD_ONLY
from ..influence.fit import checked
from ..messages import Messages
from ..rendering.text import shorten, visible
from .asked_text import asked_text


def verify(
    pipeline: str,
    text: str,
    *,
    l2: float = 10.0,
    top: int = 2,
    relabel: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
) -> VerifyReport:
    """Refit the head without the references of a text's entities, and compare with what is predicted.

    pipeline (str): a folder that `seginf index` wrote. It is not changed.
    text (str): the text; "-" reads standard input.
    l2 (float): penalty of the refits, if the index does not have one of its own.
    top (int): references on each side of each entity.
    relabel (bool): also refit with the label of each reference changed.
    RAISES (ValueError): S030 or S040 for missing input, S276 to S279 for what is no text, S050 or S051 for
        an unusable l2.

    >>> report = spacy_seginf.verify("indexed", "Ada Lind visited Tarnby .", top=1)
    >>> report.predicted.pearson > 0.9
    True
    """
    msg = Messages(silent=silent)
    given = asked_text(text)
    checked(l2)
    use_gpu(gpu_id)
    nlp, influence = load_indexed(pipeline)
    doc = nlp(given)
    progress = iter if silent else _progress
    report = verify_document(influence, doc, top=top, l2=l2, relabel=relabel, progress=progress)
    if not silent:
        _print(report, msg)
    return report


def _print(report: VerifyReport, msg: Messages) -> None:
    if not report.pairs:
        msg.info("No prediction in this text has references, so there is nothing to verify.")
        return
    header = ("prediction", "training label", "where", "change", "predicted", "refined", "actual")
    rows = [_row(pair) for pair in report.pairs]
    typer.echo(table(rows, header=header, divider=True, aligns=("l", "l", "l", "l", "r", "r", "r"), max_col=60))
    typer.echo(
        "Change of -log p of the prediction (nats) when the label is removed or changed: predicted by one step, "
        "refined by further steps on all training documents, and actual, by refitting the head. Positive: the present "
        "label supports the prediction; negative: it opposes it."
    )
    predicted, refined, scores = report.predicted, report.refined, report.scores
    typer.echo(
        f"{predicted.pairs} pairs, {report.refits} refits with l2 = {report.l2:g}. Against actual: predicted has "
        f"Pearson {predicted.pearson:.3f} and slope {predicted.slope:.2f}, refined {refined.pearson:.3f} and "
        f"{refined.slope:.2f}, the scores of the search {scores.pearson:.3f}."
    )
    unusual = sum(not pair.converged for pair in report.pairs), sum(pair.elsewhere for pair in report.pairs)
    typer.echo(f"Refits that did not converge: {unusual[0]}; with more than one optimum: {unusual[1]}.")
    typer.echo(HEAD_ONLY)


def _row(pair: Pair) -> tuple[str, ...]:
    actual = f"{pair.actual:+.3g}" + ("" if pair.converged else " (not converged)")
    predictions = f"{pair.predicted:+.3g}", f"{pair.refined:+.3g}"
    prediction = f"{shorten(visible(pair.text), 24)} {visible(pair.label)}"
    if pair.reference is None:
        note = "" if pair.summed != pair.summed else f"sum of single effects {pair.summed:+.3g}"
        return prediction, "all of these together", note, "removed", *predictions, actual
    reference = Reference(pair.reference, pair.predicted)
    return (
        prediction,
        f"{shorten(visible(reference.text), 24)} {visible(reference.full_label)}",
        shorten(visible(reference.place), 44),
        "removed" if pair.change == "removed" else f"to {visible(pair.change)}",
        *predictions,
        actual,
    )


def _progress(work: Iterable) -> Iterable:
    from tqdm import tqdm

    return tqdm(work, unit="refit", desc="Refitting", disable=not sys.stderr.isatty())

"""`python -m spacy seginf preview`."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Sequence, Union

import typer
from wasabi import table

from ..curation.asked_texts import ask
from ..curation.changes import bracketed
from ..curation.preview import BETTER, EQUAL, WORSE, Preview, PreviewChange, preview_decisions
from ..curation.records import read_decisions
from ..devices import use_gpu
from ..explanation.loading import load_indexed
from ..explanation.wording import LABELS_ALONE
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.text import shorten, tokens_of, visible
from ..results import is_printed, write_json_lines, written
from .asked_text import text_or_corpus


def preview(
    pipeline: str,
    decisions: Union[Path, Sequence[Path]],
    texts: Union[str, Path],
    *,
    output: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> Preview:
    """Show which predictions will change when decisions are applied, before anything is trained.

    The head that labels alone make of the encoder's features is refit with the corrected labels. Where texts are
    annotated, each change is for better or worse. Retraining moves the encoder too, which this does not.

    pipeline (str): a folder that `seginf index` wrote, of the corpus as it was when it was reviewed.
    decisions (Path or sequence of Path): files of decisions, as `seginf apply` reads them.
    texts (str or Path): a text, "-" to read one from standard input, or a corpus: .spacy or a folder of such files,
        CoNLL columns, JSON lines.
    output (Path): also write the changes to this file, JSON lines; "-" prints them instead of what people read.
    RETURNS (Preview): the changes, and how many there are of each kind.
    RAISES (ValueError): S030 or S040 for missing input, S170 for files that hold no decisions, S275 for decisions that
        do not fit the index, S035 or S270 if the index can't refit, S040 to S042, S200, S201, S276, S277 or S279
        for texts that can't be read.

    >>> found = spacy_seginf.preview("indexed", Path("decisions.jsonl"), "Ada Lind visited Tarnby .")
    >>> found.relabelled, found.left_out
    (1, 0)
    """
    msg = Messages(silent=silent)
    paths = [decisions] if isinstance(decisions, (str, Path)) else decisions
    given = text_or_corpus(texts)
    corpus = given if isinstance(given, Path) else None
    check_paths({"corpus": corpus}, {"decision file": [*map(Path, paths)]}, {"changes": written(output)})
    use_gpu(gpu_id)
    made = [decision for path in paths for decision in read_decisions(Path(path))]
    nlp, influence = load_indexed(pipeline)
    asked = ask(nlp, given, influence.find_tagger().target)
    found = preview_decisions(nlp, influence, made, [one for one in asked if len(one.doc)])
    if output is not None:
        write_json_lines(output, (change.plain for change in found.changes))
        if not is_printed(output):
            msg.good(f"Changes written: {output}")
    if not silent and not is_printed(output):
        _print(found, msg)
    msg.next("apply", "CORPUS", "CORRECTED", *paths)
    return found


def _print(found: Preview, msg: Messages) -> None:
    if found.changes:
        typer.echo(changes_table(found))
    for sentence in sentences(found):
        typer.echo(sentence)
    if found.left_out:
        msg.info(f"Left out, as they are in documents that the index did not learn from: {found.left_out:,} regions")
    if found.conflicts:
        msg.warn(f"Left as they are, because decisions contradict each other: {found.conflicts:,} regions")
    if found.shared < found.entities:
        msg.warn(
            f"The head that labels alone make predicts {found.entities:,} entities here, {found.shared:,} of which "
            "the pipeline predicts too: take what is said of the others with care"
        )
    if not found.converged:
        msg.warn("The refit of the head did not converge: figures are rough")
    typer.echo(LABELS_ALONE)


def changes_table(found: Preview) -> str:
    """Write the changes as a table; empty without any."""
    if not found.changes:
        return ""
    header = ("where", "words", "now", "then", "p of the new reading", "annotated", "")
    return table([_row(change) for change in found.changes], header=header, divider=True, max_col=40)


def sentences(found: Preview) -> list[str]:
    """Say how many changes there are, for better or worse, and what they come to."""
    said = [
        f"Regions of texts whose predictions change: {len(found.changes):,}, in {found.texts:,} texts, when the labels "
        f"of {found.relabelled:,} regions of the training corpus are changed. {_verdicts(found)}"
    ]
    if found.annotated:
        scores = [
            f"{100 * 2 * right / max(predicted + found.annotated, 1):.1f}"
            for right, predicted in ((found.right_before, found.found_before), (found.right_after, found.found_after))
        ]
        said.append(f"Entity F1 of the head on the annotated texts: {scores[0]} now, {scores[1]} then.")
        said.append(f"The difference of the two: {found.difference.sentence}")
    if found.count(WORSE) > found.count(BETTER):
        said.append(
            "The head's predictions on these texts get worse: look again at the decisions, or apply them and train "
            "anew, and see what is left of it."
        )
    return said


def _verdicts(found: Preview) -> str:
    """Count changes for better and for worse, where annotation can say so."""
    if not found.judged:
        return "The texts are not annotated, so nothing says whether that is for better or for worse."
    counts = f"{found.count(BETTER)} for better, {found.count(WORSE)} for worse, {found.count(EQUAL)} neither"
    unknown = found.count("")
    return f"Against the annotation: {counts}{f'; {unknown} where tokens are not annotated' if unknown else ''}."


def _row(change: PreviewChange) -> tuple[str, ...]:
    place = f"{change.document}, " if change.document else ""
    return (
        visible(shorten(f"{place}{tokens_of(change.start, change.end)}", 36)),
        visible(shorten(change.text, 24)),
        _labels(change, change.before),
        _labels(change, change.after),
        f"{change.probability_before:.2f} -> {change.probability_after:.2f}",
        "" if change.gold is None else _labels(change, change.gold),
        change.verdict,
    )


def _labels(change: PreviewChange, entities: Sequence) -> str:
    """Name the entities of a region: "ORG", "O", or its words with them in brackets where they are not all of it."""
    if all((one.start, one.end) == (change.start, change.end) for one in entities):
        return visible(", ".join(one.label for one in entities) or "O")
    return " ".join(bracketed(change.words, change.start, entities))

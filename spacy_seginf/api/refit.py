"""`python -m spacy seginf apply --refit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence, Union

import typer
from wasabi import table

from ..curation.asked_texts import read_texts
from ..curation.records import read_decisions
from ..curation.refitting import ALL, HeadRefit, check_refittable, refit_tagger
from ..devices import use_gpu
from ..explanation.loading import load_indexed
from ..explanation.saving import save_pipeline
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.text import visible
from .apply import apply_decisions
from .index import check_output

NO_TRAINING = (
    "The encoder was not trained: it still knows the labels as they were. Training on the corrected corpus tells how "
    "much of this stays."
)


def refit_pipeline(
    pipeline: str,
    output: Path,
    decisions: Union[Path, Sequence[Path]],
    *,
    dev: Optional[Path] = None,
    test: Optional[Path] = None,
    force: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
) -> HeadRefit:
    """Refit the head of an indexed pipeline with the labels that were decided, without training the encoder.

    The head is the one that labels alone make of the encoder's features; what is written predicts by it, and has no
    index, as that is of the labels as they were.

    pipeline (str): a folder that `seginf index` wrote, of the corpus as it was when it was reviewed.
    output (Path): folder for the result. decisions (Path or sequence of Path): as `seginf apply` reads them.
    dev, test (Path): annotated corpora in any format: the F1 by type of the pipeline, of a head refit with the labels
        as they were, and of the head refit with those decided. The second tells what the refit alone changes.
    force (bool): replace an earlier result.
    RETURNS (HeadRefit): how many regions were relabelled, and the scores.
    RAISES (ValueError): S030 or S040 for missing input, S043 or S046 for the output, S170 for files that hold no
        decisions, S275 for decisions that do not fit the index, S035, S270 or S322 if the index can't refit,
        those of ``read_annotated`` for dev and test.

    >>> done = spacy_seginf.refit_pipeline("indexed", Path("refit"), Path("decisions.jsonl"), test=Path("more.spacy"))
    >>> done.relabelled, sorted(done.scores)
    (1, ['test'])
    >>> doc = spacy.load("refit")("Ada Lind visited Tarnby .")
    """
    msg = Messages(silent=silent)
    output = Path(output)
    paths = [decisions] if isinstance(decisions, (str, Path)) else list(decisions)
    check_paths(files={"decision file": [Path(path) for path in paths]}, inputs={"corpus": test})
    for path in paths or [Path(pipeline)]:
        check_output(output, force, pipeline, Path(path), dev)
    use_gpu(gpu_id)
    made = [decision for path in paths for decision in read_decisions(Path(path))]
    nlp, influence = load_indexed(pipeline)
    texts = {
        name: read_texts(nlp, Path(path), influence.find_tagger().target)
        for name, path in (("dev", dev), ("test", test))
        if path is not None
    }
    done = refit_tagger(nlp, influence, made, texts)
    save_pipeline(nlp, output)
    if not silent:
        typer.echo("\n".join(refit_lines(done)))
        msg.good(f"Pipeline written: {output}")
    return done


def apply_and_refit(
    pipeline: str,
    tagger: Path,
    corpus: Path,
    output: Path,
    decisions: Sequence[Path],
    *,
    dev: Optional[Path] = None,
    test: Optional[Path] = None,
    dry_run: bool = False,
    silent: bool = True,
    **settings: Any,
) -> None:
    """Do what ``apply_decisions`` does, then what ``refit_pipeline`` does with tagger for its output.

    RAISES (ValueError): as both; nothing is written if the folder for the tagger can't be.
    """
    check_output(Path(tagger), False, pipeline, Path(corpus), dev)
    check_paths({"corpus": test})
    check_refittable(load_indexed(pipeline)[1])
    apply_decisions(corpus, output, decisions, dry_run=dry_run, silent=silent, **settings)
    if not dry_run:
        refit_pipeline(pipeline, tagger, decisions, dev=dev, test=test, silent=silent)


def refit_lines(done: HeadRefit) -> list[str]:
    """Say what a refit did: its scores, as tables, and what to know of it."""
    said = []
    for name, scores in done.scores.items():
        rows = [
            (visible(label) or "all", *(f"{100 * value:.1f}" for value in one[:3]), f"{one.annotated:,}")
            for label, one in sorted(scores.items(), key=lambda pair: (pair[0] != ALL, pair[0]))
        ]
        header = (f"F1 on {name}", "pipeline", "refit, labels as they were", "refit, corrected", "annotated")
        said += table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r")).split("\n")
        if name in done.differences:
            said.append(
                f"F1 with corrected labels, less that with labels as they were: {done.differences[name].sentence}"
            )
        if not scores:
            said.append(f"Nothing is annotated in the {name} corpus, so there is nothing to score.")
    said.append(f"{done.relabelled:,} regions of the training corpus were relabelled.")
    if done.left_out:
        said.append(
            f"Left out, as they are on documents that the index did not learn from: {done.left_out:,} decisions"
        )
    if done.conflicts:
        said.append(f"Left as they are, because decisions contradict each other: {done.conflicts:,} regions")
    if not done.converged:
        said.append("The refit of the head did not converge: figures are rough")
    return [*said, NO_TRAINING]

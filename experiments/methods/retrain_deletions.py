"""`python -m experiments retrain-deletions`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Optional, Sequence

import typer
from spacy.cli._util import import_code
from wasabi import Printer, table

from spacy_seginf.api.evaluate import WORK, no_progress, read_docs, show_progress
from spacy_seginf.devices import use_gpu
from spacy_seginf.evaluation.deletion import SIDES
from spacy_seginf.evaluation.intervals import estimate
from spacy_seginf.evaluation.method_blocks import read_methods
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.files import exclusive, json_text, write_text

from .whole_pipeline import RetrainSettings
from .whole_pipeline import retrain_deletions as retrain

HEADER = ("method", "labels removed", "whole pipeline trained anew", "head refit")
KINDS = ("retrained", "refit")


def retrain_deletions(
    pipeline: str,
    texts: Path,
    output: Path,
    *,
    config: Path,
    methods: Sequence[str],
    sizes: Optional[dict[str, int]] = None,
    code: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> dict[str, Any]:
    """Train a pipeline anew without the labels that methods name for some predictions; see ``evaluate`` for arguments.

    sizes (dict): settings of ``RetrainSettings``.
    RAISES (ValueError): S040 for missing input, S100 to S111 as ``retrain_deletions`` of the evaluation.
    """
    msg = Printer(no_print=silent)
    use_gpu(gpu_id)
    import_code(code)
    read_methods(Path(config), methods)  # so that a mistake shows before the first training
    nlp, influence = load_indexed(pipeline)
    docs = read_docs(nlp, texts)
    settings = RetrainSettings(**(sizes or {}))
    output = Path(output)
    progress = no_progress if silent else show_progress
    with exclusive(output / WORK):
        report = retrain(
            nlp,
            influence,
            docs,
            partial(read_methods, Path(config), methods),
            settings,
            output / WORK,
            progress=progress,
            say=msg.info,
        )
    write_text(output / "retrained.json", json_text(report, 2) + "\n")
    if not silent:
        typer.echo(table(_rows(report), header=HEADER, divider=True, aligns=("l", "l", "r", "r")))
        typer.echo(
            "Mean change of the probability of a prediction when the labels of the "
            f"{settings.k} segments that a method names for it are missing in training, with 95 % intervals. Without "
            "supporting labels it should fall, without opposing ones rise; what another seed changes is noise."
        )
        msg.good(f"Written: {output / 'retrained.json'}")
    return report


def _rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for name, sides in report["methods"].items():
        for side in SIDES:
            found = [estimate(sides[side][kind]["by_query"]).within(-1.0, 1.0) for kind in KINDS]
            cells = (f"{value.mean:+.3f} [{value.low:+.3f}, {value.high:+.3f}]" for value in found)
            rows.append((name, side, *cells))
    noise = report["noise"]["mean_absolute_change"]
    if noise is not None:
        rows.append(("another seed alone", "none", f"up or down by {noise:.3f} on average", ""))
    return rows

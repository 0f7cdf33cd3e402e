"""`python -m spacy seginf loop`."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional, Sequence

import typer
from wasabi import table

from ..crf.schemes import ENTS
from ..curation.decisions import append_decisions
from ..curation.finding import IssueFinder
from ..curation.plots import plot_reading_curve
from ..curation.session import Session, open_session
from ..curation.texts import trusted_texts
from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.loading import check_pipeline, load_indexed, load_pipeline
from ..files import json_text, recover_folder, replace_folder, write_text
from ..inputs import check_paths, unwritable
from ..loop.report import curation_page
from ..loop.reviewing import ReviewedItem, Reviewer, counts_by_kind
from ..loop.steps import (
    Curve,
    curve_of,
    decisions_of,
    read_orders,
    recovered,
    scores_by_label,
    truth_of,
)
from ..loop.training import train_again
from ..messages import Messages
from ..progress import shows_progress
from ..rendering.pictures import check_pictures
from ..rendering.text import visible
from ..tagger.corpus import read_judging
from ..tagger.readers import OTHER
from .apply import apply_decisions

RESULT = "loop.json"
STEPS = 5  # points of a curve
TRUTH = "the truth"


@shows_progress
def run_loop(
    pipeline: str,
    corpus: Path,
    output: Path,
    test: Path,
    *,
    truth: Optional[Path] = None,
    decisions: Sequence[Path] = (),
    dev: Optional[Path] = None,
    config: Optional[Path] = None,
    before: Optional[str] = None,
    ceiling: Optional[str] = None,
    budget: int = 100,
    every: int = 10,
    retrain: bool = True,
    plots: bool = True,
    overrides: Optional[dict[str, Any]] = None,
    force: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
) -> dict[str, Any]:
    """Put a corpus right, train again, and compare.

    pipeline (str): a folder that `seginf index` wrote. corpus (Path): the training corpus (.spacy) that was indexed.
    output (Path): folder for decisions, the corrected corpus with its diff, the model, and loop.json and loop.md.
    test (Path): texts with right labels (.spacy) that everything is scored on.
    truth (Path): the training corpus with right labels (.spacy): reads the ranking in the place of a person.
    decisions (sequence of Path): what people decided, instead.
    dev (Path): documents with right labels (.spacy) for the ranking, and for the training.
    config (Path): of the training; that of the pipeline if not given. overrides: further settings of it.
    before (str): pipeline that was trained on the corpus as it was; the indexed one, which predicts the same, if not
        given.
    ceiling (str): pipeline that was trained on the truth, to say which share of the cost of errors was won back.
    budget (int): how many spans or families are read. every (int): items after which decisions feed back; 0 never.
    retrain (bool): whether to train at the end. plots (bool): whether to draw curves (needs matplotlib).
    force (bool): whether to replace the output if it is a folder that this wrote.
    RETURNS (dict): what loop.json holds.
    RAISES (ValueError): S218 if the output exists or neither or both of truth and decisions are given, S217 if the
        training fails, S210 if labels are tags of tokens, else as `rank` and `apply`.
    """
    msg = Messages(silent=silent)
    if bool(decisions) == (truth is not None):
        raise SeginfError(Errors.S218.format(problem="give either --truth or --decisions"))
    recover_folder(output)
    if output.exists() and not (force and (output / RESULT).is_file()):
        hint = " and holds no earlier result" if force else "; --force replaces it"
        raise SeginfError(Errors.S218.format(problem=f"the folder {output} exists already{hint}"))
    problem = unwritable(output)
    if problem:
        raise SeginfError(Errors.S218.format(problem=f"the folder {output} can't be written ({problem})"))
    for one in (pipeline, before, ceiling):
        if one is not None:
            check_pipeline(one)
    if plots and truth is not None:
        check_pictures()
    inputs = [Path(path) for path in (corpus, test, truth, dev, config, *decisions) if path is not None]
    for path in inputs:
        check_paths(files={"file": path})  # before anything takes minutes
        if output.exists() and output.resolve() in path.resolve().parents:
            raise SeginfError(Errors.S218.format(problem=f"{path} is in the folder {output}, which would be replaced"))
    use_gpu(gpu_id)
    tagger = load_indexed(pipeline)[1].find_tagger()
    if tagger.scheme.target != ENTS:
        raise SeginfError(Errors.S210)
    settings = {} if dev is None else {"paths.dev": dev}
    settings.update(overrides or {})
    place = output.with_name(f".{output.name}-{os.getpid()}-new")  # what is there stays until all is done
    try:
        result: dict[str, Any] = {"budget": budget, "every": every}
        files = [Path(path) for path in decisions]
        if truth is not None:
            session = open_session(pipeline, corpus)
            reading, curves = _read(session, truth, dev, test, budget, every, msg)
            files = [place / "decisions.jsonl"]
            append_decisions(files[0], decisions_of(session, reading, TRUTH))
            result.update(_figures(reading), curves={name: asdict(curve) for name, curve in curves.items()})
            if plots:
                _plot(curves, place)
        plan = apply_decisions(corpus, place / "corrected.spacy", files, labels=tagger.labels, conflicts="skip")
        result.update(changed=len(plan.changes), kept=plan.kept, conflicts=len(plan.conflicts))
        msg.info(f"{len(plan.changes):,} changes in the corrected corpus")
        if retrain:
            msg.info("Training on the corrected corpus")
            chosen = config if config is not None else Path(pipeline) / "config.cfg"
            try:
                trained = train_again(chosen, place / "model", place / "corrected.spacy", settings, gpu_id)
            except ValueError as error:
                write_text(place / RESULT, json_text({**result, "failed": str(error)}, 2) + "\n")
                replace_folder(place, output)
                raise
            pipelines = {"before": before or pipeline, "after": str(trained)}
            if ceiling is not None:
                pipelines["truth"] = ceiling
            result["scores"] = {name: scores_by_label(load_pipeline(path), test) for name, path in pipelines.items()}
            if ceiling is not None:
                result["recovered"] = recovered(*(result["scores"][name][""] for name in ("before", "after", "truth")))
        write_text(place / RESULT, json_text(result, 2) + "\n")
        write_text(place / "loop.md", curation_page(result))
        replace_folder(place, output)
    finally:
        if place.exists():
            shutil.rmtree(place, ignore_errors=True)
    if not silent:
        _print(result)
        msg.good(f"Results: {output / 'loop.md'}; corrected corpus: {output / 'corrected.spacy'}")
    return result


def _plot(curves: dict[str, Curve], folder: Path) -> None:
    measures = (("f1", "F1 of the head refit, test texts"), ("wrong_found", "share of wrong tokens found"))
    for name, found in measures:
        points = {order: (curve.reviewed, getattr(curve, name)) for order, curve in curves.items()}
        plot_reading_curve(points, folder / f"{name}.png", read="items reviewed", found=found)


def _read(
    session: Session, truth: Path, dev: Optional[Path], test: Path, budget: int, every: int, msg: Messages
) -> tuple[list[ReviewedItem], dict[str, Curve]]:
    source = session.source
    reviewer = Reviewer(source, truth_of(session, truth))
    finder = IssueFinder(source, session.read_trusted(dev), session.missing, msg.info)
    orders = read_orders(finder, reviewer, budget, every or None, msg.info)
    msg.info("Refitting heads along the way")
    examples = read_judging(session.nlp, session.tagger, test, OTHER)
    judged = trusted_texts(session.nlp, [text.example for text in examples], session.tagger.name)
    at = [budget * step // STEPS for step in range(STEPS + 1)]
    curves = {name: curve_of(reviewer, order, at, judged) for name, order in orders.items()}
    return orders["ranking"], curves


def _figures(reviewed: Sequence[ReviewedItem]) -> dict[str, Any]:
    spans = [one for item in reviewed for one in item.decided]
    return {
        "read": len(reviewed),
        "spans": len(spans),
        "wrong": sum(one.wrong for one in spans),
        "precision": sum(item.precision for item in reviewed) / max(len(reviewed), 1),
        "by_kind": counts_by_kind(reviewed),
    }


def _print(result: dict[str, Any]) -> None:
    for name, curve in result.get("curves", {}).items():
        found, score = curve["wrong_found"][-1], curve["f1"][-1]
        typer.echo(
            f"{name}: {found:.1%} of the wrong tokens found in {curve['reviewed'][-1]} items; head F1 {score:.4f}"
        )
    if "scores" in result:
        names = list(result["scores"])
        labels = list(dict.fromkeys(label for scores in result["scores"].values() for label in scores))
        rows = [
            (visible(label) or "all", *(f"{result['scores'][name].get(label, 0.0):.4f}" for name in names))
            for label in labels
        ]
        typer.echo(table(rows, header=("F1", *names), divider=True, aligns=("l", *"r" * len(names))))
    if result.get("recovered") is not None:
        typer.echo(f"Won back: {result['recovered']:.0%} of what the wrong labels cost.")

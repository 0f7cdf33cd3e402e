"""`python -m spacy seginf calibrate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping, Optional, Sequence

import numpy
import typer
from wasabi import table

from ..crf.calibration import (
    ALL,
    ENOUGH,
    Calibration,
    brier,
    calibration_error,
    fit_lines,
    fit_temperature,
    least_probability,
    log_score,
    risk_coverage,
)
from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.calibrated_texts import Predicted, annotated_forms, predict_texts
from ..explanation.influence import Influence
from ..explanation.loading import load_pipeline
from ..explanation.reliability_plot import plot_reliability
from ..explanation.saving import save_pipeline
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.pictures import check_picture
from ..rendering.text import visible
from ..tagger.crf_tagger import OTHERS, choose_tagger
from .index import check_output

FOLDS = 5
Known = Mapping[str, frozenset[str]]  # entities of the training corpus, by type
Split = tuple[numpy.ndarray, float]  # documents (bool), and the temperature of the others
HEADER = ("", "Brier score", "log score", "calibration error", "area under risk-coverage")


@dataclass(frozen=True)
class CalibrationReport:
    """How well probabilities of predicted entities fit, before and after.

    found (Calibration): what is stored. scores: "before" and "after", each with the keys "brier", "log_score",
    "calibration_error" (15 bins of equal mass) and "aurc", the area under the risk-coverage curve; "after" is that of
    documents whose calibration was fit on others (five folds). thresholds: by type, if they were asked for, and kept:
    share of the right entities that these leave.
    """

    found: Calibration
    scores: dict[str, dict[str, float]]
    entities: int
    thresholds: dict[str, float]
    kept: Optional[float] = None


def calibrate(
    pipeline: str,
    corpus: Path,
    output: Path,
    *,
    tagger: Optional[str] = None,
    training: Optional[Path] = None,
    precision: Optional[float] = None,
    plot: Optional[Path] = None,
    force: bool = False,
    gpu_id: int = -1,
    silent: bool = True,
) -> CalibrationReport:
    """Fit the probabilities of a pipeline's predictions to annotated texts that it was not trained on.

    pipeline (str): trained pipeline with a crf_tagger, a package or a folder. corpus (Path): development corpus in any
        format. output (Path): folder for the pipeline that has calibrated probabilities; it predicts what it did.
    tagger (str): the crf_tagger, if there are several.
    training (Path): the corpus that it was trained on, in any format. What is new, because this does not have it with
        its type, is then calibrated apart, unless others' log score is no better for it. Tags of tokens never are.
    precision (float): also drop predictions that are too improbable: those of a type below the probability from which
        on this share of them is right ("*": of all types, for those with few predictions). Without it, thresholds that
        were set before stay as they are.
    plot (Path): reliability diagram and risk-coverage curve, as PNG, SVG or PDF.
    force (bool): replace an earlier result.
    RAISES (ValueError): S044, S188 or S189 for the tagger, S040 to S043 for missing or wrong input, S066
        for a tagger that stands for another component, S206 for a precision that is none, S296 or S309 if nothing was
        predicted in texts with gold labels, or in one text only, S317 for a training corpus without annotation.

    >>> report = spacy_seginf.calibrate("pipeline", Path("more.spacy"), Path("calibrated"))
    >>> sorted(report.scores["after"])
    ['aurc', 'brier', 'calibration_error', 'log_score']
    >>> 0 < spacy.load("calibrated")("Ada Lind slept .").ents[0]._.probability < 1
    True
    """
    msg = Messages(silent=silent)
    output = Path(output)
    check_paths({"corpus": Path(corpus), "training corpus": training}, outputs={"picture": plot})
    check_output(output, force, pipeline, Path(corpus), None)
    if precision is not None and not 0 < precision < 1:
        raise SeginfError(Errors.S206.format(setting="--precision", value=precision, known="numbers between 0 and 1"))
    if plot is not None:
        check_picture(plot)
    use_gpu(gpu_id)
    nlp = load_pipeline(pipeline)
    component = choose_tagger(nlp, pipeline, tagger)
    if component.explains is not None:
        raise SeginfError(Errors.S066.format(name=component.name, component=component.explains))
    found = predict_texts(nlp, component, Path(corpus))
    if not len(found.labels):
        raise SeginfError(Errors.S296.format(path=corpus, what=component.target.what, name=component.name))
    if len(set(found.documents.tolist())) < 2:
        raise SeginfError(Errors.S309.format(path=corpus, name=component.name))
    every = numpy.ones(len(found.lengths), dtype=bool)
    before, splits = found.probabilities(every), list(_splits(found))
    known: Known = {}
    after = _across(found, splits, known)
    if training is not None and found.scheme.by_token:
        msg.info(f"{training} is not read: tags of tokens are all calibrated alike")
    elif training is not None:
        told = annotated_forms(nlp, Path(training), component.target)
        if not told:
            raise SeginfError(Errors.S317.format(path=training, what=component.target.what, name=component.name))
        apart = _across(found, splits, told)
        if log_score(apart, found.right) < log_score(after, found.right):
            after, known = apart, told
        else:
            msg.info(f"What {training} does not have is calibrated like all else: the log score is no better apart")
    fitted = _fit(found, every, fit_temperature(*found.lattice(every)), known)
    scores = {"before": _scores(before, found.right), "after": _scores(after, found.right)}
    thresholds = _thresholds(found, after, precision) if precision is not None else {}
    kept = None
    if precision is not None:
        stay = numpy.array(
            [after[n] >= thresholds.get(label, thresholds[OTHERS]) for n, label in enumerate(found.labels)]
        )
        kept = float((stay & found.right).sum() / max(found.right.sum(), 1))
    component.calibrate(fitted)
    if precision is not None:  # else those that were set by hand stay
        nlp.get_pipe_config(component.name)["min_probability"] = thresholds
    save_pipeline(nlp, output)
    report = CalibrationReport(fitted, scores, len(found.labels), thresholds, kept)
    if plot is not None:
        plot_reliability({"before": before, "after": after}, found.right, plot)
        msg.good(f"Picture written: {plot}")
    if not silent:
        typer.echo("\n".join(report_lines(report, precision)))
        msg.good(f"Pipeline written: {output}")
        indexed = any(isinstance(part, Influence) and part.index is not None for _, part in nlp.pipeline)
        msg.next(*(("explain", output, "TEXT") if indexed else ("index", output, "CORPUS", "INDEXED")))
    return report


def report_lines(report: CalibrationReport, precision: Optional[float] = None) -> list[str]:
    """Say what a calibration comes to."""
    rows = [(name, *(f"{value:.4f}" for value in one.values())) for name, one in report.scores.items()]
    said = table(rows, header=HEADER, divider=True, aligns=("l", "r", "r", "r", "r")).split("\n")
    said.append(
        f"Of {report.entities:,} predictions; lower is better. After: each text by what others say. Temperature "
        f"{report.found.temperature:.2f}."
    )
    if report.found.known:
        said.append(f"Log-odds of what the training corpus does not have: {report.found.lines[ALL][2]:+.2f}.")
    if precision is not None:
        named = ", ".join(f"{visible(label)} {value:.2f}" for label, value in sorted(report.thresholds.items()))
        said.append(
            f"Dropped below, for a precision of {precision:g}: {named}. Right ones that stay: {report.kept:.1%}."
        )
    return said


def _splits(found: Predicted) -> Iterator[Split]:
    """Leave out a part of the documents after the other."""
    folds = numpy.arange(len(found.lengths)) % FOLDS
    for fold in range(FOLDS):
        own = folds == fold
        if own.any() and not own.all():
            yield own, fit_temperature(*found.lattice(~own))


def _fit(found: Predicted, chosen: numpy.ndarray, temperature: float, known: Known) -> Calibration:
    """Fit a calibration to some documents (bool, documents), which have this temperature."""
    if found.scheme.by_token:  # probabilities of all tags stay one distribution
        return Calibration(temperature)
    rows = numpy.flatnonzero(chosen[found.documents]).tolist()
    labels, without_lines = [found.labels[row] for row in rows], Calibration(known=known)
    new = numpy.array([without_lines.is_new(found.labels[row], found.forms[row]) for row in rows])
    lines = fit_lines(labels, found.probabilities(chosen, temperature), found.right[rows], new)
    return Calibration(temperature, lines, known)


def _across(found: Predicted, splits: Sequence[Split], known: Known) -> numpy.ndarray:
    """Return the probabilities of all predictions by calibrations of other documents."""
    result = numpy.zeros(len(found.labels))
    for own, temperature in splits:
        fitted, rows = _fit(found, ~own, temperature, known), numpy.flatnonzero(own[found.documents]).tolist()
        plain = found.probabilities(own, temperature).tolist()
        result[rows] = [fitted.of(found.labels[row], p, found.forms[row]) for row, p in zip(rows, plain)]
    return result


def _scores(probabilities: numpy.ndarray, right: numpy.ndarray) -> dict[str, float]:
    return {
        "brier": brier(probabilities, right),
        "log_score": log_score(probabilities, right),
        "calibration_error": calibration_error(probabilities, right),
        "aurc": float(risk_coverage(probabilities, right).mean()),
    }


def _thresholds(found: Predicted, probabilities: numpy.ndarray, precision: float) -> dict[str, float]:
    kinds = numpy.array(found.labels)
    thresholds = {OTHERS: least_probability(probabilities, found.right, precision)}
    for label in sorted(set(found.labels)):
        own = kinds == label
        if own.sum() >= ENOUGH:
            thresholds[label] = least_probability(probabilities[own], found.right[own], precision)
    return thresholds

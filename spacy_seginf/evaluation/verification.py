"""Are predicted effects real? The head is refit without the references of a text, or with their labels changed.

All of this speaks of the head on frozen features, at its optimum. The encoder has seen the labels too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Optional

import numpy
from spacy.tokens import Doc

from ..influence.choose import fit_to_optimum
from ..influence.curvature import ExactCurvature
from ..influence.effects import Change, HeadEffects
from ..influence.explainer import Explainer
from ..influence.fit import positive_hessian
from ..influence.relabelling import alternatives
from ..influence.removal import LEVERAGE_LIMIT
from ..pipeline.influence import Influence
from .agreement import Agreement, agreement

REFINEMENTS = 5


@dataclass(frozen=True)
class Pair:
    """A prediction and one of its references, or (reference None) all of them together.

    text, label: the prediction. change: "removed", or the label that the reference gets instead. score: what the search
    ranks by. predicted, actual: changes of the prediction's loss (nats); positive supports, negative opposes. summed:
    for all together, the plain sum of the single effects. converged: whether the refit did. clipped: whether the
    removal objective may have several optima.
    """

    text: str
    label: str
    reference: Optional[dict[str, Any]]
    change: str
    score: float
    predicted: float
    actual: float
    summed: float = float("nan")
    converged: bool = True
    clipped: bool = False


@dataclass
class VerifyReport:
    """All pairs, none left out, and how well predictions agree with refits."""

    pairs: list[Pair] = field(default_factory=list)
    refits: int = 0
    l2: float = 0.0

    def singles(self) -> list[Pair]:
        """Pairs of a prediction and one reference."""
        return [pair for pair in self.pairs if pair.reference is not None]

    @property
    def predicted(self) -> Agreement:
        """Agreement of predicted and actual effects of single references."""
        pairs = self.singles()
        return agreement(numpy.array([p.predicted for p in pairs]), numpy.array([p.actual for p in pairs]))

    @property
    def scores(self) -> Agreement:
        """Agreement of the search's scores and actual effects."""
        pairs = self.singles()
        return agreement(numpy.array([p.score for p in pairs]), numpy.array([p.actual for p in pairs]))


def verify(
    influence: Influence,
    doc: Doc,
    *,
    top: int = 2,
    l2: float = 10.0,
    relabel: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
) -> VerifyReport:
    """Refit the head for the references of every prediction of a document, and compare with what was predicted.

    influence (Influence): a component with an index, which need not be exact.
    doc (Doc): a document that the pipeline has tagged.
    top (int): references on each side of each entity.
    l2 (float): penalty of the refits if the index has identity curvature or the trained head; else the index's own.
    relabel (bool): also change the label of every reference to the one that would change the prediction most.
    progress (Callable): wraps the iterator over refits, like tqdm.
    RAISES (ValueError): S020 to S026 if there is no usable index, S050 or S051 for an unusable l2.
    """
    explainer = influence.explainer()
    data, tags, _ = influence.query(doc, doc)
    plan = influence.plan(doc)
    report = VerifyReport()
    if not plan:
        return report
    segments = numpy.array([(0, start, end) for start, end, _ in plan])
    unit = influence.used_unit
    table = explainer.table(unit)
    explained = explainer.explain(data, tags, segments, unit, top)
    effects = _at_optimum(explainer, l2)
    report.l2 = effects.l2
    watched = effects.watch(data, tags, segments)
    base = watched.losses(effects.nothing)[0]
    found = [[*entry.supporting, *entry.opposing] for entry in explained]
    rows = sorted({f.row for entry in found for f in entry})

    def outcome(change: Change) -> tuple[numpy.ndarray, numpy.ndarray, bool]:
        step = effects.refine(change, effects.predict(change), REFINEMENTS)
        real, fit = effects.refit(change, step)
        report.refits += 1
        return watched.losses(step)[0] - base, watched.losses(real)[0] - base, fit.converged

    def work() -> Iterator[tuple[Any, Change]]:
        for row in rows:
            yield ("removed", row), effects.without([table.segment(row)])
        for number, entry in enumerate(found):
            if len(entry) > 1:
                yield ("together", number), effects.without([table.segment(f.row) for f in entry])
        if relabel:
            for row in rows:
                name, labels = _other_label(influence, effects, table.segment(row))
                yield ("relabelled", row, name), effects.relabelled(table.segment(row), labels)

    outcomes = {key: outcome(change) for key, change in progress(list(work()))}
    exact = effects is explainer.effects
    for number, ((start, end, label), entry) in enumerate(zip(plan, found)):
        text = doc[start:end].text
        for reference in entry:
            for key, (predicted, actual, converged) in outcomes.items():
                if key[0] == "together" or key[1] != reference.row:
                    continue
                shown = reference.effect if exact and key[0] == "removed" else float(predicted[number])
                change = "removed" if key[0] == "removed" else key[2]
                clipped = key[0] == "removed" and bool(table.leverage[reference.row] > LEVERAGE_LIMIT)
                described = table.reference(reference.row, influence.context)
                pair = (text, label, described, change, reference.score, shown, float(actual[number]))
                report.pairs.append(Pair(*pair, converged=converged, clipped=clipped))
        if ("together", number) in outcomes:
            predicted, actual, converged = outcomes["together", number]
            summed = sum(reference.effect for reference in entry) if exact else float("nan")
            together = (text, label, None, "removed", float("nan"), float(predicted[number]), float(actual[number]))
            report.pairs.append(Pair(*together, summed=summed, converged=converged))
    return report


def _at_optimum(explainer: Explainer, l2: float) -> HeadEffects:
    """Return the effects of the index, or those of a head that is fitted here if the index has none to predict from."""
    manifest = explainer.index.manifest
    if explainer.exact and manifest.refit:
        return explainer.effects
    data = explainer.index.data
    penalty = manifest.l2 or l2
    fit = fit_to_optimum(data, explainer.index.theta, penalty)
    matrix, _ = positive_hessian(data, fit.theta, penalty)
    metric = ExactCurvature.from_hessian(matrix, data.labels, data.width)
    return HeadEffects(data, fit.theta, penalty, metric)


def _other_label(
    influence: Influence, effects: HeadEffects, segment: tuple[int, int, int]
) -> tuple[str, numpy.ndarray]:
    """Return the label that the head finds most probable for a training segment, other than its own."""
    chains = effects.chains([segment])
    old = chains.observed.argmax(axis=1)
    scheme = influence.find_tagger().scheme
    options = [
        (name, numpy.array(labels))
        for name, labels in alternatives(scheme, influence.used_unit, len(old))
        if labels != old.tolist()
    ]
    unary = chains.chain.unary
    return max(options, key=lambda option: float(numpy.log(unary[numpy.arange(len(old)), option[1]] + 1e-300).sum()))

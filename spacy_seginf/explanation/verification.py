"""Are predicted effects real? The head is refit without the references of a text, or with their labels changed.

All of this speaks of the head on frozen features, at its optimum. The encoder has seen the labels too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Optional

import numpy
from spacy.tokens import Doc

from ..influence.choose import optimum
from ..influence.effects import Change, HeadEffects
from ..influence.penalty import Penalty
from ..influence.relabelling import alternatives
from ..influence.removal import LEVERAGE_FLAG
from ..influence.segments import SegmentChains
from .agreement import Agreement, agreement
from .explainer import Explainer
from .influence import Influence

REFINEMENTS = 5
SAME_OPTIMUM = 1e-4  # of the step: refits that are further apart than this are different optima


@dataclass(frozen=True)
class Pair:
    """A prediction and one of its references, or (reference None) all of them together.

    text, label: the prediction. change: "removed", or the label that the reference gets instead. score: what the search
    ranks by. predicted, refined, actual: changes of the prediction's loss (nats), by one step, after further steps on
    the true objective, and by a refit that begins at the present optimum; positive supports, negative opposes. summed:
    for all together, the plain sum of the single predictions. converged: whether the refit did. elsewhere: whether a
    refit that begins at the prediction ends at another optimum.
    """

    text: str
    label: str
    reference: Optional[dict[str, Any]]
    change: str
    score: float
    predicted: float
    refined: float
    actual: float
    summed: float = float("nan")
    converged: bool = True
    elsewhere: bool = False


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
        return _agreement(self.singles(), "predicted")

    @property
    def refined(self) -> Agreement:
        """Agreement of refined and actual effects of single references."""
        return _agreement(self.singles(), "refined")

    @property
    def scores(self) -> Agreement:
        """Agreement of the search's scores, which are of removal, and the actual effects of removing references."""
        return _agreement([pair for pair in self.singles() if pair.change == "removed"], "score")


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
    l2 (float): penalty of the refits if the index has none, as with identity curvature and the trained head.
    relabel (bool): also change the label of every reference to the other one that the head finds most probable there.
    progress (Callable): wraps the iterator over refits, like tqdm.
    RAISES (ValueError): S020 to S026 if there is no usable index, S050 or S051 for an unusable l2.
    """
    explainer = influence.explainer()
    data, tags, _ = influence.query(doc, doc)
    predictions = influence.predictions(tags)
    report = VerifyReport()
    if not predictions:
        return report
    segments = numpy.array([(0, start, end) for start, end, _ in predictions])
    unit = influence.used_unit
    table = explainer.table(unit)
    found = [[*entry.supporting, *entry.opposing] for entry in explainer.explain(data, tags, segments, unit, top)]
    rows = sorted({f.row for entry in found for f in entry})
    effects = _at_optimum(explainer, l2)
    report.l2 = effects.penalty.l2
    watched = effects.watch(data, tags, segments)
    trial = _Trial(effects, watched)
    removed = {row: effects.without([table.segment(row)]) for row in rows}
    together = {
        number: effects.without([table.segment(f.row) for f in entry])
        for number, entry in enumerate(found)
        if len(entry) > 1
    }
    other = {row: _other_label(influence, effects, table.segment(row)) for row in rows} if relabel else {}
    work = [("removed", row, change) for row, change in removed.items()]
    work += [("together", number, change) for number, change in together.items()]
    work += [("to", row, effects.relabelled(table.segment(row), labels)) for row, (_, labels) in other.items()]
    outcomes = {(kind, number): trial.run(change) for kind, number, change in progress(work)}
    report.refits = trial.refits
    for number, ((start, end, label), entry) in enumerate(zip(predictions, found)):
        prediction = doc[start:end].text, label
        for reference in entry:
            described = table.reference(reference.row, influence.context)
            pair = outcomes["removed", reference.row].pair(number)
            report.pairs.append(Pair(*prediction, described, "removed", reference.score, **pair))
            if relabel:
                pair = outcomes["to", reference.row].pair(number)
                report.pairs.append(Pair(*prediction, described, other[reference.row][0], reference.score, **pair))
        if number in together:
            nan = float("nan")
            summed = sum(float(outcomes["removed", f.row].predicted[number]) for f in entry)
            pair = outcomes["together", number].pair(number)
            report.pairs.append(Pair(*prediction, None, "removed", nan, **pair, summed=summed))
    return report


def other_optimum(step: numpy.ndarray, real: numpy.ndarray) -> bool:
    """Does a refit end at another optimum? step, real (floats, the same shape): how two refits changed theta."""
    return bool(numpy.abs(step - real).max() > SAME_OPTIMUM * max(float(numpy.abs(real).max()), 1e-300))


def _agreement(pairs: list[Pair], measure: str) -> Agreement:
    return agreement(numpy.array([getattr(p, measure) for p in pairs]), numpy.array([p.actual for p in pairs]))


@dataclass(frozen=True)
class _Outcome:
    """Changes of all watched losses under one change of labels."""

    predicted: numpy.ndarray
    refined: numpy.ndarray
    actual: numpy.ndarray
    converged: bool
    elsewhere: bool

    def pair(self, number: int) -> dict[str, Any]:
        return {
            "predicted": float(self.predicted[number]),
            "refined": float(self.refined[number]),
            "actual": float(self.actual[number]),
            "converged": self.converged,
            "elsewhere": self.elsewhere,
        }


class _Trial:
    """Predicts changes, and really refits."""

    def __init__(self, effects: HeadEffects, watched: SegmentChains) -> None:
        self._effects, self._watched = effects, watched
        self._base = watched.losses(effects.nothing)[0]
        self.refits = 0

    def run(self, change: Change) -> _Outcome:
        effects = self._effects
        step = effects.predict(change)
        refined = effects.refine(change, step, REFINEMENTS)
        real, fit = effects.refit(change)
        self.refits += 1
        elsewhere = False
        doubtful = change.labels is None and len(change.chains) == 1 and effects.leverage(change) > LEVERAGE_FLAG
        if doubtful or len(change.chains) > 1:  # removing labels need not leave a convex problem
            other, _ = effects.refit(change, refined)
            self.refits += 1
            elsewhere = other_optimum(other, real)
        return _Outcome(self._changes(step), self._changes(refined), self._changes(real), fit.converged, elsewhere)

    def _changes(self, step: numpy.ndarray) -> numpy.ndarray:
        return self._watched.losses(step)[0] - self._base


def _at_optimum(explainer: Explainer, l2: float) -> HeadEffects:
    """Return the effects of the index, or those of a head that is fitted here if the index has none to predict from."""
    manifest = explainer.index.manifest
    if explainer.exact and manifest.refit and not manifest.held_documents:
        return explainer.effects
    data = explainer.index.data
    penalty = explainer.index.penalty if manifest.l2 else Penalty(l2)
    head, metric = optimum(data, explainer.index.head, penalty)
    return HeadEffects(data, head, penalty, metric)


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

"""The head refit without single training segments, beside what every way of predicting says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Mapping, Optional, Sequence

import numpy

from spacy_seginf.errors import SeginfError
from spacy_seginf.explanation.verification import REFINEMENTS, other_optimum
from spacy_seginf.influence.curvature import ExactCurvature, Metric
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import TIGHT, HeadEffects, complete_labels
from spacy_seginf.influence.fit import fit_head, hessian
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.leverage_bounds import segment_leverage_bounds
from spacy_seginf.influence.removal import LEVERAGE_FLAG
from spacy_seginf.influence.segments import SegmentChains

from ...errors import LabErrors

LOUD = 1e-4  # a segment with smaller residuals is no candidate for the top references, if its leverage is small too


@dataclass(frozen=True)
class Outcome:
    """Changes of watched losses (nats) when labels are taken away or changed; positive: these labels support.

    changes (dict of float64, watched): by name of a prediction, and "actual". leverage (float). converged: whether the
    refit did. elsewhere: whether another beginning ends at another optimum; only looked at where leverage is flagged.
    """

    changes: dict[str, numpy.ndarray]
    leverage: float = 0.0
    converged: bool = True
    elsewhere: bool = False


class Removals:
    """Effects of training segments on watched ones: predicted in every way, and by refitting.

    effects (HeadEffects): at an optimum. watched (SegmentChains): segments of other texts.
    others (mapping of str to Metric): further curvatures, by the name of their predictions.
    """

    def __init__(self, effects: HeadEffects, watched: SegmentChains, others: Mapping[str, Metric]) -> None:
        self.effects, self.watched = effects, watched
        self._base = watched.losses(effects.nothing)
        gradients = watched.gradients()
        self._curved = {
            "uncorrected": effects.metric.apply(gradients),
            **{name: metric.apply(gradients) for name, metric in others.items()},
        }

    def changes(self, step: numpy.ndarray) -> numpy.ndarray:
        """Return the change of every watched loss after a step of theta (float64, watched)."""
        return (self.watched.losses(step) - self._base)[0]

    def removal(self, segment: Any, *, real: bool = True) -> Outcome:
        """Predict the removal of a segment (or of several together): "uncorrected" and the other curvatures to first
        order, "corrected" by one step. real: also "refined", what is "shown", and "actual", by a refit."""
        effects = self.effects
        change = effects.without(numpy.asarray(segment).reshape(-1, 3))
        plain = change.chains.gradients().sum(axis=0)
        step = effects.predict(change)
        found = {name: curved @ plain for name, curved in self._curved.items()}
        found["corrected"] = self.changes(step)
        leverage = float(effects.corrections(change.chains.segments)[0].leverage.max())
        if not real:
            return Outcome(found, leverage)
        refined = effects.refine(change, step, REFINEMENTS)
        refit, fit = effects.refit(change, refined)
        flagged, elsewhere = leverage > LEVERAGE_FLAG, False
        if flagged:  # the objective without these labels need not be convex
            other, _ = effects.refit(change)
            elsewhere = other_optimum(other, refit)
        found["refined"], found["actual"] = self.changes(refined), self.changes(refit)
        found["shown"] = found["refined" if flagged else "corrected"]
        return Outcome(found, leverage, fit.converged, elsewhere)


class Candidates:
    """Training segments with their corrected gradients written out, to rank them for many queries."""

    def __init__(self, effects: HeadEffects, segments: numpy.ndarray) -> None:
        self.segments = segments
        self._effects = effects
        self._gradients = numpy.concatenate([part.factors.gradients() for part in effects.corrections(segments)])

    @classmethod
    def loud(cls, effects: HeadEffects) -> Candidates:
        """Take the training tokens that the head does not get right with certainty, or that may hold it there."""
        everything = token_segments(effects.data, numpy.arange(len(effects.labels)))
        factors = effects.chains(everything).factors()
        residuals = numpy.abs(factors.residuals).max(axis=1)
        leverage = segment_leverage_bounds(factors, effects.largest_gain)
        return cls(effects, everything[(residuals > LOUD) | (leverage > LEVERAGE_FLAG)])

    def best(self, watched: SegmentChains, top: int) -> numpy.ndarray:
        """Return the numbers of the candidates with the largest corrected scores of either sign (watched x top)."""
        scores = self._effects.metric.apply(watched.gradients()) @ self._gradients.T
        return numpy.argsort(-numpy.abs(scores), axis=1, kind="stable")[:, :top]


def fitted_effects(train: HeadData, l2: float) -> HeadEffects:
    """Fit a head and decompose its exact curvature.

    RAISES (ValueError): S050 if l2 is not positive, S135 if the fit does not converge.
    """
    fit = fit_head(train, Head.zeros(train), l2, TIGHT)
    if not fit.converged:
        raise SeginfError(LabErrors.S135.format(gradient=fit.gradient, l2=l2))
    metric = ExactCurvature.from_hessian(hessian(train, fit.head, l2), train.labels, train.width)
    return HeadEffects(train, fit.head, l2, metric)


def decode(data: HeadData, head: Head) -> numpy.ndarray:
    """Return the most probable labels of sentences (int64, tokens), whatever is annotated."""
    return complete_labels(replace(data, allowed=numpy.ones_like(data.allowed)), head)


def token_segments(data: HeadData, rows: numpy.ndarray) -> numpy.ndarray:
    """Turn rows into segments of one token."""
    documents = numpy.repeat(numpy.arange(len(data.lengths)), data.lengths)[rows]
    offsets = rows - data.starts[documents]
    return numpy.stack([documents, offsets, offsets + 1], axis=1)


def stacked(outcomes: Sequence[Outcome], places: Optional[numpy.ndarray] = None) -> dict[str, numpy.ndarray]:
    """Put the changes of outcomes together (float64, outcomes x watched).

    places (ints, watched x top): which outcomes are each watched segment's own; then only these (watched x top).
    """
    found = {name: numpy.stack([outcome.changes[name] for outcome in outcomes]) for name in outcomes[0].changes}
    if places is None:
        return found
    own = numpy.arange(len(places))[:, None]
    return {name: values[places, own] for name, values in found.items()}

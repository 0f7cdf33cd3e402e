"""What a prediction becomes without several training labels together, or with all of them relabelled.

Sums of single effects are wrong where labels stand for each other: each of a hundred like labels can be spared, all
together can't. So they are taken away together: a block step, then Newton steps on the true objective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from ..influence.effects import Change, HeadEffects
from ..influence.fit import TOLERANCE
from .question import Question

STEPS = 10  # of Newton's method; each reads all documents. Removals take 2 or 3, relabelling hundreds of labels all
ACCURACY = 1e-4  # nats of the reading's loss that what is left may be worth
NEAR = 1e-6  # of the optimum, per parameter, in a refit


@dataclass(frozen=True)
class JointEffect:
    """What a reading of some tokens becomes when training labels are changed together.

    labels (int): how many segments were changed.
    before, after (float): p of the reading, given the predicted labels around it. effect (float): change of its loss
        -log p, in nats: positive, the labels support the reading; negative, they oppose it.
    becomes (str): what decoding the whole text again finds at the tokens; the reading itself if it stays. holds (bool):
        whether it does.
    step (float64, 1 x P): how the head changes.
    verified (bool): whether the head was refit, not only predicted.
    """

    labels: int
    before: float
    after: float
    effect: float
    becomes: str
    holds: bool
    step: numpy.ndarray
    verified: bool = False


def joint_effect(question: Question, change: Change, *, steps: int = STEPS) -> JointEffect:
    """Predict what a change of labels, all together, makes of a reading.

    steps (int): of Newton's method on the true objective, at most; fewer where the rest can't matter. The first is the
        block step of the whole set, which reads only its documents.
    """
    effects = question.effects
    gradient = question.watched.factors().gradients()[0]
    norm = _norm(effects, gradient)
    head = effects.still()
    for _ in range(steps):
        head = effects.moved(head, change)
        if norm * _norm(effects, head.gradient) <= ACCURACY:  # |g . d| <= |g|_(H^-1) |d|_H, and d is about H^-1 grad J
            break
    return outcome(question, change, head.step)


def verified_effect(question: Question, change: Change) -> JointEffect:
    """Find out what a change of labels makes of a reading by refitting the head from where it is; ``verified`` says
    whether that converged."""
    step, fit = question.effects.refit(change, tolerance=tolerance_of(question.effects))
    return outcome(question, change, step, verified=fit.converged)


def tolerance_of(effects: HeadEffects) -> float:
    """Return how much of the gradient a refit may leave: as H is at least l2, the head is then at most NEAR per
    parameter away from its optimum."""
    return max(TOLERANCE, NEAR * effects.penalty.l2)


def outcome(question: Question, change: Change, step: numpy.ndarray, *, verified: bool = False) -> JointEffect:
    """Describe what a step of the head (float64, 1 x P), which a change of labels asks for, makes of a reading."""
    nothing, tags = question.effects.nothing, question.decoded(step)
    return JointEffect(
        len(change.chains),
        question.probability(nothing),
        question.probability(step),
        question.loss(step) - question.loss(nothing),
        question.becomes(tags),
        question.holds(tags),
        step,
        verified,
    )


def _norm(effects: HeadEffects, gradient: numpy.ndarray) -> float:
    """Return the norm of a gradient (float64, P) in the metric of H^-1."""
    return float(numpy.sqrt(max(float(effects.metric.apply(gradient[None])[0] @ gradient), 0.0)))

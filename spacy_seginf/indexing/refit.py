"""The head that explains a tagger: at the optimum of its loss on frozen features, where predictions of removal hold,
and close enough to the trained head to predict what that one does. The trained head stays in the pipeline."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Callable, Optional

import numpy

from ..crf.lattice import Limits
from ..crf.schemes import TagScheme
from ..errors import Warnings
from ..influence.choose import (
    FALLBACK,
    L2Choice,
    PullChoice,
    choose_following,
    choose_l2,
    choose_pull,
    fit_to_optimum,
    held_out_documents,
    hold_out,
    subset,
)
from ..influence.data import HeadData
from ..influence.fit import TOLERANCE, Fit, checked, loss_and_gradient
from ..influence.head import Head
from ..influence.penalty import Penalty
from ..progress import PENALTY, advance
from ..settings import TRAINED, ZERO
from .fidelity import Fidelity, compare, decode

Say = Callable[[str], None]
KEPT = 0.975  # of the predictions on development texts, with some confidence: other texts differ from them
KEPT_IN_TRAINING = 0.995  # on texts whose labels both heads have seen


@dataclass(frozen=True)
class Judged:
    """Documents, the tags that the pipeline predicts for them (ints, tokens), and what they demand of tags."""

    data: HeadData
    predicted: numpy.ndarray
    limits: Optional[Limits] = None

    def compared(self, scheme: TagScheme, head: Head) -> Fidelity:
        """Compare the pipeline with a head."""
        return compare(scheme, self.data, self.predicted, decode(scheme, self.data, head, self.limits))


@dataclass(frozen=True)
class RefitReport:
    """A head that explains: the l2 of its penalty, what was tried by l2 (shares of the pipeline's predictions that are
    kept, or losses in nats per held-out token where the centre is zero), the largest component of the gradient of J,
    and how far it predicts what the pipeline does, by corpus."""

    l2: float
    tried: dict[float, float]
    gradient: float
    converged: bool
    corpora: dict[str, Fidelity] = field(default_factory=dict)


@dataclass(frozen=True)
class Refit:
    """A head at the optimum of J, and the penalty of J."""

    head: Head
    penalty: Penalty
    report: RefitReport


def explained_head(
    scheme: TagScheme,
    train: Judged,
    dev: Optional[Judged],
    trained: Head,
    *,
    l2: Optional[float] = None,
    centre: str = TRAINED,
    refit: bool = True,
    say: Say = lambda _: None,
) -> Refit:
    """Fit the head that explains a trained one.

    train (Judged): the training documents. dev (Judged): others, whose predictions (for the centre zero: labels) choose
        l2; without them the training documents do.
    trained (Head): the pipeline's own.
    l2 (float, optional): instead of choosing it.
    centre (str): "trained" pulls the head towards the trained one, as weakly as it still predicts the same; "zero" asks
        for small weights.
    refit (bool): False leaves the head as it was trained, and only gives l2. say (Callable): is told how it goes on.
    RAISES (ValueError): S050 if l2 is not positive.
    """
    if l2 is not None:
        checked(l2)
    data = train.data
    if not refit:
        choice = choose_penalty(data, None if dev is None else dev.data, say) if l2 is None else None
        penalty = Penalty(l2 or (choice.l2 if choice is not None else FALLBACK))
        gradient = float(numpy.abs(loss_and_gradient(data, trained, penalty)[1]).max())
        tried = choice.losses if choice is not None else {}
        return Refit(trained, penalty, RefitReport(penalty.l2, tried, gradient, False))
    if centre == ZERO:
        fit, penalty, tried = label_head(data, None if dev is None else dev.data, l2, say)
    else:
        pull = choose(scheme, train, dev, trained, say) if l2 is None else None
        penalty = Penalty(l2 if pull is None else pull.l2, trained)  # type: ignore[arg-type]
        start, tried = (trained, {}) if pull is None else (pull.fits[pull.l2].head, pull.shares)
        fit = fit_to_optimum(data, start, penalty, near=pull is not None)
    if not fit.converged:
        warnings.warn(Warnings.W005.format(gradient=fit.gradient, tolerance=TOLERANCE), stacklevel=2)
    corpora = {"training": train.compared(scheme, fit.head)}
    if dev is not None:
        corpora["development"] = dev.compared(scheme, fit.head)
    return Refit(fit.head, penalty, RefitReport(penalty.l2, tried, fit.gradient, fit.converged, corpora))


def choose(
    scheme: TagScheme, train: Judged, dev: Optional[Judged], trained: Head, say: Say = lambda _: None
) -> PullChoice:
    """Choose the pull towards the trained head by what is kept of its predictions: on development texts, or on the
    training texts, where more must be. No labels are asked.

    A share of few predictions may be luck, so it counts with the lower end of its interval. The trained head itself
    keeps all, unless it stands for another component: what it keeps is the measure.
    """
    judge, least = (train, KEPT_IN_TRAINING) if dev is None else (dev, KEPT)
    whole = judge.compared(scheme, trained)

    def kept(head: Head) -> float:
        return judge.compared(scheme, head).share

    def enough(share: float) -> bool:
        return _surely(share, whole.predicted) >= least * _surely(whole.share, whole.predicted)

    return choose_pull(
        train.data,
        trained,
        kept,
        enough,
        tried=_told(say, "of the pipeline's predictions are also those of the head that explains"),
    )


def _surely(share: float, count: int) -> float:
    """Return what a share of some predictions is at least, with a confidence of 95 % (Wilson's interval)."""
    from scipy.stats import binomtest

    if not count:
        return share
    return float(binomtest(round(share * count), count).proportion_ci(0.9, "wilson").low)


def label_head(
    data: HeadData, dev: Optional[HeadData], l2: Optional[float] = None, say: Say = lambda _: None
) -> tuple[Fit, Penalty, dict]:
    """Fit the head that labels make without a trained one: the penalty's centre is zero.

    dev (HeadData): whose labels choose l2 if it is None, by their likelihood; without them, a tenth of the documents
        does, with a strength that tends to be too small, as the encoder has seen their labels.
    RETURNS: the fit, its penalty, and the losses (nats per held-out token) by l2.
    """
    choice = choose_penalty(data, dev, say) if l2 is None else None
    start = Head.zeros(data)
    if choice is not None:
        l2, start = choice.l2, choice.fits[choice.l2].head
    penalty = Penalty(FALLBACK if l2 is None else l2)
    fit = fit_to_optimum(data, start, penalty, near=choice is not None)
    return fit, penalty, choice.losses if choice is not None else {}


def following_head(
    scheme: TagScheme, train: Judged, dev: Optional[Judged], l2: Optional[float] = None, say: Say = lambda _: None
) -> tuple[Fit, Penalty, dict]:
    """Fit the head that labels make without a trained one, with the penalty whose head comes closest to what the
    pipeline predicts: what it accounts for should be what people see.

    train (Judged): what it is fitted to. dev (Judged): whose predictions choose l2 if it is None; without them, those
        for a tenth of the training documents do.
    RETURNS: the fit, its penalty, and the agreement by l2: predictions that both make, of those that either makes.
    """
    data = train.data
    if l2 is None and (dev is not None or len(data.lengths) > 1):
        fitted, judge = (data, dev) if dev is not None else _split(train)

        def agreement(head: Head) -> float:
            return judge.compared(scheme, head).overlap

        choice = choose_following(
            fitted,
            agreement,
            tried=_told(say, "of what the pipeline or the head of labels alone predicts is predicted by both"),
        )
        penalty, start = Penalty(choice.l2), choice.fits[choice.l2].head
        return fit_to_optimum(data, start, penalty, near=True), penalty, choice.shares
    penalty = Penalty(FALLBACK if l2 is None else l2)
    return fit_to_optimum(data, Head.zeros(data), penalty), penalty, {}


def _split(train: Judged) -> tuple[HeadData, Judged]:
    """Hold a tenth of the training documents out, to be judged by."""
    kept, held = held_out_documents(len(train.data.lengths))
    limits = None if train.limits is None else train.limits.of_documents(held, train.data.rows(held))
    judge = Judged(subset(train.data, held), train.predicted[train.data.rows(held)], limits)
    return subset(train.data, kept), judge


def choose_penalty(data: HeadData, dev: Optional[HeadData], say: Say = lambda _: None) -> Optional[L2Choice]:
    """Choose a strength by likelihood on a development corpus, else on a tenth of the documents; None if there is just
    one."""
    if dev is None and len(data.lengths) < 2:
        return None
    halves = hold_out(data) if dev is None else (data, dev)
    return choose_l2(*halves, Head.zeros(data), tried=_told(say, "nats per held-out token"))


def _told(say: Say, what: str) -> Callable[[float, float], None]:
    def tell(l2: float, value: float) -> None:
        say(f"Penalty {l2:g}: {value:.4f} {what}")
        advance(1, PENALTY)

    return tell

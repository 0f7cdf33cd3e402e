"""Moving a trained head to the optimum of its loss on frozen features, where predictions of removal hold."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Optional, Sequence

import numpy
from spacy.language import Language
from spacy.scorer import Scorer, get_ner_prf
from spacy.training import Example
from spacy.util import minibatch

from ..crf import viterbi
from ..errors import Errors, Warnings
from ..influence.choose import FALLBACK, L2Choice, choose_l2, fit_to_optimum, hold_out
from ..influence.fit import TOLERANCE, Fit, HeadData, loss_and_gradient, unpack
from ..influence.gradients import Head, on_cpu
from ..models import set_head_parameters
from ..schemes import TAG
from .corpus import TrainingText
from .crf_tagger import CRFTagger
from .encoding import encode

BATCH_DOCUMENTS = 64


@dataclass(frozen=True)
class Moved:
    """A corpus under the trained head and under the refit one: share of tokens whose prediction changed, and the
    score (entity F1, or tag accuracy) before and after."""

    tokens: int
    changed: float
    before: float
    after: float


@dataclass(frozen=True)
class RefitReport:
    """A refit head: its penalty, the losses (nats per token) of all that were tried, the largest component of the
    gradient of J, and what it changed."""

    l2: float
    losses: dict[float, float]
    gradient: float
    converged: bool
    corpora: dict[str, Moved] = field(default_factory=dict)


@dataclass(frozen=True)
class Labelled:
    """Texts, and the features and annotation of those that have tokens."""

    texts: Sequence[TrainingText]
    data: HeadData


def refit_head(
    tagger: CRFTagger, train: Labelled, dev: Optional[Labelled], l2: Optional[float], *, keep: bool = False
) -> tuple[RefitReport, numpy.ndarray]:
    """Fit the head to its optimum, and put it into the tagger.

    train (Labelled): the training documents. Those whose texts are given are compared before and after.
    dev (Labelled): chooses the penalty if it is None; without it, a tenth of the training documents does.
    keep (bool): choose the penalty only; the trained head stays.
    RETURNS: the report, and theta (float64, P).
    RAISES (ValueError): S050 if l2 is not positive.
    """
    if l2 is not None and not 0 < l2 < numpy.inf:
        raise ValueError(Errors.S050.format(l2=l2))
    before, data = Head(tagger.model).theta, train.data
    choice = choose_penalty(data, None if dev is None else dev.data) if l2 is None else None
    losses = choice.losses if choice is not None else {}
    if keep:
        penalty = l2 or (choice.l2 if choice is not None else FALLBACK)
        gradient = loss_and_gradient(data, before, penalty)[1]
        return RefitReport(penalty, losses, float(numpy.abs(gradient).max()), False), before
    fit, penalty = fit_chosen(tagger, data, choice, before, l2)
    corpora = {"training": _compare(tagger, train, before, fit.theta)}
    if dev is not None:
        corpora["development"] = _compare(tagger, dev, before, fit.theta)
    return RefitReport(penalty, losses, fit.gradient, fit.converged, corpora), fit.theta


def choose_penalty(data: HeadData, dev: Optional[HeadData]) -> Optional[L2Choice]:
    """Choose the penalty on a development corpus, else on a tenth of the documents; None if there is just one.

    Labels of the training documents have trained the encoder, so a penalty that they choose tends to be too small.
    """
    if dev is None and len(data.lengths) < 2:
        return None
    halves = hold_out(data) if dev is None else (data, dev)
    return choose_l2(*halves, numpy.zeros(data.labels * (data.width + data.labels)))


def fit_chosen(
    tagger: CRFTagger, data: HeadData, choice: Optional[L2Choice], start: numpy.ndarray, l2: Optional[float] = None
) -> tuple[Fit, float]:
    """Fit a head at the chosen penalty, or at l2, and put it into the tagger. Warns (W005) if it did not converge.

    start (float64, P): where to begin if there is no choice.
    RETURNS: the fit and its penalty.
    """
    if choice is not None:
        l2, start = choice.l2, choice.fits[choice.l2].theta
    l2 = FALLBACK if l2 is None else l2
    fit = fit_to_optimum(data, start, l2, near=choice is not None)
    if not fit.converged:
        warnings.warn(Warnings.W005.format(gradient=fit.gradient, tolerance=TOLERANCE), stacklevel=2)
    weights, transitions = unpack(fit.theta, data.labels)
    set_head_parameters(tagger.model.get_ref("output_layer"), weights[:, :-1], weights[:, -1], transitions)
    return fit, l2


def head_data(nlp: Language, tagger: CRFTagger, texts: list[TrainingText]) -> HeadData:
    """Encode texts and read their annotation."""
    features = [
        on_cpu(rows)
        for batch in minibatch(texts, BATCH_DOCUMENTS)
        for rows in encode(nlp, tagger, [text.example.predicted for text in batch])
    ]
    allowed = [tagger.allowed_tags(text.example) for text in texts]
    return HeadData(numpy.concatenate(features), numpy.concatenate(allowed), [len(rows) for rows in allowed])


def score(tagger: CRFTagger, texts: Sequence[TrainingText], tags: numpy.ndarray, lengths: Sequence[int]) -> float:
    """Score tags (ints, all tokens) against the annotation: entity F1, or tag accuracy under the scheme TAG.

    The texts' predicted documents end with these tags.
    """
    start = 0
    for text, length in zip(texts, lengths):
        tagger.annotate(text.example.predicted, tags[start : start + length].tolist())
        start += length
    examples: list[Example] = [text.example for text in texts]
    if tagger.scheme.name == TAG:
        return float(Scorer.score_token_attr(examples, "tag")["tag_acc"] or 0.0)
    return float(get_ner_prf(examples)["ents_f"] or 0.0)


def _compare(tagger: CRFTagger, corpus: Labelled, before: numpy.ndarray, after: numpy.ndarray) -> Moved:
    data = corpus.data
    texts = [text for text in corpus.texts if len(text.example.predicted)]
    tags = []
    for theta in (before, after):
        weights, transitions = unpack(theta, data.labels)
        parts = [
            viterbi(features @ weights.T, transitions, lengths, tagger.scheme.mask)
            for features, _, lengths in data.batches()
        ]
        tags.append(numpy.concatenate(parts))
    lengths = [length for length in data.lengths if length]
    scores = [score(tagger, texts, found, lengths) for found in tags]
    return Moved(len(tags[0]), float((tags[0] != tags[1]).mean()), *scores)

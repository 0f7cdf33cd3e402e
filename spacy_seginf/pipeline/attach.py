"""Explaining a component that was trained without this package: a CRF head on its frozen encoder.

The head is fitted to the labels of the training corpus, as the component was. Explanations are about the component's
predictions, seen through that head; how far the two agree is measured and stored.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Optional

import numpy
from spacy.language import Language
from thinc.api import Model

from ..crf import viterbi
from ..errors import Errors
from ..influence.choose import L2Choice
from ..influence.fit import Fit, HeadData
from ..influence.gradients import Head
from ..models import set_head_parameters
from ..schemes import TAG
from .corpus import TrainingText
from .crf_tagger import CRFTagger
from .encoding import run_before
from .refit import choose_penalty, fit_chosen, head_data, score

SCHEMES = {"ner": "BIO", "beam_ner": "BIO", "tagger": TAG}  # by factory
TAGGER = "crf_tagger"
DIGITS = 6  # spaCy writes settings with ten at most; the same before and after saving


@dataclass(frozen=True)
class Comparison:
    """A component beside the head, on one corpus.

    agreement: share of tokens that both tag alike. component_score, head_score: entity F1 or tag accuracy against the
    annotation.
    """

    tokens: int
    agreement: float
    component_score: float
    head_score: float


@dataclass(frozen=True)
class AttachReport:
    """A fitted head: its penalty and how it was chosen (None if the corpus is a single document), how close to the
    optimum it is, and how it compares. seconds: for encoding and fitting."""

    component: str
    measure: str
    l2: float
    choice: Optional[L2Choice]
    fit: Fit
    train: Comparison
    dev: Optional[Comparison]
    seconds: float


def find_component(nlp: Language, component: Optional[str] = None) -> str:
    """Return the name of the component to explain.

    component (str): the name if it is known; else there must be just one.
    RAISES (ValueError): S060 to S062 if there is none, several, or none of this name; S063 if the pipeline has a
        crf_tagger.
    """
    for name, pipe in nlp.components:
        if isinstance(pipe, CRFTagger):
            raise ValueError(Errors.S063.format(name=name))
    found = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory in SCHEMES]
    known = ", ".join(found)
    if not found:
        raise ValueError(Errors.S060.format(known=", ".join(nlp.pipe_names)))
    if component is not None and component not in found:
        raise ValueError(Errors.S062.format(component=component, known=known))
    if component is None and len(found) > 1:
        raise ValueError(Errors.S061.format(known=known))
    return component or found[0]


def add_tagger(nlp: Language, component: str) -> CRFTagger:
    """Put a crf_tagger without a head behind a component, over the same encoder: a listener to the same upstream, or a
    copy of the component's own.

    RAISES (ValueError): S067 if the component has no encoder of its own kind.
    """
    block = nlp.config.interpolate()["components"][component].get("model", {}).get("tok2vec")
    if not isinstance(block, dict) or "@architectures" not in block:
        raise ValueError(Errors.S067.format(component=component, what="its config has no tok2vec block"))
    scheme = SCHEMES[nlp.get_pipe_meta(component).factory]
    model = {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": block}
    config = {"model": model, "scheme": scheme, "scorer": None, "explains": component}
    weights = dict(nlp.config["training"]["score_weights"])
    tagger = nlp.add_pipe("crf_tagger", name=TAGGER, config=config, after=component)
    assert isinstance(tagger, CRFTagger)
    # The factory's weights are for taggers that train.
    added = nlp.config["training"]["score_weights"]
    nlp.config["training"]["score_weights"] = weights | {name: None for name in added if name not in weights}
    explained: Any = nlp.get_pipe(component)
    try:
        tagger.model.get_ref("tok2vec").from_bytes(_encoder(explained.model, scheme).to_bytes())
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(Errors.S067.format(component=component, what=error)) from None
    for label in explained.labels:
        tagger.add_label(label)
    return tagger


def fit_tagger(
    nlp: Language, tagger: CRFTagger, train: list[TrainingText], dev: Optional[list[TrainingText]] = None
) -> AttachReport:
    """Fit the head that ``add_tagger`` left open, and compare it with the component.

    train (list of TrainingText): the corpus that trained the component, as ``read_corpus`` gives it.
    dev (list of TrainingText): chooses the penalty, as in ``choose_penalty``.
    RAISES (ValueError): S010 or S013 for missing features.
    """
    assert tagger.explains is not None
    started = time.perf_counter()
    _set_zero_head(nlp, tagger, train)
    data, followed = _encode(nlp, tagger, train)
    dev_data, dev_followed = _encode(nlp, tagger, dev) if dev else (None, None)
    choice = choose_penalty(data, dev_data)
    fit, l2 = fit_chosen(tagger, data, choice, numpy.zeros(data.labels * (data.width + data.labels)))
    seconds = time.perf_counter() - started
    compared = _compare(tagger, train, data, followed)
    tagger.cfg["agreement"] = round(compared.agreement, DIGITS)
    dev_compared = None
    if dev and dev_data is not None and dev_followed is not None:
        dev_compared = _compare(tagger, dev, dev_data, dev_followed)
        tagger.cfg["dev_agreement"] = round(dev_compared.agreement, DIGITS)
    measure = "tag accuracy" if tagger.scheme.name == TAG else "entity F1"
    return AttachReport(tagger.explains, measure, l2, choice, fit, compared, dev_compared, seconds)


def check_labels(tagger: CRFTagger, texts: list[TrainingText], path: object) -> None:
    """Are there labels, and does the head have them? RAISES (ValueError): S070 or S064 if not."""
    found = tagger.labels_in(text.example.reference for text in texts)
    if not found:
        raise ValueError(Errors.S070.format(path=path, what="tags" if tagger.scheme.name == TAG else "entities"))
    unknown = ", ".join(sorted(found - set(tagger.labels)))
    if unknown:
        known = ", ".join(tagger.labels)
        raise ValueError(Errors.S064.format(path=path, component=tagger.explains, unknown=unknown, known=known))


def _encoder(model: Model, scheme: str) -> Model:
    """Find what turns documents into token vectors in a component's model."""
    tok2vec = model.get_ref("tok2vec")
    # The parser model's "tok2vec" is a chain of encoder, list2array, and a projection to its hidden width.
    return tok2vec if scheme == TAG else tok2vec.layers[0]


def _set_zero_head(nlp: Language, tagger: CRFTagger, texts: list[TrainingText]) -> None:
    """Give the head its size. The width of a transformer's listener shows only in what it puts out."""
    docs = run_before(nlp, tagger, [next(text.example.predicted for text in texts if len(text.example.predicted))])
    width = tagger.model.get_ref("tok2vec").predict(docs)[0].shape[1]
    labels = len(tagger.tags)
    zeros = numpy.zeros((labels, width)), numpy.zeros(labels), numpy.zeros((labels, labels))
    set_head_parameters(tagger.model.get_ref("output_layer"), *zeros)


def _encode(nlp: Language, tagger: CRFTagger, texts: list[TrainingText]) -> tuple[HeadData, numpy.ndarray]:
    """Return features and annotations of texts, and the component's predictions as tags (int64, all tokens)."""
    data = head_data(nlp, tagger, texts)
    return data, numpy.concatenate([tagger.followed_tags(text.example.predicted) for text in texts])


def _compare(tagger: CRFTagger, texts: list[TrainingText], data: HeadData, followed: numpy.ndarray) -> Comparison:
    """Count where head and component agree, and score both. The documents end with the component's predictions."""
    head = Head(tagger.model)
    own = viterbi(head.emissions(data.features), head.transitions, data.lengths, tagger.scheme.mask)
    scores = [score(tagger, texts, tags, data.lengths) for tags in (own, followed)]
    return Comparison(len(own), float((own == followed).mean()), component_score=scores[1], head_score=scores[0])

"""Explaining a component that was trained without this package, through a CRF head that does what it does.

The head begins as the component's own output layer: spaCy's tagger is linear in its token vectors, and its ner is
linear in its hidden layer (see ``ParserStates``). Explanations are about the component's predictions, seen through a
head close to that one; how far the two agree is measured and stored with the index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy
from spacy.language import Language
from thinc.api import Model

from ..crf.schemes import TAG
from ..errors import Errors, SeginfError
from ..guesses import one_of
from ..tagger import set_head_parameters
from ..tagger.corpus import TrainingText
from ..tagger.crf_tagger import CRFTagger
from ..tagger.head import on_cpu
from .build import BuildReport

SCHEMES = {"ner": "BILUO", "beam_ner": "BILUO", "tagger": TAG}  # by factory
TAGGER = "crf_tagger"
NEVER = -1e4  # score of what the component can't do


@dataclass(frozen=True)
class AttachReport:
    """A component with a head that explains it. indexed: its index, which says how far the two agree."""

    component: str
    indexed: BuildReport


def find_component(nlp: Language, component: Optional[str] = None) -> str:
    """Return the name of the component to explain.

    component (str): the name if it is known; else there must be just one.
    RAISES (ValueError): S060 to S062 if there is none, several, or none of this name; S063 if the pipeline has a
        crf_tagger.
    """
    for name, pipe in nlp.components:
        if isinstance(pipe, CRFTagger):
            raise SeginfError(Errors.S063.format(name=name))
    found = [name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory in SCHEMES]
    known = ", ".join(found)
    if not found:
        raise SeginfError(Errors.S060.format(known=", ".join(nlp.pipe_names)))
    if component is not None and component not in found:
        raise SeginfError(Errors.S062.format(component=component, known=one_of(found, component)))
    if component is None and len(found) > 1:
        raise SeginfError(Errors.S061.format(known=known))
    return component or found[0]


def add_tagger(nlp: Language, component: str) -> CRFTagger:
    """Put a crf_tagger behind a component that decides as it does: over the same encoder (a listener to the same
    upstream, or a copy of the component's own), with the component's output layer for a head.

    RAISES (ValueError): S067 if the component has no layers of the known kinds.
    """
    explained: Any = nlp.get_pipe(component)
    block = nlp.config.interpolate()["components"][component].get("model", {})
    if not isinstance(block.get("tok2vec"), dict) or "@architectures" not in block["tok2vec"]:
        raise SeginfError(Errors.S067.format(component=component, what="its config has no tok2vec block"))
    scheme = SCHEMES[nlp.get_pipe_meta(component).factory]
    try:
        encoder = block["tok2vec"] if scheme == TAG else _states_block(block, explained)
        head = _tagger_head(explained) if scheme == TAG else _ner_head(explained)
    except (KeyError, ValueError, IndexError) as error:
        raise SeginfError(Errors.S067.format(component=component, what=error)) from None
    model = {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": encoder}
    config = {"model": model, "scheme": scheme, "scorer": None, "explains": component}
    weights = dict(nlp.config["training"]["score_weights"])
    tagger = nlp.add_pipe("crf_tagger", name=TAGGER, config=config, after=component)
    assert isinstance(tagger, CRFTagger)
    # The factory's weights are for taggers that train.
    added = nlp.config["training"]["score_weights"]
    nlp.config["training"]["score_weights"] = weights | {name: None for name in added if name not in weights}
    try:
        _copy_layers(explained.model, tagger.model.get_ref("tok2vec"), scheme)
    except (KeyError, ValueError, IndexError) as error:
        raise SeginfError(Errors.S067.format(component=component, what=error)) from None
    for label in explained.labels:
        tagger.add_label(label)
    set_head_parameters(tagger.model.get_ref("output_layer"), *_by_tag(head, tagger.tags))
    return tagger


def check_labels(tagger: CRFTagger, texts: list[TrainingText], path: object) -> None:
    """Are there labels, and does the head have them? RAISES (ValueError): S070 or S064 if not."""
    found = tagger.target.labels(text.example.reference for text in texts)
    if not found:
        raise SeginfError(Errors.S070.format(path=path, what=tagger.target.what))
    unknown = ", ".join(sorted(found - set(tagger.labels)))
    if unknown:
        known = ", ".join(tagger.labels)
        raise SeginfError(Errors.S064.format(path=path, component=tagger.explains, unknown=unknown, known=known))


def _states_block(block: dict[str, Any], ner: Any) -> dict[str, Any]:
    lower = ner.model.get_ref("lower")
    return {
        "@architectures": "spacy_seginf.ParserStates.v1",
        "tok2vec": block["tok2vec"],
        "hidden_width": lower.get_dim("nI"),
        "maxout_pieces": lower.get_dim("nP"),
        "extra_state_tokens": lower.get_dim("nF") == 6,
        "states": lower.get_dim("nO"),
    }


def _copy_layers(source: Model, target: Model, scheme: str) -> None:
    if scheme == TAG:
        target.from_bytes(source.get_ref("tok2vec").to_bytes())
    else:
        target.get_ref("encoder").from_bytes(source.get_ref("tok2vec").to_bytes())
        target.get_ref("lower").from_bytes(source.get_ref("lower").to_bytes())


Scores = dict[str, tuple[numpy.ndarray, float]]  # by tag: weights (float32, width) and bias


def _tagger_head(tagger: Any) -> Scores:
    softmax = tagger.model.get_ref("softmax")
    weights, bias = (on_cpu(softmax.get_param(name)) for name in ("W", "b"))
    return {label: (row, float(value)) for label, row, value in zip(tagger.labels, weights, bias)}


def _ner_head(ner: Any) -> Scores:
    model, count = ner.model, ner.moves.n_moves
    # ``ner.move_names`` leaves the action out that blocks entities, so its numbers are not those of the rows.
    actions = [ner.moves.get_class_name(number) for number in range(count)]
    if model.attrs["has_upper"]:
        weights, bias = (on_cpu(model.get_ref("upper").get_param(name)) for name in ("W", "b"))
    else:
        weights, bias = numpy.eye(count, dtype=numpy.float32), numpy.zeros(count, dtype=numpy.float32)
    unseen = model.attrs.get("unseen_classes") or ()
    return {
        action: (row, NEVER if number in unseen else float(value))
        for number, (action, row, value) in enumerate(zip(actions, weights, bias))
    }


def _by_tag(head: Scores, tags: tuple[str, ...]) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Order the scores of a component as the tags of a CRF head: weights, biases and, of what follows what, nothing."""
    width = len(next(iter(head.values()))[0])
    nothing = numpy.zeros(width, dtype=numpy.float32), NEVER
    rows = [head.get(tag, nothing) for tag in tags]
    weights, bias = numpy.array([row for row, _ in rows]), numpy.array([value for _, value in rows])
    return weights, bias.astype(numpy.float32), numpy.zeros((len(tags), len(tags)), dtype=numpy.float32)

"""The hidden layer of spaCy's ner as token vectors: what its decision at each token was made from."""

from __future__ import annotations

from typing import Any, Callable, List

import numpy
from spacy.ml._precomputable_affine import PrecomputableAffine
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Linear, Model, chain, list2array
from thinc.types import Floats2d

from ..errors import Errors, SeginfError


@registry.architectures("spacy_seginf.ParserStates.v1")
def build_parser_states(
    tok2vec: Model[List[Doc], List[Floats2d]],
    hidden_width: int,
    maxout_pieces: int,
    extra_state_tokens: bool,
    states: int,
) -> Model[List[Doc], List[Floats2d]]:
    """Follow the entities that a ner has set, and put out its hidden layer at each token.

    spaCy's transition system decides at each token from that token's vector and, inside an entity, those of the tokens
    of the entity so far. With the layer behind them, or none, its scores are a linear function of these states, so a
    linear head can decide as it does.

    tok2vec, hidden_width, maxout_pieces, extra_state_tokens: those of the ner's spacy.TransitionBasedParser.
    states (int): width of the hidden layer: hidden_width, or the number of actions if it has no upper layer.
    RETURNS (Model): token vectors, float32, tokens x states each. It does not learn.
    """
    width = tok2vec.get_dim("nO") if tok2vec.has_dim("nO") else None
    encoder: Any = chain(tok2vec, list2array(), Linear(hidden_width, width))  # as in the ner
    encoder.set_dim("nO", hidden_width)
    lower = PrecomputableAffine(states, hidden_width, 6 if extra_state_tokens else 3, maxout_pieces)
    model: Model = Model("parser_states", forward, layers=[encoder, lower], dims={"nO": states})
    model.set_ref("encoder", encoder)
    model.set_ref("lower", lower)
    return model


def forward(
    model: Model[List[Doc], List[Floats2d]], docs: List[Doc], is_train: bool
) -> tuple[List[Floats2d], Callable]:
    """Compute the states. A document without any vectors gets zeros, as a listener gives them."""
    encoder, lower = model.layers
    vectors = encoder.layers[0].predict(docs)
    seen = [bool(rows.any()) for rows in vectors]
    for layer in encoder.layers[1:]:
        vectors = layer.predict(vectors)
    features = lower.predict(vectors)  # a row of padding, then tokens; x features x states x pieces
    tokens = state_tokens(docs, lower.get_dim("nF"))
    summed = sum(features[tokens[:, feature] + 1, feature] for feature in range(tokens.shape[1]))
    states = (summed + lower.get_param("b")).max(axis=2)
    found, start = [], 0
    for doc, known in zip(docs, seen):
        rows = states[start : start + len(doc)]
        found.append(rows if known else rows * 0)
        start += len(doc)

    def backprop(_: Any) -> Any:
        raise SeginfError(Errors.S176)

    return found, backprop


def state_tokens(docs: List[Doc], count: int) -> numpy.ndarray:
    """List the tokens that the ner looks at before it decides about each one (int64, tokens x count; -1 for none).

    count (int): 3: the token, the first one of the entity that is open, and the one before; 6: the token, and the first
        five tokens of the entity that is open.
    """
    found = numpy.full((sum(map(len, docs)), count), -1, dtype=numpy.int64)
    offset = 0
    for doc in docs:
        found[offset : offset + len(doc), 0] = numpy.arange(offset, offset + len(doc))
        for entity in doc.ents:
            for token in range(entity.start + 1, entity.end):
                inside = (
                    [entity.start, token - 1] if count == 3 else list(range(entity.start, min(token, entity.start + 5)))
                )
                found[offset + token, 1 : 1 + len(inside)] = numpy.array(inside) + offset
        offset += len(doc)
    return found

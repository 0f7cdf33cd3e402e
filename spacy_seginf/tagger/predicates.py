"""An encoder that is told which words are the predicate: one pass for each predicate of a sentence."""

from __future__ import annotations

from typing import Any, Callable, Optional, cast

import numpy
from spacy.ml.models.tok2vec import MaxoutWindowEncoder
from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Embed, Maxout, Model, with_array
from thinc.types import Floats2d

from ..corpora.propositions import PREDICATE
from ..errors import Errors, SeginfError

GIVEN = "given"  # attribute of models that read a key of doc.spans
BOUNDS = (1, 2, 3, 5, 9)  # distances at which a class begins, on each side
FAR = len(BOUNDS)
Rows = list[Floats2d]


@registry.architectures("spacy_seginf.PredicateTok2Vec.v1")
def build_predicate_tok2vec(
    tok2vec: Model[list[Doc], Rows],
    key: str = PREDICATE,
    width: int = 96,
    depth: int = 2,
    window_size: int = 2,
    maxout_pieces: int = 3,
    distance_width: int = 16,
) -> Model[list[Doc], Rows]:
    """Tell any encoder which words are the predicate: each token vector is joined with a learned vector of how far the
    token is from it, and on which side (Collobert et al. 2011, section 3.1), and layers of convolution read both.

    tok2vec (Model[List[Doc], List[Floats2d]]): token vectors, or a listener to a tok2vec or transformer component.
    key (str): documents have their predicate, exactly one span, in ``doc.spans[key]``.
    width (int): of the vectors that it makes. depth, window_size, maxout_pieces (int): of the convolutions.
    distance_width (int): of the vectors of distances.
    RETURNS (Model): token vectors, float32. RAISES (ValueError): S312 for a document without one predicate.
    """
    distances = cast(Any, with_array(Embed(nO=distance_width, nV=2 * FAR + 1)))
    joined = cast(Any, with_array(Maxout(nO=width, nP=maxout_pieces, normalize=True, dropout=0.0)))
    context = MaxoutWindowEncoder(width=width, window_size=window_size, maxout_pieces=maxout_pieces, depth=depth)
    return Model(
        "predicate_tok2vec",
        _forward,
        init=_initialize,
        layers=[tok2vec, distances, joined, context],
        dims={"nO": width},
        attrs={GIVEN: key},
    )


def given_keys(model: Model[Any, Any]) -> list[str]:
    """List the keys of ``doc.spans`` that a model reads."""
    return sorted({str(node.attrs[GIVEN]) for node in model.walk() if GIVEN in node.attrs})


def distance_classes(doc: Doc, key: str) -> numpy.ndarray:
    """Tell how far each token is from the predicate (uint64, tokens): FAR within it, less before and more behind it.

    RAISES (ValueError): S312 unless there is exactly one predicate.
    """
    spans = [span for span in doc.spans.get(key, ()) if len(span)]
    if len(spans) != 1 and len(doc):
        raise SeginfError(Errors.S312.format(key=key, count=len(spans), text=doc.text[:60]))
    places = numpy.arange(len(doc))
    start, end = (spans[0].start, spans[0].end - 1) if spans else (0, 0)
    away = numpy.maximum(places - end, 0) - numpy.maximum(start - places, 0)
    classes = numpy.sign(away) * numpy.searchsorted(BOUNDS, numpy.abs(away), side="right")
    return (classes + FAR).astype("uint64")


def _inputs(model: Model[Any, Any], docs: list[Doc], rows: Rows, is_train: bool) -> tuple[Rows, Callable]:
    ops, key = model.ops, model.attrs[GIVEN]
    near, backprop = model.layers[1]([ops.asarray(cast(Any, distance_classes(doc, key))) for doc in docs], is_train)
    width = max(one.shape[1] for one in rows)  # a transformer gives empty documents width 0
    there = [one if len(one) else ops.alloc2f(0, width) for one in rows]
    return [ops.xp.hstack(pair) for pair in zip(there, near)], backprop


def _forward(model: Model[list[Doc], Rows], docs: list[Doc], is_train: bool) -> tuple[Rows, Callable]:
    tok2vec, _, joined, context = model.layers
    if not any(map(len, docs)):
        return [model.ops.alloc2f(0, model.get_dim("nO")) for _ in docs], lambda gradient: []
    rows, back_rows = tok2vec(docs, is_train)
    both, back_near = _inputs(model, docs, rows, is_train)
    mixed, back_mixed = joined(both, is_train)
    found, back_found = context(mixed, is_train)
    # Tokens that the encoder has not seen stay without features: taggers refuse them.
    seen = [one.any(axis=1, keepdims=True) for one in rows]
    widths = [one.shape[1] for one in rows]

    def backprop(gradient: Rows) -> list[Doc]:
        d_both = back_mixed(back_found([one * there for one, there in zip(gradient, seen)]))
        back_near([model.ops.as_contig(one[:, max(widths) :]) for one in d_both])
        return cast("list[Doc]", back_rows([model.ops.as_contig(one[:, :width]) for one, width in zip(d_both, widths)]))

    return [one * there for one, there in zip(found, seen)], backprop


def _initialize(model: Model[list[Doc], Rows], X: Optional[list[Doc]] = None, Y: Any = None) -> None:
    tok2vec, distances, joined, context = model.layers
    tok2vec.initialize(X=X)
    distances.initialize()
    if X is None:
        if tok2vec.has_dim("nO"):
            joined.layers[0].set_dim("nI", tok2vec.get_dim("nO") + distances.layers[0].get_dim("nO"))
            joined.initialize()
        context.initialize()
        return
    both, _ = _inputs(model, X, tok2vec.predict(X), False)
    joined.initialize(X=both)
    context.initialize(X=joined.predict(both))

"""Forward passes of thinc's layers whose backward passes give no gradients of parameters, and which layers are local.

Gradients with respect to inputs need a third less work without those of parameters, and numpy's matrix products are
several times faster than those that thinc uses on a CPU.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from thinc.api import Model

Forward = Callable[[Any, Any, bool], tuple[Any, Callable]]
Watch = Callable[[Model, Any, Any], None]

MAXOUT, WINDOW, WITH_ARRAY = "thinc.layers.maxout", "thinc.layers.expand_window", "thinc.layers.with_array"
EMBEDDINGS = ("thinc.layers.hashembed", "thinc.layers.embed")
EXTRACTOR = "spacy.ml.featureextractor"
# Layers that treat tokens one by one, or combine such layers.
LOCAL = frozenset(
    (
        *(MAXOUT, WITH_ARRAY, *EMBEDDINGS, EXTRACTOR, "spacy.ml.staticvectors"),
        *("thinc.layers.chain", "thinc.layers.concatenate", "thinc.layers.residual", "thinc.layers.noop"),
        *("thinc.layers.list2ragged", "thinc.layers.ragged2list", "thinc.layers.array_getitem"),
        *("thinc.layers.mish", "thinc.layers.linear", "thinc.layers.relu", "thinc.layers.layernorm"),
        "thinc.layers.dropout",
    )
)


def kind(node: Model) -> str:
    """Return the module that defines what a node does."""
    return getattr(node._func, "__module__", "")


def reach(node: Model) -> Optional[int]:
    """Return how many tokens on each side an output depends on; None if that is not known."""
    if kind(node) == WINDOW:
        return int(node.attrs["window_size"])
    if kind(node) not in LOCAL:
        return None
    total = 0
    for layer in node.layers:
        part = reach(layer)
        if part is None:
            return None
        total += part
    return total


def isolated(node: Model) -> bool:
    """Do texts of a batch leave each other alone? Some encoders put them side by side with too little space between."""
    if kind(node) == WITH_ARRAY:
        inner = reach(node.layers[0])
        if inner is None or node.attrs.get("pad", 0) < inner:
            return False
    return all(isolated(layer) for layer in node.layers)


def frozen_maxout(model: Any, X: Any, is_train: bool) -> tuple[Any, Callable]:
    """thinc's Maxout with a gradient of its input only (floats, tokens x nI to tokens x nO)."""
    outputs, pieces, inputs = (model.get_dim(name) for name in ("nO", "nP", "nI"))
    W = model.get_param("W").reshape(outputs * pieces, inputs)
    Y = X @ W.T
    Y += model.get_param("b").reshape(outputs * pieces)
    best, which = model.ops.maxout(Y.reshape(len(Y), outputs, pieces))

    def backprop(d_best: Any) -> Any:
        dY = model.ops.backprop_maxout(d_best, which, pieces)
        return dY.reshape(len(d_best), outputs * pieces) @ W

    return best, backprop


def watched_embedding(original: Forward, watch: Watch) -> Forward:
    """Make an embedding layer tell ``watch`` its node, its ids and the gradient of its output, instead of keeping a
    gradient of its table."""

    def forward(model: Model, ids: Any, is_train: bool) -> tuple[Any, Callable]:
        output, _ = original(model, ids, False)

        def backprop(gradient: Any) -> Any:
            watch(model, ids, gradient)
            return model.ops.alloc1i(len(ids))

        return output, backprop

    return forward

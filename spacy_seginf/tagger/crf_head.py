from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, cast

from thinc.api import Model, NumpyOps, registry, to_numpy, zero_init
from thinc.types import Floats1d, Floats2d

InT = list[Floats2d]
NUMPY_OPS = NumpyOps()  # lengths are read on the CPU, wherever the model is


class CRFScores(NamedTuple):
    """Scores of a batch, or their gradient.

    emissions (float32, all tokens x labels), transitions (float32, labels x labels; left, right), lengths (tokens per
    document), silent (bool, all tokens, on the CPU): tokens without features, because the encoder has not seen them.
    """

    emissions: Floats2d
    transitions: Floats2d
    lengths: list[int]
    silent: Any = None


@registry.layers("spacy_seginf.CRFHead.v1")
def CRFHead(
    nO: Optional[int] = None, nI: Optional[int] = None, *, learn_rate_factor: float = 1.0
) -> Model[InT, CRFScores]:
    """Score the labels of each token linearly, and hold the score of each pair of neighbouring labels.

    learn_rate_factor (float): Adam's steps do not depend on the scale of gradients, so parameters that are stored
        divided by this factor learn that many times faster than the rest of the model. Transformers want rates of
        1e-5 to 1e-4, at which a head that starts from zero would hardly move.
    """
    return Model(
        "crf_head",
        forward,
        init=init,
        dims={"nO": nO, "nI": nI},
        params={"W": None, "b": None, "T": None},
        attrs={"learn_rate_factor": learn_rate_factor},
    )


def forward(model: Model[InT, CRFScores], X: InT, is_train: bool) -> tuple[CRFScores, Callable]:
    factor = model.attrs["learn_rate_factor"]
    W, b, T = head_parameters(model)
    lengths = [len(x) for x in X]
    rows = model.ops.flatten(X) if sum(lengths) else model.ops.alloc2f(0, W.shape[1])
    emissions = model.ops.gemm(rows, W, trans2=True)
    emissions += b

    def backprop(gradient: CRFScores) -> InT:
        d_emissions = gradient.emissions
        model.inc_grad("W", factor * model.ops.gemm(d_emissions, rows, trans1=True))
        model.inc_grad("b", factor * d_emissions.sum(axis=0))
        model.inc_grad("T", factor * gradient.transitions)
        return model.ops.unflatten(model.ops.gemm(d_emissions, W), NUMPY_OPS.asarray1i(lengths))

    silent = to_numpy(~rows.any(axis=1))  # at once: it is read document by document
    return CRFScores(emissions, T, lengths, silent), backprop


def init(model: Model[InT, CRFScores], X: Optional[InT] = None, Y: Optional[Floats2d] = None) -> None:
    if X is not None:
        model.set_dim("nI", max(x.shape[1] for x in X))  # a transformer gives empty documents width 0
    if Y is not None:
        model.set_dim("nO", Y.shape[1])
    labels, width = model.get_dim("nO"), model.get_dim("nI")
    model.set_param("W", zero_init(model.ops, (labels, width)))
    model.set_param("b", zero_init(model.ops, (labels,)))
    model.set_param("T", zero_init(model.ops, (labels, labels)))


def head_parameters(model: Model[InT, CRFScores]) -> tuple[Floats2d, Floats1d, Floats2d]:
    """Return copies of W (labels x width), b (labels) and T (labels x labels) in the units of the scores."""
    factor = model.attrs["learn_rate_factor"]
    W, b, T = (factor * model.get_param(name) for name in ("W", "b", "T"))
    return cast(Floats2d, W), cast(Floats1d, b), cast(Floats2d, T)


def set_head_parameters(model: Model[InT, CRFScores], W: Any, b: Any, T: Any) -> None:
    """Set W (labels x width), b (labels) and T (labels x labels), given in the units of the scores.

    They are stored as float32 on the model's device. Dimensions that are not set yet are taken from W.
    """
    model.set_dim("nO", W.shape[0])
    model.set_dim("nI", W.shape[1])
    factor = model.attrs["learn_rate_factor"]
    for name, value in (("W", W), ("b", b), ("T", T)):
        model.set_param(name, cast(Floats2d, model.ops.asarray(value / factor, dtype="float32")))

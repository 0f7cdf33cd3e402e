"""captum's TracInCPFast (Pruthi et al. 2020, appendix F) on the head, with its last state as the only checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy
import spacy
import torch

from spacy_seginf.attribution.method import Attribution, Context, Method, Texts
from spacy_seginf.errors import SeginfError

from ...errors import LabErrors
from .tokens import Tokens, linear_layer, sum_columns

CHUNK = 8192  # training tokens scored at once
QUERY_CHUNK = 1024  # tokens of queries scored at once
_ASKING = Lock()  # captum reads by hooks what layers get


@spacy.registry.misc("spacy_seginf.CaptumTracInCPFast.v1")
@dataclass(frozen=True)
class CaptumTracInCPFast(Method):
    """Inner products of gradients, as captum computes them.

    The layer reads features and the held labels beside a token, so a pair of tokens with residuals e, e' scores
    (e . e') (F . F' + 1 + [y- = y'-] + [y+ = y'+]): the paper's inner product with identity curvature, without the
    two terms in which an entry of T is read from the left by one token and from the right by the other. Learning
    rates are left out. Segments of several tokens are approximated by the sum over pairs of their tokens. CPU only.
    """

    name = "captum TracInCPFast"
    cost = "prepare: copies the tokens; query: one scan of all training tokens"

    def prepare(self, context: Context) -> Attribution:
        """Hand the training tokens to captum. RAISES (ValueError): S096 without captum."""
        return CaptumScores(context)


class CaptumScores(Attribution):
    """Scores in float32 inside captum, summed over tokens in float64.

    context (Context): its training segments and head are used.
    RAISES (ValueError): S096 without captum.
    """

    def __init__(self, context: Context) -> None:
        try:
            from captum.influence import TracInCPFast
        except ImportError:
            raise SeginfError(LabErrors.S096.format(package="captum")) from None
        texts = context.training
        tokens = Tokens.of_segments(texts)
        self._lengths = tokens.lengths
        self.bytes_per_segment = 4.0 * tokens.inputs.numel() / max(len(texts), 1)
        model = torch.nn.Sequential(linear_layer(context.head))
        self._captum: Any = TracInCPFast(
            model,
            model[0],
            torch.utils.data.DataLoader(_Batches(tokens), batch_size=None),
            ["head"],
            checkpoints_load_func=lambda module, checkpoint: 1.0,
            loss_fn=torch.nn.CrossEntropyLoss(reduction="sum"),
        )

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Score all training segments for each query (float64, queries x training segments): positive supports,
        as captum's proponents do."""
        tokens = Tokens.of_segments(queries)
        if not len(tokens) or not len(self._lengths):
            return numpy.zeros((len(queries), len(self._lengths)))
        with _ASKING:
            parts = [
                sum_columns(self._captum.influence(batch, show_progress=False).detach().numpy(), self._lengths)
                for batch in tokens.batches(QUERY_CHUNK)
            ]
        return sum_columns(numpy.concatenate(parts).T, tokens.lengths).T


class _Batches(torch.utils.data.Dataset):
    def __init__(self, tokens: Tokens) -> None:
        self._batches = tokens.batches(CHUNK)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._batches[number]

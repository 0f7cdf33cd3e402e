"""kronfluence's EK-FAC (George et al. 2018; Grosse et al. 2023) on the weights and biases of the head's emissions."""

from __future__ import annotations

import gc
import warnings
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Iterator, Optional

import numpy
import spacy
import torch

from spacy_seginf.attribution.method import Attribution, Context, Method, Texts
from spacy_seginf.attribution.settings import check_least
from spacy_seginf.errors import SeginfError

from ...errors import LabErrors
from .tokens import Tokens, linear_layer, sum_columns

BATCH = 512  # training tokens at once
_ASKING = Lock()  # scores go through one place in the folder
QUERY_BATCH = 256  # tokens of queries at once: kronfluence keeps a gradient of each, labels x width


@spacy.registry.misc("spacy_seginf.KronfluenceEKFAC.v1")
@dataclass(frozen=True)
class KronfluenceEKFAC(Method):
    """Influence under a Kronecker-factored inverse Hessian, as kronfluence computes it.

    A pair of tokens scores g' H^-1 g with the gradients g of their conditional losses with respect to W and b. H is
    fitted to the conditional losses of all training tokens, with labels that are drawn from the head; transitions are
    a fixed part of the logits, and neighbouring labels stay as they are. Segments of several tokens are approximated
    by the sum over pairs of their tokens. CPU only.

    damping (float, optional): added to the eigenvalues of H per token. None: l2 / tokens, which is what the penalty
        adds; for a head without a penalty, a tenth of the mean eigenvalue (kronfluence's heuristic).
    seed (int): of the labels that are drawn.
    RAISES (ValueError): S095 for a negative damping.
    """

    damping: Optional[float] = None
    seed: int = 0
    name = "kronfluence EK-FAC"
    cost = "prepare: two passes over the training tokens; query: one pass, with gradients written out"

    def __post_init__(self) -> None:
        check_least("KronfluenceEKFAC", "damping", self.damping, 0)

    def prepare(self, context: Context) -> Attribution:
        """Fit the factors. RAISES (ValueError): S096 without kronfluence."""
        return KronfluenceScores(context, self.damping, self.seed)


class KronfluenceScores(Attribution):
    """Scores in float32 inside kronfluence, summed over tokens in float64; in nats, as under the Hessian of the sum
    of all losses. Factors are kept in a temporary folder that goes with this object.

    context (Context): its training documents, segments, head and penalty are used. damping, seed: see the method.
    RAISES (ValueError): S096 without kronfluence.
    """

    def __init__(self, context: Context, damping: Optional[float], seed: int) -> None:
        try:
            from kronfluence.analyzer import Analyzer, prepare_model
            from kronfluence.arguments import FactorArguments, ScoreArguments
        except ImportError:
            raise SeginfError(LabErrors.S096.format(package="kronfluence")) from None
        texts = context.training
        everything, tokens = Tokens.of_documents(texts), Tokens.of_segments(texts)
        self._count = len(everything)
        self._lengths = tokens.lengths
        self._dataset = _dataset(tokens)
        self.bytes_per_segment = 4.0 * tokens.inputs.numel() / max(len(texts), 1)
        if damping is None and context.penalty.l2 > 0:
            damping = context.penalty.l2 / self._count
        self._arguments = ScoreArguments(damping_factor=damping)
        folder = TemporaryDirectory(prefix="spacy_seginf_")
        weakref.finalize(self, folder.cleanup)
        task = _conditional_loss(torch.Generator().manual_seed(seed))
        layer = linear_layer(context.head)
        self._analyzer: Any = Analyzer(
            "head",
            prepare_model(_Emissions(layer, texts.data.width), task),
            task,
            cpu=True,
            disable_tqdm=True,
            output_dir=folder.name,
        )
        with _care():
            self._analyzer.fit_all_factors(
                "factors",
                _dataset(everything),
                per_device_batch_size=BATCH,
                factor_args=FactorArguments(strategy="ekfac", covariance_max_examples=None, lambda_max_examples=None),
            )

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Score all training segments for each query (float64, queries x training segments): positive supports, and
        a segment supports itself."""
        tokens = Tokens.of_segments(queries)
        if not len(tokens) or not len(self._lengths):
            return numpy.zeros((len(queries), len(self._lengths)))
        with _ASKING, _care():
            self._analyzer.compute_pairwise_scores(
                "scores",
                "factors",
                _dataset(tokens),
                self._dataset,
                per_device_query_batch_size=QUERY_BATCH,
                per_device_train_batch_size=BATCH,
                score_args=self._arguments,
                overwrite_output_dir=True,
            )
            found = self._analyzer.load_pairwise_scores("scores")["all_modules"].numpy()
        scores = sum_columns(found, self._lengths)
        # kronfluence's H is the mean over tokens, that of the head's training loss their sum.
        return sum_columns(scores.T, tokens.lengths).T / self._count


class _Emissions(torch.nn.Module):
    """The head with its emissions as a layer of their own, next to the fixed scores of the transitions."""

    transitions: torch.Tensor

    def __init__(self, layer: torch.nn.Linear, width: int) -> None:
        super().__init__()
        self.emissions = torch.nn.Linear(width, layer.out_features, bias=False)
        with torch.no_grad():
            self.emissions.weight.copy_(layer.weight[:, :width])
        self.register_buffer("transitions", layer.weight[:, width:].detach().clone())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        width = self.emissions.in_features
        return self.emissions(inputs[:, :width]) + inputs[:, width:] @ self.transitions.T


def _conditional_loss(generator: torch.Generator) -> Any:
    """Return the task (kronfluence.task.Task): the summed conditional losses of tokens, which are measured too."""
    from kronfluence.task import Task

    class ConditionalLoss(Task):
        def compute_train_loss(self, batch: Any, model: torch.nn.Module, sample: bool = False) -> torch.Tensor:
            inputs, labels = batch
            logits = model(inputs)
            if sample:
                probabilities = logits.detach().softmax(dim=1)
                labels = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
            return torch.nn.functional.cross_entropy(logits, labels, reduction="sum")

        def compute_measurement(self, batch: Any, model: torch.nn.Module) -> torch.Tensor:
            return self.compute_train_loss(batch, model)

    return ConditionalLoss()


@contextmanager
def _care() -> Iterator[None]:
    """Run kronfluence without its warnings of names that torch is about to drop, and without its thorough garbage
    collections: about ten per run, of a second each where spaCy and torch are loaded, so they skip what exists now."""
    freeze = not gc.get_freeze_count()
    if freeze:
        gc.freeze()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if freeze:
            gc.unfreeze()


def _dataset(tokens: Tokens) -> torch.utils.data.TensorDataset:
    return torch.utils.data.TensorDataset(tokens.inputs, tokens.labels)

"""TracIn: training labels that pulled the parameters where a prediction needed them, at checkpoints of training.

Pruthi et al. 2020, "Estimating Training Data Influence by Tracing Gradient Descent" (TracInCP):

    score(q, k) = sum over checkpoints i of eta_i <gradient of CL_q, gradient of CL_k>, both at checkpoint i

with eta_i the learning rate that led to checkpoint i and CL the conditional loss of a segment at its labels. Training
on k by a step of gradient descent lowers CL_q by that much, to first order: a positive score supports the labels of q,
a negative one opposes them. The head counts in the units of its scores: its ``learn_rate_factor`` and what an adaptive
optimizer makes of gradients are left out.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generator, Iterator, Optional, Sequence

import numpy
from spacy.util import registry

from ..influence.data import HeadData
from .encoder_gradients import Encoder, Gradients
from .method import Attribution, Context, Method, Texts
from .products import segment_products, stored_bytes
from .stages import Stage, load_stages

QUERY_BYTES = 2**30  # of the gradients of queries that are held at a time
SEGMENTS = 16  # training segments whose gradients meet them at once


@registry.misc("spacy_seginf.TracInLast.v1")
@dataclass(frozen=True)
class TracInLast(Method):
    """TracIn with the gradients of the CRF head alone (W, its bias, and T): the last layer.

    checkpoints (Optional[str]): folder of a CheckpointLogger; the pipeline itself, at learning rate 1, if None.
    """

    checkpoints: Optional[str] = None
    name = "TracIn-last"
    cost = "prepare: encode the training texts with each checkpoint; query: one product with all segments each"

    def prepare(self, context: Context) -> Attribution:
        """Encode the training texts. RAISES (ValueError): S090 to S093 for checkpoints that can't be used."""
        return LastScores(context, load_stages(context, self.checkpoints))


class LastScores(Attribution):
    """Factored gradients of the training segments at each checkpoint."""

    def __init__(self, context: Context, stages: Sequence[Stage]) -> None:
        self._stages = [(stage, stage.factors(context.training)) for stage in context.progress(stages)]
        self._count = len(context.training)
        total = sum(stored_bytes(factors) for _, factors in self._stages)
        self.bytes_per_segment = total / max(1, self._count)

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Score all training segments (float64, queries x segments)."""
        result = numpy.zeros((len(queries), self._count))
        for stage, factors in self._stages:
            result += stage.learn_rate * segment_products(stage.factors(queries), factors)
        return result


@registry.misc("spacy_seginf.TracIn.v1")
@dataclass(frozen=True)
class TracIn(Method):
    """TracIn with the gradients of all parameters, of encoder and head.

    Nothing is kept: each call of ``scores`` makes one backward pass per training segment and checkpoint, which takes
    minutes for thousands of segments. It is a referee for what is faster, not a tool for daily use.

    checkpoints (Optional[str]): folder of a CheckpointLogger; the pipeline itself, at learning rate 1, if None.
    """

    checkpoints: Optional[str] = None
    name = "TracIn"
    cost = "prepare: nothing; query: one backward pass per training segment and checkpoint for up to 100 queries"

    def prepare(self, context: Context) -> Attribution:
        """Load the checkpoints. RAISES (ValueError): S090 to S094 for checkpoints or encoders that can't be used."""
        return FullScores(context, load_stages(context, self.checkpoints))


class FullScores(Attribution):
    """Passes over the training segments, one by one."""

    def __init__(self, context: Context, stages: Sequence[Stage]) -> None:
        self._context, self._stages = context, stages
        self._encoders = [stage.encoder() for stage in stages]

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Score all training segments (float64, queries x segments)."""
        training = self._context.training
        result = numpy.zeros((len(queries), len(training)))
        for stage, encoder in zip(self._stages, self._encoders):
            result += stage.learn_rate * segment_products(stage.factors(queries), stage.factors(training))
            for first, block in _blocks(stage, encoder, queries):
                with closing(_segment_gradients(stage, encoder, training)) as passes:  # over before the next begin
                    gradients = iter(self._context.progress(passes))
                    for start in range(0, len(training), SEGMENTS):
                        found = [block.restrict(own) for own in islice(gradients, SEGMENTS)]
                        part = result[first : first + block.count, start : start + len(found)]
                        part += stage.learn_rate * block.products(found)
        return result


class _Block:
    """Gradients of some queries: of tables only the rows that any of them has read."""

    def __init__(self, gradients: Sequence[Gradients]) -> None:
        self.count = len(gradients)
        self._touched: dict[str, numpy.ndarray] = {}
        self._values: dict[str, numpy.ndarray] = {}  # by parameter: touched rows x columns x queries
        for name in sorted(set().union(*gradients)):
            held = {number: _rows(found[name]) for number, found in enumerate(gradients) if name in found}
            touched = numpy.flatnonzero(sum(array.any(axis=1).astype(int) for array in held.values()))
            values = numpy.zeros((len(touched), next(iter(held.values())).shape[1], self.count), "float32")
            for number, array in held.items():
                values[:, :, number] = array[touched]
            self._touched[name], self._values[name] = touched, values

    def restrict(self, gradients: Gradients) -> Gradients:
        """Copy of a segment's gradients what the queries' can meet."""
        return {name: _rows(gradients[name])[rows] for name, rows in self._touched.items() if name in gradients}

    def products(self, segments: Sequence[Gradients]) -> numpy.ndarray:
        """Return the inner products with restricted gradients of segments (float64, queries x segments)."""
        result = numpy.zeros((self.count, len(segments)))
        for name, values in self._values.items():
            mine = numpy.stack([own.get(name, numpy.zeros(values.shape[:2], "float32")) for own in segments])
            used = numpy.flatnonzero(mine.any(axis=(0, 2)))  # a few segments read few rows of a table
            met = values if len(used) == len(values) else values[used]
            result += (mine[:, used].reshape(len(segments), -1) @ met.reshape(-1, self.count)).T
        return result


def _blocks(stage: Stage, encoder: Encoder, queries: Texts) -> Iterator[tuple[int, _Block]]:
    """Yield the gradients of as many queries as fit, with the number of the first."""
    first = 0
    while first < len(queries):
        held: list[Gradients] = []
        rest = replace(queries, segments=queries.segments[first:])
        with closing(_segment_gradients(stage, encoder, rest)) as gradients:
            for found in gradients:
                held.append({name: value.copy() for name, value in found.items()})
                if len(held) * sum(value.nbytes for value in found.values()) >= QUERY_BYTES:
                    break
        yield first, _Block(held)
        first += len(held)


def _segment_gradients(stage: Stage, encoder: Encoder, texts: Texts) -> Generator[Gradients, None, None]:
    """Yield minus the gradients of each segment's loss with respect to the encoder's parameters."""
    docs = encoder.prepare(texts.docs)
    with encoder.parameter_gradients() as run:
        for document, start, end in texts.segments:
            (features,), backward = run([docs[document]])
            rows = slice(texts.data.starts[document], texts.data.starts[document] + len(features))
            data = HeadData(features, texts.data.allowed[rows], [len(features)])
            alone = Texts([docs[document]], data, texts.labels[rows], numpy.array([[0, start, end]]))
            gradient = numpy.zeros(features.shape)
            gradient[start:end] = alone.chains(stage.head).factors().residuals @ stage.head.weights
            yield backward([gradient])


def _rows(array: numpy.ndarray) -> numpy.ndarray:
    """Return an array as rows: those of a table, or one number each."""
    return array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)

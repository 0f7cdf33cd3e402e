"""Gradients at the rows of word embeddings that a batch has read, and how a transformer tells them."""

from __future__ import annotations

from contextlib import contextmanager
from threading import get_ident
from typing import Any, Callable, Iterator, NamedTuple

import numpy
from thinc.api import Model

from ..tagger.head import on_cpu
from .model_patches import other_function

PIECES = "pieces"  # the table of a transformer


class WordGradients(NamedTuple):
    """Gradients at the outputs of one table of word embeddings, one row for each time that it was read.

    table (str): the token attribute whose values are its keys, such as "NORM", or "pieces".
    texts (int64, rows): which text of the batch. keys (uint64, rows). gradients (float32, rows x width).
    """

    table: str
    texts: numpy.ndarray
    keys: numpy.ndarray
    gradients: numpy.ndarray


@contextmanager
def watched_pieces(node: Any) -> Iterator[Callable[[bool], WordGradients]]:
    """Give a function that returns the gradients at the word piece table after a backward pass.

    Pieces of spans that overlap come as often as spans have them; their sum is the gradient at the piece.
    """
    batch: Any = None
    output: Any = None
    owner = get_ident()

    def embed(module: Any, inputs: Any, found: Any) -> Any:
        nonlocal output
        if get_ident() != owner:
            return None  # another thread predicts
        output = found.detach().requires_grad_(True)
        return output

    original = node._func

    def forward(model: Model, docs: Any, is_train: bool) -> Any:
        nonlocal batch
        batch, backprop = original(model, docs, is_train)
        return batch, backprop

    def words(special_tokens: bool) -> WordGradients:
        pieces = batch.wordpieces
        ids = numpy.asarray(on_cpu(pieces.input_ids))
        read = numpy.asarray(on_cpu(pieces.attention_mask)) > 0
        if not special_tokens:
            read &= ~numpy.isin(ids, node.tokenizer.all_special_ids)
        texts = numpy.repeat(numpy.arange(len(batch.spans)), [len(spans) for spans in batch.spans])
        rows, _ = read.nonzero()
        gradients = output.grad.cpu().numpy()[read]
        return WordGradients(PIECES, texts[rows], ids[read].astype(numpy.uint64), gradients)

    hook = node.transformer.get_input_embeddings().register_forward_hook(embed)
    try:
        with other_function(node, forward):
            yield words
    finally:
        hook.remove()

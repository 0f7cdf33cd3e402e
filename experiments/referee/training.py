"""Training a pipeline as a function of the weights of its documents' losses.

    theta = A(w),   every step on the gradient of   sum over documents k of the batch of w_k * loss_k

A document of weight 0 stays in its batch, is encoded and gets its dropout mask like all others, and adds nothing to
gradients: so all else (batches, masks, the number of steps) is that of the training with it, and what differs is what
its labels do. A document all of whose labels are missing has the loss log Z - log Z = 0, so it is treated as one of
weight 0. (Left to arithmetic, its gradient is a rounding error of about 1e-8, which Adam, dividing by its size, makes
a full step of in every row of the embeddings that nothing else of the batch touches.)
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Optional, Sequence

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer, set_dropout_rate, use_ops

from spacy_seginf.crf import negative_log_likelihood
from spacy_seginf.tagger.crf_head import CRFScores
from spacy_seginf.tagger.crf_tagger import CRFTagger, find_tagger

from .corpora import Corpus, Document
from .plan import batch_plan
from .recipe import Recipe

TAGGER = "crf_tagger"
INITIAL = 10  # documents from which shapes are inferred
OPS = {"use_blis": False}  # NumPy's own matrix products: the same but for rounding, in half the time


def train(corpus: Corpus, recipe: Recipe, seed: int, weights: Optional[numpy.ndarray] = None) -> Language:
    """Train a pipeline on the corpus's training documents.

    seed (int): of initial parameters, batches and dropout.
    weights (float64, documents): of the losses; 1 each if None.
    RETURNS (Language): one tagger, with the averaged parameters if the recipe has them.
    """
    fix_random_seed(seed)
    with use_ops("numpy", **OPS):
        nlp = load_model_from_config(recipe.config(corpus.labels), vocab=_vocab(), auto_fill=True)
    docs = make_docs(nlp, corpus.train)
    optimizer = nlp.initialize(lambda: [Example(doc, doc) for doc in docs[:INITIAL]])
    tagger = find_tagger(nlp, TAGGER)
    if recipe.pretrained is not None:
        tagger.model.get_ref("tok2vec").from_bytes(Path(recipe.pretrained).read_bytes())
    allowed = split_documents(corpus.allowed(corpus.train), corpus.train)
    ones = numpy.ones(len(docs))
    weights = ones if weights is None else weights
    plan = batch_plan([d.identifier for d in corpus.train], [len(d) for d in docs], seed, recipe.epochs, recipe.words)
    fix_random_seed(seed)
    for epoch, batches in enumerate(plan):
        counted = recipe.window is None or epoch >= recipe.epochs - recipe.window
        current = weights if counted else ones
        for batch in batches:
            step(
                tagger,
                optimizer,
                [docs[number] for number in batch],
                [allowed[number] for number in batch],
                current[batch],
                recipe.dropout,
            )
    put_averages(tagger.model, optimizer)
    return nlp


def step(
    tagger: CRFTagger,
    optimizer: Optimizer,
    docs: Sequence[Doc],
    allowed: Sequence[numpy.ndarray],
    weights: numpy.ndarray,
    dropout: float,
) -> None:
    """Update parameters on a batch, as ``CRFTagger.update`` does, with weights."""
    set_dropout_rate(tagger.model, dropout)
    scores, backprop = tagger.model.begin_update(list(docs))
    backprop(weighted_gradient(scores, allowed, weights))
    tagger.finish_update(optimizer)
    optimizer.step_schedules()


def weighted_gradient(scores: CRFScores, allowed: Sequence[numpy.ndarray], weights: numpy.ndarray) -> CRFScores:
    """Return the gradient of the weighted sum of losses with respect to the scores of a batch.

    allowed (bool, tokens x tags each): permitted tags of each document. weights (float64, documents).
    """
    given: Any = scores.emissions
    emissions: Any = numpy.zeros_like(given)
    transitions: Any = numpy.zeros_like(scores.transitions)
    annotated = numpy.array([not rows.all() for rows in allowed])
    counted = numpy.where(annotated, weights, 0.0)
    for weight in sorted(set(counted.tolist()) - {0.0}):
        chosen = counted == weight
        rows = numpy.repeat(chosen, scores.lengths)
        lengths = [length for length, own in zip(scores.lengths, chosen) if own]
        known = numpy.concatenate([own for own, one in zip(allowed, chosen) if one])
        loss = negative_log_likelihood(given[rows], scores.transitions, lengths, known)
        emissions[rows] = weight * loss.emissions
        transitions += weight * loss.transitions
    return CRFScores(emissions, transitions, scores.lengths)


def put_averages(model: Model, optimizer: Optimizer) -> None:
    """Give a model the averages of its parameters, which `spacy train` saves."""
    averages = optimizer.averages or {}
    for node in model.walk():
        for name in node.param_names:
            if (node.id, name) in averages:
                node.set_param(name, averages[node.id, name].copy())


def parameters(nlp: Language) -> numpy.ndarray:
    """Return all parameters of the tagger as one vector (float32)."""
    arrays: list[Any] = [
        node.get_param(name) for node in find_tagger(nlp, TAGGER).model.walk() for name in node.param_names
    ]
    return numpy.concatenate([array.ravel() for array in arrays])


@cache
def _vocab() -> Vocab:
    """Return one for all trainings of a process: it has no parameters, and making it takes a tenth of a training."""
    return spacy.blank("en").vocab


def make_docs(nlp: Language, documents: Sequence[Document]) -> list[Doc]:
    """Make documents without annotation."""
    return [Doc(nlp.vocab, words=document.tokens) for document in documents]


def split_documents(rows: numpy.ndarray, documents: Sequence[Document]) -> list[numpy.ndarray]:
    """Cut rows of all tokens into those of each document."""
    return numpy.split(rows, numpy.cumsum([len(document.tokens) for document in documents])[:-1])

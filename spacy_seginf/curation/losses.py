"""Losses and entropies: how little the head believes in a label, and how undecided it is."""

from __future__ import annotations

import numpy
from scipy.special import entr

from .source import LabelSource

LEAST = float(numpy.finfo(numpy.float32).tiny)  # of probabilities
SEGMENTS = 4096  # segments at once


def document_losses(source: LabelSource) -> numpy.ndarray:
    """Return L = log Z - score(labels) of each document in nats (float64, documents); what is missing is summed out."""
    return numpy.maximum(source.head.losses(source.data), 0.0)


def conditional_losses(source: LabelSource) -> numpy.ndarray:
    """Return CL = -log p(label | labels of the neighbours, text) of each token in nats (float64, tokens)."""
    found = source.conditionals
    rows = numpy.arange(len(source.labels))
    against = found.residuals[rows, source.labels]  # 1 - p, exact also where p rounds to 1
    return _surprise(-found.log_probabilities[rows, source.labels], against)


def marginal_losses(source: LabelSource) -> numpy.ndarray:
    """Return -log p(label | text) of each token in nats (float64, tokens)."""
    return losses_under(source.marginals, source.labels)


def held_out_losses(source: LabelSource) -> numpy.ndarray:
    """Return -log p(label | text), the document held out, of each token in nats (float64, tokens)."""
    return -numpy.log(numpy.clip(source.held_out.astype(numpy.float64), LEAST, 1.0))


def marginal_entropies(source: LabelSource) -> numpy.ndarray:
    """Return the entropy of p(. | text) of each token in nats (float64, tokens)."""
    return entr(source.marginals).sum(axis=1)


def conditional_entropies(source: LabelSource) -> numpy.ndarray:
    """Return the entropy of p(. | labels of the neighbours, text) of each token in nats (float64, tokens)."""
    return entr(numpy.exp(source.conditionals.log_probabilities)).sum(axis=1)


def segment_losses(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    """Return CL of segments (ints, n x 3) in nats (float64, n): their labels are free together, because wrong labels
    side by side support each other (Jain et al. 2022). RAISES (ValueError): S029."""
    starts = range(0, len(segments), SEGMENTS)
    parts = [source.chains(segments[start : start + SEGMENTS]).losses()[0] for start in starts]
    return numpy.concatenate([numpy.zeros(0), *parts])


def losses_under(marginals: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """Return -log p of labels (ints, tokens) in nats (float64, tokens). marginals (float64, tokens x labels)."""
    rows = numpy.arange(len(labels))
    others = marginals.copy()
    others[rows, labels] = 0.0
    return _surprise(-numpy.log(numpy.maximum(marginals[rows, labels], LEAST)), others.sum(axis=1))


def _surprise(losses: numpy.ndarray, against: numpy.ndarray) -> numpy.ndarray:
    """Take losses from 1 - p where p is above one half: no cancellation for confident predictions."""
    return numpy.where(against < 0.5, -numpy.log1p(-numpy.minimum(against, 0.5)), losses)

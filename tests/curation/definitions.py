"""Scores by definition: enumeration of labellings, explicit gradients and inverse Hessians."""

from __future__ import annotations

import numpy

from spacy_seginf.influence.fit import hessian

from ..crf.brute_force import enumerate_paths
from ..influence.heads import differences, segment_loss


def scores_of(source, head=None):
    """Emission scores and transitions of a source's head."""
    own = source.head if head is None else head
    return source.data.features.astype("float64") @ own.weights.T + own.bias, own.transitions


def tokens(source):
    """(row, document, token) of every token."""
    return [
        (int(source.data.starts[document]) + token, document, token)
        for document, length in enumerate(source.data.lengths)
        for token in range(length)
    ]


def marginals(source):
    """p(label | text), by enumerating all labellings of each document."""
    emissions, transitions = scores_of(source)
    found = []
    for start, length in zip(source.data.starts, source.data.lengths):
        if length:
            found.append(enumerate_paths(emissions[start : start + length], transitions).unary(source.data.labels))
    return numpy.concatenate(found)


def conditional(source, row, document, token):
    """p(. | labels of the neighbours, text) of a token, by enumeration."""
    losses = []
    for label in range(source.data.labels):
        labels = source.labels.copy()
        labels[row] = label
        losses.append(segment_loss(source.head, source.data, labels, (document, token, token + 1)))
    return numpy.exp(-numpy.array(losses))


def gradient(source, segment, data=None, labels=None):
    """The gradient of a segment's conditional loss, by finite differences of the enumerated loss."""
    data, labels = data or source.data, source.labels if labels is None else labels
    return differences(lambda head: segment_loss(head, data, labels, segment), source.head)


def inverse(source):
    """H^-1, from the dense Hessian."""
    return numpy.linalg.inv(hessian(source.data, source.head, source.penalty.l2))


def document_loss(source, document, head=None):
    """-log of the summed probability of the permitted labellings, by enumeration."""
    emissions, transitions = scores_of(source, head)
    start, length = int(source.data.starts[document]), source.data.lengths[document]
    every = enumerate_paths(emissions[start : start + length], transitions)
    allowed = source.data.allowed[start : start + length]
    permitted = allowed[numpy.arange(length), every.paths].all(axis=1)
    return -numpy.log(every.probabilities[permitted].sum())

"""Small random heads, and what they mean by definition: enumeration, dense matrices, finite differences."""

from __future__ import annotations

import itertools

import numpy

from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.fit import fit_head, hessian
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.segments import SegmentChains


def random_data(generator, lengths, labels, width, *, noise=2.0):
    """Make documents whose labels depend on the features, noisily. RETURNS: HeadData and the labels."""
    count = sum(lengths)
    features = generator.normal(size=(count, width)).astype("float32")
    scores = features @ generator.normal(size=(labels, width)).T + noise * generator.gumbel(size=(count, labels))
    gold = scores.argmax(axis=1)
    return HeadData(features, gold[:, None] == numpy.arange(labels), lengths), gold


def size_of(data):
    """Number of parameters of a head for these data."""
    return data.labels * data.width + data.labels**2


def fitted(data, l2):
    """Fit a head. RETURNS: the head, dense Hessian, metric."""
    fit = fit_head(data, Head.zeros(data), l2, 1e-10)
    assert fit.converged
    matrix = hessian(data, fit.head, l2)
    return fit.head, matrix, ExactCurvature.from_hessian(matrix, data.labels, data.width)


def segment_loss(head, data, labels, segment, allowed=None):
    """-log p(permitted labels of a segment | labels outside), by enumerating every labelling of the segment.

    allowed (bool, tokens of the segment x labels): what is permitted; the given labels if None.
    """
    document, start, end = segment
    first, length = int(data.starts[document]), data.lengths[document]
    transitions = head.transitions
    features = data.features[first : first + length].astype("float64")
    emissions = features @ head.weights.T + head.bias
    gold = labels[first : first + length]

    def total(options):
        scores = []
        for path in itertools.product(*options):
            edges = sum(transitions[edge] for edge in zip(path, path[1:]))
            scores.append(sum(emissions[token, label] for token, label in enumerate(path)) + edges)
        return numpy.logaddexp.reduce(scores)

    outside = [[label] for label in gold]
    everything = [range(data.labels)] * (end - start)
    permitted = [[label] for label in gold[start:end]]
    if allowed is not None:
        permitted = [numpy.flatnonzero(row) for row in allowed]
    free, held = list(outside), list(outside)
    free[start:end], held[start:end] = everything, permitted
    return total(free) - total(held)


def differences(function, head, step=1e-5):
    """Central finite differences of a function of a head (its output on the last axes)."""
    steps = step * numpy.eye(head.size)
    return numpy.array([(function(head.moved(e)) - function(head.moved(-e))) / (2 * step) for e in steps])


def scaled(head, factor):
    """The head with all parameters multiplied by a factor."""
    return Head.unpacked(factor * head.packed, head.labels)


def random_head(generator, data, size=1.0):
    """A head for these data whose parameters are drawn from a normal distribution."""
    return Head.unpacked(size * generator.normal(size=size_of(data)), data.labels)


def own_hessian(head, data, labels, segment):
    """The dense Hessian of a segment's conditional loss, by finite differences of its gradient."""

    def gradient(point):
        return -SegmentChains(point, data, labels, [segment]).gradients()[0]

    found = differences(gradient, head)
    return (found + found.T) / 2

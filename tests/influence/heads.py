"""Small random heads, and what they mean by definition: enumeration, dense matrices, finite differences."""

from __future__ import annotations

import itertools

import numpy

from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.fit import HeadData, fit_head, hessian, unpack
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
    """Fit a head. RETURNS: theta, dense Hessian, metric."""
    fit = fit_head(data, numpy.zeros(size_of(data)), l2, 1e-10)
    assert fit.converged
    matrix = hessian(data, fit.theta, l2)
    return fit.theta, matrix, ExactCurvature.from_hessian(matrix, data.labels, data.width)


def segment_loss(theta, data, labels, segment, allowed=None):
    """-log p(permitted labels of a segment | labels outside), by enumerating every labelling of the segment.

    allowed (bool, tokens of the segment x labels): what is permitted; the given labels if None.
    """
    document, start, end = segment
    first, length = int(data.starts[document]), data.lengths[document]
    weights, transitions = unpack(theta, data.labels)
    features = data.features[first : first + length].astype("float64")
    emissions = features @ weights[:, :-1].T + weights[:, -1]
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


def differences(function, point, step=1e-5):
    """Central finite differences of a function of a vector (its output on the last axes)."""
    return numpy.array(
        [(function(point + step * e) - function(point - step * e)) / (2 * step) for e in numpy.eye(len(point))]
    )


def own_hessian(theta, data, labels, segment):
    """The dense Hessian of a segment's conditional loss, by finite differences of its gradient."""

    def gradient(point):
        return -SegmentChains(point, data, labels, [segment]).factors().gradients()[0]

    found = differences(gradient, theta)
    return (found + found.T) / 2

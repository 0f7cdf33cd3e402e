"""Misannotation scores that the first paper compares opposition of single labels with: neighbours, and documents."""

from __future__ import annotations

import numpy
import torch

from .neighbours import COMPARED
from .norms import document_gradients
from .opposition import TOP, trusted_gradients, trusted_of, trusted_tokens
from .source import LabelSource

DOCUMENTS = 128  # trusted documents that are asked at once


def trusted_neighbours(source: LabelSource, top: int = TOP) -> numpy.ndarray:
    """Return how like trusted tokens of other labels each training token is (float64, tokens; 0 or more).

    The score is the mean of the ``top`` largest inner products of its features with those of trusted tokens that have
    another label (Jain et al. 2022, section 6, with the 10 largest); a negative one counts 0. With fewer such tokens
    the mean is over all of them, and without any the score is 0.
    """
    trusted = trusted_of(source)
    rows = trusted_tokens(trusted)
    result = numpy.zeros(len(source.labels))
    for label in numpy.unique(source.labels):
        others = rows[trusted.labels[rows] != label]
        own = numpy.flatnonzero(source.labels == label)
        theirs = torch.from_numpy(trusted.data.features[others]).T
        size = max(1, COMPARED // max(len(others), 1))
        for start in range(0, len(own) if len(others) else 0, size):
            part = own[start : start + size]
            products = torch.from_numpy(source.data.features[part]) @ theirs
            largest = torch.topk(products, min(top, len(others)), dim=1).values.numpy()
            result[part] = numpy.maximum(largest, 0.0).mean(axis=1, dtype=numpy.float64)
    return result


def document_trusted_opposition(source: LabelSource, top: int = TOP) -> numpy.ndarray:
    """Return how strongly each training document opposes the trusted ones (float64, documents; 0 or more).

    The influence of a training document on a trusted one is g_q^T H^-1 g_z, with g the gradients of their whole losses
    (instance influence). The score is the mean of the ``top`` most negative ones with their sign turned, and a trusted
    document that the training document supports counts 0 (Jain et al. 2022, section 6; any metric). With fewer trusted
    documents the mean is over all of them.
    """
    trusted = trusted_of(source)
    documents = numpy.unique(trusted.segments[:, 0])
    best = numpy.zeros((len(source.data.lengths), min(top, len(documents))))
    for start in range(0, len(documents), DOCUMENTS):
        whole = trusted.data.whole(documents[start : start + DOCUMENTS])
        curved = source.metric.apply(trusted_gradients(source, whole))
        for part, gradients in document_gradients(source):
            opposition = numpy.maximum(-gradients @ curved.T, 0.0)
            best[part] = numpy.sort(numpy.concatenate([best[part], opposition], axis=1), axis=1)[:, -best.shape[1] :]
    return best.mean(axis=1) if best.size else numpy.zeros(len(best))

"""What a head that has learned from trusted labels alone says of other labels.

Labels that are wrong everywhere in the same way are predicted as they are by a head that was trained on them, and their
loss is low; a head that has never seen them has learned no such thing.
"""

from __future__ import annotations

import numpy

from ..influence.choose import FALLBACK, fit_to_optimum
from ..influence.fit import HeadData, emission_scores, label_marginals, unpack
from .clean import clean_of
from .losses import losses_under
from .source import LabelSource


def trusted_losses(source: LabelSource) -> numpy.ndarray:
    """Return -log p(label | text) of each training token under a head that is fitted to the trusted labels only, on the
    features of the source (nats; float64, tokens). The penalty per token is the source's. 0 without trusted labels."""
    trusted = clean_of(source)
    if not len(trusted):
        return numpy.zeros(len(source.labels))
    penalty = (source.l2 or FALLBACK) / len(source.labels)
    return losses_by(trusted_head(trusted.data, source.theta, penalty), source.data, source.labels)


def trusted_head(trusted: HeadData, start: numpy.ndarray, penalty: float) -> numpy.ndarray:
    """Fit a head to trusted labels (float64, P). start (float64, P): where to begin. penalty (float): l2 per token."""
    return fit_to_optimum(trusted, start, penalty * len(trusted.allowed)).theta


def losses_by(theta: numpy.ndarray, data: HeadData, labels: numpy.ndarray) -> numpy.ndarray:
    """Return -log p(label | text) of labels (ints, tokens) under a head (float64, P), in nats (float64, tokens)."""
    weights, transitions = unpack(theta, data.labels)
    return losses_under(label_marginals(data, emission_scores(data, weights), transitions), labels)

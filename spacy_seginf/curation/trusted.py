"""What a head that has learned from trusted labels alone says of other labels.

Labels that are wrong everywhere in the same way are predicted as they are by a head that was trained on them, and their
loss is low; a head that has never seen them has learned no such thing.
"""

from __future__ import annotations

import numpy

from ..influence.choose import FALLBACK, choose_l2, fit_to_optimum, hold_out
from ..influence.data import HeadData
from ..influence.head import Head
from .clean import clean_of
from .losses import losses_under
from .source import LabelSource


def trusted_losses(source: LabelSource) -> numpy.ndarray:
    """Return -log p(label | text) of each training token under a head that is fitted to the trusted labels only, on the
    features of the source (nats; float64, tokens). 0 without trusted labels.

    RAISES (ValueError): S051 if they are too few for any penalty.
    """
    trusted = clean_of(source)
    if not len(trusted):
        return numpy.zeros(len(source.labels))
    head = fit_to_optimum(trusted.data, source.head, trusted_l2(trusted.data)).head
    return losses_by(head, source.data, source.labels)


def trusted_l2(trusted: HeadData) -> float:
    """Choose the penalty of a head for trusted labels on one document in ten of them."""
    rest, held_out = hold_out(trusted)
    if not len(rest.allowed) or not len(held_out.allowed):
        return FALLBACK
    return choose_l2(rest, held_out, Head.zeros(trusted)).l2


def losses_by(head: Head, data: HeadData, labels: numpy.ndarray) -> numpy.ndarray:
    """Return -log p(label | text) of labels (ints, tokens) under a head, in nats (float64, tokens)."""
    return losses_under(head.marginals(data), labels)

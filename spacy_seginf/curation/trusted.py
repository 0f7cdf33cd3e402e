"""What a head that has learned from trusted labels alone says of other labels.

Labels that are wrong everywhere in the same way are predicted as they are by a head that was trained on them, and their
loss is low; a head that has never seen them has learned no such thing.
"""

from __future__ import annotations

import numpy

from ..influence.choose import CANDIDATES, FALLBACK, approach, choose_l2, hold_out
from ..influence.data import HeadData
from ..influence.head import Head
from ..progress import PENALTY, advance, step
from .losses import losses_under
from .opposition import trusted_of
from .source import LabelSource

GAP = 1e-6  # nats per token that the head may miss its optimum by


def trusted_losses(source: LabelSource) -> numpy.ndarray:
    """Return -log p(label | text) of each training token under a head that is fitted to the trusted labels only, on the
    features of the source (nats; float64, tokens). 0 without trusted labels.

    RAISES (ValueError): S051 if they are too few for any penalty.
    """
    trusted = trusted_of(source)
    if not len(trusted):
        return numpy.zeros(len(source.labels))
    return losses_by(trusted_head(trusted.data), source.data, source.labels)


def trusted_head(trusted: HeadData) -> Head:
    """Fit a head to trusted labels alone, to within GAP nats per token.

    RAISES (ValueError): S051 if they are too few for any penalty.
    """
    return approach(trusted, Head.zeros(trusted), trusted_l2(trusted), GAP).head


def trusted_l2(trusted: HeadData) -> float:
    """Choose the penalty of a head for trusted labels on one document in ten of them."""
    rest, held_out = hold_out(trusted)
    if not len(rest.allowed) or not len(held_out.allowed):
        return FALLBACK
    with step("Penalties", len(CANDIDATES), PENALTY):
        return choose_l2(rest, held_out, Head.zeros(trusted), tried=lambda l2, loss: advance(1, PENALTY)).l2


def losses_by(head: Head, data: HeadData, labels: numpy.ndarray) -> numpy.ndarray:
    """Return -log p(label | text) of labels (ints, tokens) under a head, in nats (float64, tokens)."""
    return losses_under(head.marginals(data), labels)

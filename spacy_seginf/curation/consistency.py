"""A label against those of the same word elsewhere: annotators who contradict each other leave traces."""

from __future__ import annotations

import numpy

from .losses import LEAST
from .source import LabelSource

STRENGTH = 1.0  # of the head's predictions, in occurrences


def form_losses(source: LabelSource) -> numpy.ndarray:
    """Return -log of the share of the token's label among the same word's occurrences in other documents, in nats
    (float64, tokens).

    The share is smoothed by the head's held-out p(label | text), which counts as one occurrence more: a word that
    occurs nowhere else has the held-out loss. Words are compared as they are written.
    """
    same, every = _occurrences(source)
    return _smoothed(source, same[0] - same[1], every[0] - every[1])


def document_form_losses(source: LabelSource) -> numpy.ndarray:
    """Return the same of the word's other occurrences in its own document (float64, tokens)."""
    same, every = _occurrences(source)
    return _smoothed(source, same[1] - source.known, every[1] - source.known)


def _occurrences(source: LabelSource) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Count the annotated occurrences of each token's word with the token's label, and with any (both float64, 2 x
    tokens): in all documents, and in its own. The token itself counts."""
    numbers: dict[str, int] = {}
    forms = numpy.array([numbers.setdefault(word, len(numbers)) for words in source.words for word in words], dtype=int)
    documents = numpy.repeat(numpy.arange(len(source.data.lengths)), source.data.lengths)
    known = source.known.astype(numpy.float64)
    same, every = numpy.zeros((2, 2, len(forms)))
    for place, groups in enumerate((forms, documents * max(len(numbers), 1) + forms)):
        for counted, keys in ((every, groups), (same, groups * source.data.labels + source.labels)):
            members = numpy.unique(keys, return_inverse=True)[1].reshape(-1)
            counted[place] = numpy.bincount(members, known)[members]
    return same, every


def _smoothed(source: LabelSource, same: numpy.ndarray, every: numpy.ndarray) -> numpy.ndarray:
    same, every = numpy.maximum(same, 0.0), numpy.maximum(every, 0.0)
    share = (same + STRENGTH * source.held_out.astype(numpy.float64)) / (every + STRENGTH)
    return -numpy.log(numpy.clip(share, LEAST, 1.0))

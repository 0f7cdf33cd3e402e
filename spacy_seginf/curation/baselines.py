"""Scores to compare with: cleanlab's, and chance."""

from __future__ import annotations

import numpy

from ..crf import split_rows
from ..errors import Errors, SeginfError
from .source import LabelSource

# Of what cleanlab gets: its confidence-weighted entropy computes log(1 + x) / x, which for surer predictions is rounded
# to 0, and they would be the most suspicious of all.
LEAST = 1e-7


def cleanlab_scores(source: LabelSource, method: str) -> numpy.ndarray:
    """Return 1 - cleanlab's label quality of each token (float64, tokens, 0 to 1), from the head's marginals.

    method (str): "self_confidence" (the order of the marginal loss), "normalized_margin" or
        "confidence_weighted_entropy".
    RAISES (ValueError): S105 if cleanlab is not installed.
    """
    try:
        from cleanlab.token_classification.rank import get_label_quality_scores
    except ImportError:
        raise SeginfError(Errors.S105) from None
    lengths = [length for length in source.data.lengths if length]
    labels = [part.tolist() for part in split_rows(source.labels, lengths)]
    probabilities = split_rows(numpy.maximum(source.marginals, LEAST), lengths)
    _, quality = get_label_quality_scores(labels, probabilities, token_score_method=method)
    return 1.0 - numpy.concatenate([numpy.zeros(0), *(part.to_numpy() for part in quality)])


def random_scores(source: LabelSource) -> numpy.ndarray:
    """Draw from [0, 1) with the seed of the source (float64, tokens): the floor of all comparisons."""
    return numpy.random.default_rng(source.seed).random(len(source.labels))

"""The linear datamodelling score (Park et al. 2023, "TRAK", section 2): do sums of scores predict a refit?

The head is refit on random halves of the training documents. A method predicts how likely a query's labels become by
the sum of the scores of the segments that are kept; the score is the Spearman correlation of that with minus the real
loss, over halves. Annotated entities and suspected missing ones are segments; other tokens count for no method.
"""

from __future__ import annotations

import numpy


def draw_halves(generator: numpy.random.Generator, count: int, halves: int) -> numpy.ndarray:
    """Draw subsets that keep half of all, rounded down (bool, halves x count). The first ones do not depend on how many
    are drawn."""
    kept = numpy.zeros((halves, count), dtype=bool)
    for half in kept:
        half[generator.permutation(count)[: count // 2]] = True
    return kept


def datamodelling_scores(scores: numpy.ndarray, kept: numpy.ndarray, losses: numpy.ndarray) -> numpy.ndarray:
    """Correlate, for each query, predicted and real outcomes over subsets.

    scores (float64, queries x segments): positive supports.
    kept (bool, subsets x segments): which segments each subset keeps.
    losses (float64, subsets x queries): real losses of the queries' labels (nats).
    RETURNS (float64, queries): Spearman correlations, 0 where one side is constant: that predicts nothing.
    """
    from scipy.stats import rankdata

    predicted = rankdata(kept @ scores.T, axis=0)
    real = rankdata(-losses, axis=0)
    predicted, real = predicted - predicted.mean(axis=0), real - real.mean(axis=0)
    scale = numpy.sqrt((predicted**2).sum(axis=0) * (real**2).sum(axis=0))
    return numpy.where(scale > 0, (predicted * real).sum(axis=0) / numpy.where(scale > 0, scale, 1.0), 0.0)

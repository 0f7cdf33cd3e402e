"""How far predicted effects agree with real ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy


@dataclass(frozen=True)
class Agreement:
    """Agreement of predicted with actual effects over pairs, none left out.

    pearson, spearman: correlations. slope: of predicted on actual; 1 is right, below 1 predicts too small an effect.
    sign: share of pairs whose predicted sign is right. pairs: how many. All are nan where they are not defined.
    """

    pearson: float
    spearman: float
    slope: float
    sign: float
    pairs: int

    def as_dict(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)


def agreement(predicted: numpy.ndarray, actual: numpy.ndarray) -> Agreement:
    """Compare predicted with actual effects (floats, any shape, the same for both)."""
    predicted, actual = numpy.ravel(predicted).astype(float), numpy.ravel(actual).astype(float)
    if len(actual) < 2 or numpy.ptp(actual) == 0 or numpy.ptp(predicted) == 0:
        nan = float("nan")
        return Agreement(nan, nan, nan, nan, len(actual))
    from scipy.stats import rankdata

    centred = actual - actual.mean()
    return Agreement(
        pearson=float(numpy.corrcoef(predicted, actual)[0, 1]),
        spearman=float(numpy.corrcoef(rankdata(predicted), rankdata(actual))[0, 1]),
        slope=float(centred @ predicted / (centred @ centred)),
        sign=float((numpy.sign(predicted) == numpy.sign(actual)).mean()),
        pairs=len(actual),
    )

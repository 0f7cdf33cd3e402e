"""Predicted against actual effects as a picture. Needs matplotlib (the extra ``plots``)."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

import numpy

from spacy_seginf.rendering.plotting import COLORS, load_pyplot, write_figure


def plot_agreement(predictions: Mapping[str, numpy.ndarray], actual: numpy.ndarray, path: Path) -> None:
    """Draw a panel for each prediction, with the line on which it would be right.

    predictions (mapping of str to floats, pairs), actual (floats, pairs): changes on removal, nats.
    path (Path): a PNG file.
    RAISES (ValueError): S110 without matplotlib.
    """
    pyplot = load_pyplot()
    size = 4 * len(predictions), 4
    figure, row = pyplot.subplots(1, len(predictions), figsize=size, layout="constrained", squeeze=False)
    ends = [float(actual.min()), float(actual.max())]
    for axes, (name, predicted) in zip(row[0], predictions.items()):
        axes.plot(ends, ends, color=COLORS[1], linewidth=1)
        axes.scatter(actual, predicted, s=6, alpha=0.4, edgecolors="none", color=COLORS[0])
        axes.set_title(name, fontsize=10)
        axes.set(xlabel="actual change by refit (nats)", ylabel="predicted change")
        axes.spines[["top", "right"]].set_visible(False)
    write_figure(figure, path)
    pyplot.close(figure)

"""Predicted against actual effects as a picture. Needs matplotlib (the extra ``plots``)."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

import numpy

from spacy_seginf.rendering.pictures import COLORS, new_figure, save_picture


def plot_agreement(predictions: Mapping[str, numpy.ndarray], actual: numpy.ndarray, path: Path) -> None:
    """Draw a panel for each prediction, with the line on which it would be right.

    predictions (mapping of str to floats, pairs), actual (floats, pairs): changes on removal, nats.
    path (Path): a PNG file.
    RAISES (ValueError): S110 without matplotlib.
    """
    figure = new_figure(4 * len(predictions), 4)
    row = figure.subplots(1, len(predictions), squeeze=False)
    ends = [float(actual.min()), float(actual.max())]
    for axes, (name, predicted) in zip(row[0], predictions.items()):
        axes.plot(ends, ends, color=COLORS[1], linewidth=1)
        axes.scatter(actual, predicted, s=6, alpha=0.4, edgecolors="none", color=COLORS[0])
        axes.set_title(name, fontsize=10)
        axes.set(xlabel="actual change by refit (nats)", ylabel="predicted change")
        axes.spines[["top", "right"]].set_visible(False)
    save_picture(figure, path)

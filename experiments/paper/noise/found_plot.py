"""How many wrong documents are found by reading the most suspicious ones first, as a picture. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

import numpy

from spacy_seginf.rendering.pictures import COLORS, new_figure, save_picture


def plot_found(curves: Mapping[str, Sequence[Sequence[float]]], path: Path) -> None:
    """Draw the share of wrong documents among those read so far, as a PNG file.

    curves: by the name of a score, for each pipeline or draw, the share that is found among the first 0, 1, ... n
        documents; the mean is drawn.
    RAISES (ValueError): S110 without matplotlib.
    """
    figure = new_figure(11, 5)
    axes = figure.subplots()
    for number, (name, found) in enumerate(curves.items()):
        mean = numpy.mean(found, axis=0)
        style = "-" if number < len(COLORS) else "--"
        axes.plot(range(len(mean)), mean, style, label=name, color=COLORS[number % len(COLORS)])
        last = len(mean) - 1
    axes.plot([0, last], [0, 1], ":", color="#999999", label="chance")
    axes.set(xlabel="documents read", ylabel="share of the wrong ones found", xlim=(0, last), ylim=(0, 1.01))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    save_picture(figure, path)

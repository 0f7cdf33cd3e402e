"""A picture of how probabilities fit: what they say beside what is so, and errors by how much is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

import numpy

from ..crf.calibration import bins, risk_coverage
from ..rendering.pictures import COLORS, new_figure, save_picture


def plot_reliability(probabilities: Mapping[str, numpy.ndarray], right: numpy.ndarray, path: Path) -> None:
    """Draw a reliability diagram and risk-coverage curves.

    probabilities: by name, one for each prediction. right (bool): whether they are.
    RAISES (ValueError): S110 without matplotlib, S220 if the file's name ends in no kind of picture.
    """
    figure = new_figure(9, 4)
    reliability, risk = figure.subplots(1, 2)
    reliability.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for (name, values), color, marker in zip(probabilities.items(), COLORS, "os"):
        found = bins(values, right)
        reliability.plot([one[0] for one in found], [one[1] for one in found], marker=marker, color=color, label=name)
        curve = risk_coverage(values, right)
        risk.plot(numpy.arange(1, len(curve) + 1) / len(curve), curve, color=color, label=name)
    reliability.set(xlabel="probability", ylabel="share that is right", title="15 bins of equal mass")
    risk.set(xlabel="share that is kept, the most probable first", ylabel="share of errors", title="risk and coverage")
    reliability.legend()
    risk.legend()
    save_picture(figure, path)

"""What reading in different orders gives, as a picture. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

from ..evaluation.curating import Curve
from .plotting import COLORS, load_pyplot

STYLES = (("-", "o"), ("--", "s"), (":", "^"))


def plot_curves(curves: Mapping[str, Curve], path: Path) -> None:
    """Draw the F1 of refit heads, and the share of wrong tokens that was found, against looks, as a PNG file.

    curves: by the name of an order. RAISES (ValueError): S110 without matplotlib.
    """
    pyplot = load_pyplot()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for number, (name, curve) in enumerate(curves.items()):
        line, marker = STYLES[number % len(STYLES)]
        look = {"linestyle": line, "marker": marker, "color": COLORS[number % len(COLORS)], "label": name}
        left.plot(curve.looks, curve.f1, **look)
        right.plot(curve.looks, curve.wrong_found, **look)
    left.set(xlabel="looks", ylabel="F1 of the head refit, test texts")
    right.set(xlabel="looks", ylabel="share of wrong tokens found", ylim=(-0.02, 1.02))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    right.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)

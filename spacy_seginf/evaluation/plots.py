"""A comparison of methods as pictures, one per measure. Needs matplotlib (the extra ``plots``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..rendering.pictures import COLORS, new_figure, picture_text, save_picture
from .comparison import MEASURES, Comparison
from .deletion import SIDES

MARKERS = "osD^vP*X"


def plot_comparison(comparison: Comparison, folder: Path) -> list[Path]:
    """Draw the deletion curves of each side (with the first method's interval), and the means of all measures with
    their intervals, as PNG files.

    RAISES (ValueError): S110 without matplotlib.
    """
    written = []
    for side in SIDES:
        figure = new_figure(8, 5)
        axes = figure.subplots()
        _curves(axes, comparison, side)
        figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="outside right upper")
        written.append(folder / f"deletion_{side}.png")
        save_picture(figure, written[-1])
    for measure in comparison.measures:
        figure = new_figure(8, 1.2 + 0.35 * len(comparison.methods))
        _means(figure.subplots(), comparison, measure)
        written.append(folder / f"{measure}.png")
        save_picture(figure, written[-1])
    return written


def _curves(axes: Any, comparison: Comparison, side: str) -> None:
    ks = comparison.facts["ks"]
    for number, (method, points) in enumerate(zip(comparison.methods, comparison.curves(side))):
        style = {"color": COLORS[number % len(COLORS)], "marker": MARKERS[number % len(MARKERS)]}
        style["linestyle"] = "-" if number < len(COLORS) else "--"
        axes.plot(ks, [point.mean for point in points], label=picture_text(method.name), markersize=4, **style)
        if number == 0:  # bands of all methods would cover each other
            low, high = [point.low for point in points], [point.high for point in points]
            band = {"color": style["color"], "alpha": 0.12, "linewidth": 0}
            axes.fill_between(ks, low, high, label=f"95 % interval of {picture_text(method.name)}", **band)
    axes.axhline(0.0, color="#999999", linewidth=0.8)
    axes.set(xlabel=f"top {side} segments whose labels are removed", ylabel="change of the prediction's probability")
    axes.spines[["top", "right"]].set_visible(False)


def _means(axes: Any, comparison: Comparison, measure: str) -> None:
    estimates = comparison.estimates(measure)
    means = [value.mean for value in estimates]
    spread = [[v.mean - v.low for v in estimates], [v.high - v.mean for v in estimates]]
    places = list(range(len(means)))
    axes.errorbar(means, places, xerr=spread, fmt="o", color=COLORS[0], capsize=3)
    axes.axvline(0.0, color="#999999", linewidth=0.8)
    axes.set(yticks=places, yticklabels=[picture_text(method.name) for method in comparison.methods])
    axes.invert_yaxis()
    axes.set_xlabel(MEASURES[measure].column)
    axes.spines[["top", "right"]].set_visible(False)

"""Draw the pictures of docs/mathematics.md. Their numbers are computed, from a few invented points and a logistic head.

python scripts/pictures.py docs/pictures
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.axes import Axes

INK, FOR, AGAINST = "#37474f", "#1b7f4b", "#b3472f"
PENALTY = 0.5
STEPS = 50


def sigmoid(values: numpy.ndarray) -> numpy.ndarray:
    return 1.0 / (1.0 + numpy.exp(-values))


def fit(points: numpy.ndarray, signs: numpy.ndarray) -> numpy.ndarray:
    """Return the optimum of sum log(1 + exp(-sign theta.x)) + PENALTY / 2 |theta|^2 (d), by Newton's method."""
    theta = numpy.zeros(points.shape[1])
    for _ in range(STEPS):
        theta = theta - numpy.linalg.solve(curvature(points, theta), gradient(points, signs, theta))
    return theta


def gradient(points: numpy.ndarray, signs: numpy.ndarray, theta: numpy.ndarray) -> numpy.ndarray:
    return -points.T @ (signs * sigmoid(-signs * (points @ theta))) + PENALTY * theta


def curvature(points: numpy.ndarray, theta: numpy.ndarray) -> numpy.ndarray:
    p = sigmoid(points @ theta)
    return (points.T * (p * (1.0 - p))) @ points + PENALTY * numpy.eye(points.shape[1])


def objective(points: numpy.ndarray, signs: numpy.ndarray, theta: float) -> float:
    losses = numpy.logaddexp(0.0, -signs * points[:, 0] * theta)
    return float(losses.sum() + PENALTY / 2.0 * theta**2)


def draw_removal(axes: Axes) -> None:
    """A loss with one parameter, with all labels and without one: where one Newton step leads, and the optimum."""
    points = numpy.array([[1.6], [1.1], [0.8], [-0.9], [-1.4], [1.9]])
    signs = numpy.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])  # the last label is wrong
    rest = slice(0, 5)
    theta = fit(points, signs)
    without = fit(points[rest], signs[rest])
    step = numpy.linalg.solve(curvature(points[rest], theta), gradient(points[rest], signs[rest], theta))
    plain = numpy.linalg.solve(curvature(points, theta), gradient(points[rest], signs[rest], theta))
    grid = numpy.linspace(-0.2, 2.4, 200)
    everything = numpy.array([objective(points, signs, value) for value in grid])
    less = numpy.array([objective(points[rest], signs[rest], value) for value in grid])
    axes.plot(grid, everything, color=INK, label="loss of all labels")
    axes.plot(grid, less, color=FOR, label="loss without one label")
    for place, name, height in (
        (theta[0], "the head ", 0.92),
        ((theta - plain)[0], "one step with $H$ ", 0.92),
        ((theta - step)[0], "with $H - H_k$ ", 0.80),
        (without[0], "refit ", 0.68),
    ):
        axes.axvline(place, color=AGAINST, linewidth=0.8, linestyle=":")
        axes.annotate(name, (place, height), xycoords=("data", "axes fraction"), color=INK, fontsize=9, ha="right")
    axes.set_xlabel("parameter of the head")
    axes.set_ylabel("loss (nats)")
    axes.legend(frameon=False, loc="lower left", fontsize=9)


def draw_shares(axes: Axes) -> None:
    """Shares of families in the margin of one prediction, which add up to it."""
    families = {
        "labels LOC behind “in”": ([[1.0, 0.2], [1.2, 0.1], [0.9, 0.3]], 1.0),
        "labels LOC in lists": ([[0.4, 0.9], [0.5, 1.1]], 1.0),
        "labels ORG in results": ([[0.6, -1.0], [0.5, -1.2], [0.7, -0.9]], -1.0),
        "labels ORG behind “the”": ([[-1.0, -0.3], [-0.8, 0.1]], -1.0),
    }
    asked = numpy.array([0.9, 0.35])
    points = numpy.array([point for found, _ in families.values() for point in found])
    signs = numpy.array([sign for found, sign in families.values() for _ in found])
    theta = fit(points, signs)
    each = signs * sigmoid(-signs * (points @ theta)) * (points @ asked) / PENALTY
    owners = numpy.repeat(numpy.arange(len(families)), [len(found) for found, _ in families.values()])
    left, rows = 0.0, [*families, "= margin of LOC over ORG"]
    for row in range(len(families)):
        share = float(each[owners == row].sum())
        axes.barh(row, share, left=left, color=FOR if share > 0 else AGAINST)
        axes.text(left + max(share, 0.0) + 0.02, row, f"{share:+.2f}", va="center", fontsize=9, color=INK)
        left += share
    axes.barh(len(families), left, color=INK)
    axes.text(left + 0.02, len(families), f"{left:+.2f}", va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(rows)), rows, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("nats")


def main(folder: Path) -> None:
    """Write removal.png and shares.png."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("removal", draw_removal), ("shares", draw_shares)):
        figure, axes = pyplot.subplots(figsize=(6.4, 3.2), layout="constrained")
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(folder / f"{name}.png", dpi=130, metadata={"Software": None})
        pyplot.close(figure)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

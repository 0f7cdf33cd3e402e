"""Pictures of reviewing: what families a ranking has, and how many errors reading finds. They need matplotlib."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Mapping, Sequence

from ..rendering.pictures import COLORS, new_figure, picture_text, save_picture
from .issues import LabelIssue, Ranking, change_of
from .regions import KINDS

LARGEST = 15
EXAMPLES = 3
LOOKS = {  # hatch and words of a kind: colours alone are not enough
    "relabel": ("", "relabel: another type"),
    "remove": ("///", "remove: no entity"),
    "add": ("...", "add: an entity is missing"),
    "rebound": ("xxx", "rebound: other boundaries"),
}
DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X"
MARKED = 12  # markers on a line


def plot_families(ranking: Ranking, path: Path, largest: int = LARGEST) -> None:
    """Draw the sizes of the largest families, each with what would change and some of its words.

    ranking (Ranking): issues. path (Path): the picture: .png, .svg or .pdf. largest (int): how many families.
    RAISES (ValueError): S110 without matplotlib, S220 if the file's name ends in no kind of picture.
    """
    families = _largest(ranking, largest)
    figure = new_figure(10, 1.6 + 0.5 * max(1, len(families)))
    axes = figure.subplots()
    for kind in KINDS:
        color, (hatch, words) = COLORS[KINDS.index(kind)], LOOKS[kind]
        rows = [number for number, members in enumerate(families) if members[0].kind == kind]
        if rows:
            sizes = [len(families[number]) for number in rows]
            bars = axes.barh(rows, sizes, color=color, hatch=hatch, edgecolor="white", label=words)
            axes.bar_label(bars, padding=4)
    axes.set_yticks(range(len(families)), [_name(members) for members in families])
    axes.invert_yaxis()
    axes.set_xlabel("label issues in the family")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    if families:
        axes.margins(x=0.08)
        figure.legend(frameon=False, loc="outside upper left", ncols=len(KINDS))
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "There are no families: no two issues are alike.", ha="center", transform=axes.transAxes)
    save_picture(figure, path)


def plot_reading_curve(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    path: Path,
    *,
    read: str = "spans read",
    found: str = "errors found",
) -> None:
    """Draw what reading brings, in one order and in others, such as a random one or by loss.

    curves (mapping): by the name of an order, how much was read at each point, and what was found by then (or reached,
        such as F1).
    path (Path): the picture: .png, .svg or .pdf.
    read, found (str): what the two are, for the axes.
    RAISES (ValueError): S110 without matplotlib, S220 if the file's name ends in no kind of picture.
    """
    figure = new_figure(9, 5)
    axes = figure.subplots()
    for number, (name, (places, values)) in enumerate(curves.items()):
        axes.plot(
            places,
            values,
            label=picture_text(name),
            color=COLORS[number % len(COLORS)],
            linestyle=DASHES[number % len(DASHES)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=5,
            markevery=max(1, len(places) // MARKED),
        )
    axes.set(xlabel=picture_text(read, 80), ylabel=picture_text(found, 80))
    axes.spines[["top", "right"]].set_visible(False)
    if curves:
        figure.legend(frameon=False, loc="outside right upper")
    save_picture(figure, path)


def _largest(ranking: Ranking, count: int) -> list[list[LabelIssue]]:
    """Return the largest families, the largest first; of those of one size, the most suspicious first."""
    families: dict[str, list[LabelIssue]] = {}
    for one in ranking.issues:
        if one.family:
            families.setdefault(one.family, []).append(one)
    return sorted(families.values(), key=len, reverse=True)[:count]


def _name(members: Sequence[LabelIssue]) -> str:
    """Name a family: what would change, and below it the most frequent words."""
    texts = Counter(" ".join(one.region) for one in members)
    examples = ", ".join(picture_text(text, 24) for text, _ in texts.most_common(EXAMPLES))
    return f"{picture_text(change_of(members[0]))}\n{examples}" + (", ..." if len(texts) > EXAMPLES else "")

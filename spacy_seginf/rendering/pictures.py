"""Pictures of what strangers wrote: texts that matplotlib shows as they are, files that it can write, and colours that
colour-blind readers can tell apart.

Figures are made without pyplot, so that the backend of a notebook stays what it is.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import Errors, SeginfError
from ..extras import with_extra
from ..files import write_bytes
from .text import shorten, visible

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
ENDINGS = (".png", ".svg", ".pdf")


def check_pictures() -> None:
    """See whether pictures can be drawn at all. RAISES (ValueError): S110 without matplotlib."""
    _figure_class()


def check_picture(path: Path) -> None:
    """See whether a picture can be drawn, before the work that it shows.

    RAISES (ValueError): S110 without matplotlib, S220 if the name of the file ends in no kind of picture.
    """
    check_pictures()
    if path.suffix.lower() not in ENDINGS:
        raise SeginfError(Errors.S220.format(path=path, endings=", ".join(ENDINGS)))


def new_figure(width: float, height: float) -> Any:
    """Return a figure of a size in inches. RAISES (ValueError): S110 without matplotlib."""
    return _figure_class()(figsize=(width, height), layout="constrained")


def picture_text(text: str, limit: int = 40) -> str:
    """Return text that a picture shows as it is: no formula, no control character, not too long, never hidden."""
    shown = shorten(visible(text), limit).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown  # a legend leaves out names that begin with a line


def save_picture(figure: Any, path: Path) -> None:
    """Write a figure, all of it or nothing.

    RAISES (ValueError): S110 without matplotlib, S220 if the file's name ends in no kind of picture.

    Characters that matplotlib's font lacks become boxes; name fonts that have them in rcParams["font.family"].
    """
    check_picture(path)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        content = BytesIO()
        figure.savefig(content, dpi=150, format=path.suffix[1:].lower())
    write_bytes(path, content.getvalue())


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SeginfError(Errors.S110.format(package=with_extra("plots"))) from None
    return Figure

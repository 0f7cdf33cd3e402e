"""What all pictures share: matplotlib without a screen, and colours that colour-blind readers can tell apart."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import Errors, SeginfError
from ..files import write_bytes

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def load_pyplot() -> Any:
    """Import matplotlib's pyplot. RAISES (ValueError): S110 without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise SeginfError(Errors.S110) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def write_figure(figure: Any, path: Path) -> None:
    """Write a figure to a file, in the format that its name ends in; all of it or nothing."""
    content = BytesIO()
    figure.savefig(content, dpi=150, format=path.suffix[1:].lower())
    write_bytes(path, content.getvalue())

"""What all pictures share: matplotlib without a screen, and colours that colour-blind readers can tell apart."""

from __future__ import annotations

from typing import Any

from ..errors import Errors

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def load_pyplot() -> Any:
    """Import matplotlib's pyplot. RAISES (ValueError): S110 without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise ValueError(Errors.S110) from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot

"""Plain tables as pandas frames, where pandas is installed."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .errors import Errors, SeginfError


def data_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Return rows as a pandas DataFrame. RAISES (ValueError): S321 without pandas."""
    try:
        from pandas import DataFrame
    except ImportError:
        raise SeginfError(Errors.S321) from None
    return DataFrame(rows, columns=list(columns))

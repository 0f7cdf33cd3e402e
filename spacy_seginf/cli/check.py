"""Where version 0.1 had this function; it is ``spacy_seginf.check_index``."""

from ..api.check import check_index as check

__all__ = ["check"]

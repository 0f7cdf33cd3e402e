"""Where version 0.1 had this function; it is ``spacy_seginf.apply_decisions``."""

from ..api.apply import apply_decisions as apply

__all__ = ["apply"]

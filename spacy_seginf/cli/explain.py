"""Where version 0.1 had this function; it is ``spacy_seginf.explain``."""

from ..api.explain import explain

__all__ = ["explain"]

"""Where version 0.1 had this function; it is ``spacy_seginf.attach_index``."""

from ..api.attach import attach_index as attach

__all__ = ["attach"]

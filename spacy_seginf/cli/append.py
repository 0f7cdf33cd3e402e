"""Where version 0.1 had this function; it is ``spacy_seginf.append_to_index``."""

from ..api.append import append_to_index as append

__all__ = ["append"]

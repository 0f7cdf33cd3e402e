"""Where version 0.1 had this function; it is ``spacy_seginf.verify``."""

from ..api.verify import verify

__all__ = ["verify"]

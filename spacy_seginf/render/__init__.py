"""Where version 0.1 had this function; it is ``spacy_seginf.render_document``."""

from ..explanation.display import render_document as render

__all__ = ["render"]

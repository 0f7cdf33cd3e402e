"""Where version 0.1 had this function; it is ``spacy_seginf.score_labels``."""

from ..api.scores import score_labels as scores

__all__ = ["scores"]

"""Where version 0.1 had this function; it is ``spacy_seginf.import_answers``."""

from ..api.import_answers import import_answers

__all__ = ["import_answers"]

"""Where version 0.1 had this function; it is ``spacy_seginf.find_label_issues``."""

from ..api.rank import find_label_issues as rank

__all__ = ["rank"]

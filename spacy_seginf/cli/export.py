"""Where version 0.1 had this function; it is ``spacy_seginf.export_issues``."""

from ..api.export import export_issues as export

__all__ = ["export"]

"""Where version 0.1 had this function; it is ``spacy_seginf.build_index``."""

from ..api.index import build_index as index
from ..api.index import check_output, override_settings, prepare_influence

__all__ = ["check_output", "index", "override_settings", "prepare_influence"]

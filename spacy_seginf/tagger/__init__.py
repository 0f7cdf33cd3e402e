"""The tagger: its layers and architectures, the component, and how documents are read and encoded for it."""

from .architecture import build_crf_tagger
from .crf_head import CRFHead, CRFScores, head_parameters, set_head_parameters
from .parser_states import build_parser_states

__all__ = ["CRFHead", "CRFScores", "build_crf_tagger", "build_parser_states", "head_parameters", "set_head_parameters"]

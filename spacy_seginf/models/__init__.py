"""Thinc layers and registered architectures."""

from .crf_head import CRFHead, CRFScores, head_parameters, set_head_parameters
from .tagger import build_crf_tagger

__all__ = ["CRFHead", "CRFScores", "build_crf_tagger", "head_parameters", "set_head_parameters"]

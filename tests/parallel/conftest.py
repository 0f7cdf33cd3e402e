"""Fixtures of a tagger and its indices."""

from ..influence.fixtures import model_path, unsure_nlp

__all__ = ["model_path", "unsure_nlp"]

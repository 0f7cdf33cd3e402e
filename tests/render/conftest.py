"""Fixtures of a tagger and its index."""

from ..influence.fixtures import indexed_nlp, indexed_path, model_path, unsure_nlp

__all__ = ["indexed_nlp", "indexed_path", "model_path", "unsure_nlp"]

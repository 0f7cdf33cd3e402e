"""Fixtures of a tagger and its indices."""

from ..influence.fixtures import exact_nlp, exact_path, indexed_nlp, indexed_path, model_path, paper_path, unsure_nlp

__all__ = ["exact_nlp", "exact_path", "indexed_nlp", "indexed_path", "model_path", "paper_path", "unsure_nlp"]

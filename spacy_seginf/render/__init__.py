"""Explanations as people read them: in the terminal, in notebooks, as pages and as pictures."""

from .document import render

__all__ = ["render"]

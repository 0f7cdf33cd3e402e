"""Explanations as people read them: in the terminal and as a page."""

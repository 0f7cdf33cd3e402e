"""Fixtures of a tagger and its indices, and of methods that tests compare."""

from __future__ import annotations

import pytest

from ..influence.fixtures import exact_nlp, exact_path, indexed_path, model_path, paper_path, unsure_nlp
from .toy_methods import registered

__all__ = ["exact_nlp", "exact_path", "indexed_path", "model_path", "paper_path", "unsure_nlp"]

CONFIG = """
[methods]

[methods.toy-exact]
@misc = "tests.ToyExact.v1"

[methods.toy-random]
@misc = "tests.ToyRandom.v1"
seed = 3
"""


@pytest.fixture
def config(tmp_path):
    """A config file of two methods that another package registered."""
    path = tmp_path / "methods.cfg"
    path.write_text(CONFIG, encoding="utf8")
    with registered():
        yield path

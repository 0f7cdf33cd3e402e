"""docs/api.md says what the docstrings say, and the front door opens to all of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import spacy_seginf
from scripts.api_page import page

from .project.conftest import ROOT


def test_the_page_is_not_stale():
    written = (ROOT / "docs" / "api.md").read_text(encoding="utf8")
    assert written == page(), "run: python scripts/api_page.py docs/api.md"


@pytest.mark.parametrize("name", spacy_seginf.__all__)
def test_a_public_name(name):
    value = getattr(spacy_seginf, name)
    assert name in dir(spacy_seginf) and (value.__doc__ or "").strip()
    assert value.__module__.startswith("spacy_seginf.") and value.__name__ == name


def test_nothing_else_is_there():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = spacy_seginf.nothing
    assert sorted(spacy_seginf.PLACES) == sorted(spacy_seginf.__all__) == spacy_seginf.__all__


def test_the_import_costs_nothing():
    code = "import sys, spacy_seginf; print(any(name in sys.modules for name in ('numpy', 'spacy', 'thinc')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""Modules of version 0.1 are found under their old names, by scripts and by pickles."""

from __future__ import annotations

import pickle
import sys
from importlib import import_module

import pytest

import spacy_seginf
from spacy_seginf.moved import MOVED, RENAMED
from spacy_seginf.tagger.corpus import TrainingText


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name(old):
    new = import_module(MOVED[old])
    spec = new.__spec__
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is now {MOVED[old]}"):
        assert import_module(old) is new
    assert new.__spec__ is spec and new.__name__ == MOVED[old]


def test_a_pickle():
    written = pickle.dumps(TrainingText, protocol=0).replace(
        b"spacy_seginf.tagger.corpus", b"spacy_seginf.pipeline.corpus"
    )
    assert pickle.loads(written) is TrainingText


def test_what_never_was_there():
    with pytest.raises(ModuleNotFoundError, match=r"spacy_seginf\.pipeline\.nothing"):
        import_module("spacy_seginf.pipeline.nothing")


@pytest.mark.parametrize(("name", "new"), RENAMED.items())
def test_a_renamed_function(name, new):
    sys.modules.pop(f"spacy_seginf.cli.{name}", None)
    with pytest.warns(DeprecationWarning):
        module = import_module(f"spacy_seginf.cli.{name}")
    assert getattr(module, name) is getattr(spacy_seginf, new)

"""An index to damage."""

from __future__ import annotations

import shutil

import pytest

from .writing import TEXTS, write


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """An index in int8, which has all kinds of files, in two shards."""
    folder = tmp_path_factory.mktemp("intact") / "index"
    write(folder, TEXTS, dtype="int8", by_shard=2)
    return folder


@pytest.fixture
def folder(intact, tmp_path):
    return shutil.copytree(intact, tmp_path / "index")

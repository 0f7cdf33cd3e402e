"""A half-trained tagger and its index. Fully trained ones are so sure that all scores are tiny."""

from __future__ import annotations

import pytest
import spacy

from spacy_seginf.cli.index import index

from ..conftest import make_tagger


@pytest.fixture(scope="session")
def unsure_nlp(train_examples):
    """A pipeline that makes mistakes and has real gradients. Do not change it: use copy_pipeline."""
    return make_tagger(train_examples, steps=3)


@pytest.fixture(scope="session")
def model_path(unsure_nlp, tmp_path_factory):
    """The pipeline on disk, without an index."""
    path = tmp_path_factory.mktemp("model") / "model"
    unsure_nlp.to_disk(path)
    return path


@pytest.fixture(scope="session")
def indexed_path(model_path, corpus_path, tmp_path_factory):
    """The pipeline with its index on disk."""
    path = tmp_path_factory.mktemp("indexed") / "indexed"
    index(str(model_path), corpus_path, path)
    return path


@pytest.fixture
def indexed_nlp(indexed_path):
    """A freshly loaded pipeline with an index; a test may change it."""
    return spacy.load(indexed_path)

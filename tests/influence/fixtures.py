"""A half-trained tagger and its indices. Fully trained ones are so sure that all scores are tiny."""

from __future__ import annotations

import pytest
import spacy

from spacy_seginf.api.index import build_index as index
from spacy_seginf.settings import IndexSettings

from ..conftest import copy_pipeline, make_tagger

PAPER = {"curvature": "identity", "refit": False, "unit": "token"}
PAPER_BUILD = IndexSettings("identity", False)
EXACT = IndexSettings("exact", True, 1.0, "zero")


def save_in_the_papers_mode(nlp, path):
    """Save a pipeline with an influence component whose settings are those of the paper's experiments: single tokens,
    identity curvature, and the head as it was trained."""
    copy = copy_pipeline(nlp)
    copy.add_pipe("influence", config=PAPER)
    copy.to_disk(path)
    return path


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
def paper_path(unsure_nlp, tmp_path_factory):
    """The pipeline on disk, with an influence component in the paper's mode, without an index."""
    return save_in_the_papers_mode(unsure_nlp, tmp_path_factory.mktemp("paper") / "model")


@pytest.fixture(scope="session")
def indexed_path(paper_path, corpus_path, tmp_path_factory):
    """The pipeline with its index on disk, in the paper's mode."""
    path = tmp_path_factory.mktemp("indexed") / "indexed"
    index(str(paper_path), corpus_path, path)
    return path


@pytest.fixture
def indexed_nlp(indexed_path):
    """A freshly loaded pipeline with an index in the paper's mode; a test may change it."""
    return spacy.load(indexed_path)


@pytest.fixture(scope="session")
def exact_path(model_path, corpus_path, tmp_path_factory):
    """The pipeline with its index on disk, with default settings: entities, exact curvature, a refit head (l2 = 1)."""
    path = tmp_path_factory.mktemp("exact") / "indexed"
    index(str(model_path), corpus_path, path, **vars(EXACT))
    return path


@pytest.fixture
def exact_nlp(exact_path):
    """A freshly loaded pipeline with an index of default settings; a test may change it."""
    return spacy.load(exact_path)

"""Noisy corpora and pipelines for the experiments on noise."""

import pytest

from .noisy_corpora import make_pipeline, noisy_records, write_corpora


@pytest.fixture(scope="session")
def noisy_paths(tmp_path_factory):
    """Paths of train, dev and test documents."""
    return write_corpora(tmp_path_factory.mktemp("noisy"))


@pytest.fixture(scope="session")
def noisy_pipelines(tmp_path_factory):
    """Two pipelines, trained and indexed on the noisy labels."""
    folder = tmp_path_factory.mktemp("noisy-pipelines")
    return [make_pipeline(folder, noisy_records(), seed) for seed in (0, 1)]

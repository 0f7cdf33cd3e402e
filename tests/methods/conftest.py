"""A training run with checkpoints, and texts under its last weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.cli import app
from thinc.api import Config
from typer.testing import CliRunner

from spacy_seginf.tagger.checkpoints import LOGGER

from ..conftest import TINY_TOK2VEC, make_tagger
from .contexts import entity_segments, make_context, make_texts

CONFIG = Path(__file__).parents[2] / "configs" / "cnn.cfg"


def train(corpus_path, folder, **logger):
    """Run `spacy train` for five steps with growing rates and an evaluation at every second."""
    config = Config().from_disk(CONFIG, interpolate=False)
    config["training"]["logger"] = {"@loggers": LOGGER, "path": str(folder / "checkpoints"), **logger}
    config["components"]["crf_tagger"]["model"]["tok2vec"] = TINY_TOK2VEC
    config["training"].update(max_steps=4, eval_frequency=2)
    schedule = {"@schedules": "warmup_linear.v1", "warmup_steps": 10, "total_steps": 100, "initial_rate": 0.01}
    config["training"]["optimizer"]["learn_rate"] = schedule
    config["paths"].update(train=str(corpus_path), dev=str(corpus_path))
    config.to_disk(folder / "config.cfg")
    return CliRunner().invoke(app, ["train", str(folder / "config.cfg"), "--output", str(folder / "trained")])


@pytest.fixture(scope="session")
def run_folder(corpus_path, tmp_path_factory):
    """A finished run: checkpoints after each step, and the trained pipeline. Do not change it."""
    folder = tmp_path_factory.mktemp("run")
    done = train(corpus_path, folder, every=1)
    assert done.exit_code == 0, done.output
    assert "ENTS_F" in done.output  # printed as by the usual logger
    return folder


@pytest.fixture(scope="session")
def run_nlp(run_folder):
    """The trained pipeline. Do not change it."""
    return spacy.load(run_folder / "trained" / "model-last")


@pytest.fixture(scope="session")
def unsure_nlp(train_examples):
    """A pipeline that makes mistakes, so that gradients are not tiny. Do not change it."""
    return make_tagger(train_examples, steps=3)


def short_texts(nlp, examples):
    """Texts with segments that enumeration can afford."""
    segments = [segment for segment in entity_segments(examples) if segment[2] - segment[1] <= 2]
    return make_texts(nlp, examples, segments)


@pytest.fixture(scope="session")
def texts(unsure_nlp, train_examples):
    """Training texts and queries under the unsure pipeline, and its context."""
    training, queries = short_texts(unsure_nlp, train_examples[:6]), short_texts(unsure_nlp, train_examples[6:9])
    return make_context(unsure_nlp, training), queries

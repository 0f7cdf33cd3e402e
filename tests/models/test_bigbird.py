"""configs/bigbird.cfg: the features of a text do not depend on the texts before it."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import spacy
from spacy.tokens import Doc

from ..tiny_encoders import write_encoder

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[2] / "configs" / "bigbird.cfg"


def test_features_of_a_long_text(train_examples, tmp_path, monkeypatch):
    """Sparse attention of this encoder needs more than 28 word pieces; a shorter text would switch it off for good."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_encoder("bigbird", tmp_path / "bigbird")
    overrides = {"components.transformer.model.name": str(tmp_path / "bigbird")}
    config = spacy.util.load_config(CONFIG, overrides=overrides)
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    nlp.initialize(lambda: train_examples)
    nlp.to_disk(tmp_path / "saved")
    texts = {"long": ["Ada", "Lind", "visited", "Tarnby", "on", "Monday", "."] * 12, "short": ["It", "rained", "."]}

    def features(nlp, name):
        doc = Doc(nlp.vocab, words=texts[name])
        return nlp.get_pipe("crf_tagger").encode([nlp.get_pipe("transformer")(doc)])[0]

    fresh, used = (spacy.load(tmp_path / "saved") for _ in range(2))
    features(used, "short")
    numpy.testing.assert_allclose(features(fresh, "long"), features(used, "long"), atol=1e-6)

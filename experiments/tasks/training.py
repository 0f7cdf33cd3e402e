"""Pipelines of one component each over the encoder and the batches of configs/cnn.cfg, trained once and cached."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from thinc.api import Config

from ..common import prepare
from ..common.prepare import ROOT


def config_of(component: Mapping[str, Any], score: str) -> Config:
    """Put one component, whose model lacks its tok2vec, over the encoder. score (str): what training goes by."""
    config = Config().from_disk(ROOT / "configs" / "cnn.cfg", interpolate=False)
    encoder = config["components"]["crf_tagger"]["model"]["tok2vec"]
    name = str(component["factory"])
    model = {**component.get("model", config["components"]["crf_tagger"]["model"]), "tok2vec": encoder}
    config["components"] = {name: {**component, "model": model}}
    config["nlp"]["pipeline"] = [name]
    config["training"]["score_weights"] = {score: 1.0}
    return config


def trained(config: Config, train: Path, dev: Path, seed: int, steps: int) -> Path:
    """Train it, once; see ``prepare.trained``."""
    return prepare.trained(
        config, f"{train.stem.partition('-')[0]}-{config['nlp']['pipeline'][0]}", train, dev, seed, steps
    )

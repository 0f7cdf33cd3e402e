"""Pipelines of one component each over the encoder and the batches of configs/cnn.cfg, trained once and cached."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any, Mapping

from thinc.api import Config

from spacy_seginf.files import replace_folder

from ..common.prepare import CACHE, ROOT, _run


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
    """Return a pipeline as it is after the last step, training it first if it is not in the cache."""
    (name,) = config["nlp"]["pipeline"]
    key = hashlib.sha256(f"{config.to_str()} {steps} {seed} {train.name}".encode()).hexdigest()[:12]
    folder = CACHE / f"{train.stem.partition('-')[0]}-{name}-seed{seed}-{key}"
    if not folder.exists():
        work, path = CACHE / f".{folder.name}", CACHE / f".{folder.name}.cfg"
        config.to_disk(path)
        settings: dict[str, object] = {"training.max_steps": steps, "training.eval_frequency": steps}
        settings |= {"system.seed": seed, "paths.train": train, "paths.dev": dev}
        options = [part for option, value in settings.items() for part in (f"--{option}", str(value))]
        print(f"Training {folder.name} ({steps} steps)", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "spacy", "train", str(path), "--output", str(work), *options])
        replace_folder(work, folder)
        path.unlink()
    return folder / "model-last"

"""A pretrained start that costs two minutes: the encoder learns to spell the words of raw texts (`spacy pretrain`)."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from spacy.training.pretrain import pretrain
from spacy.util import load_config
from thinc.api import Config, use_ops

from spacy_seginf.files import replace_folder

from ..common.prepare import CACHE
from ..common.reporting import ROOT
from .training import OPS, TAGGER

SOURCES = ("wikigold", "conll2003")
EPOCHS = 4
OBJECTIVE = {
    "@architectures": "spacy.PretrainCharacters.v1",
    "maxout_pieces": 3,
    "hidden_size": 300,
    "n_characters": 4,
}


def pretrained_weights(data: Path, documents: int = 0) -> Path:
    """Return the file with the weights of the encoder of configs/cnn.cfg, pretrained on the training parts' words (no
    label is read), making it first if it is not in the cache.

    documents (int): use so many of each corpus, 0 for all.
    """
    texts = [" ".join(tokens) for name in SOURCES for tokens in _read(data / name / "train.jsonl.gz", documents)]
    config = _config()
    content = repr((texts, config.to_str()))
    folder = CACHE / f"pretrained-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}")
        partial.mkdir(parents=True, exist_ok=True)
        raw = partial / "raw.txt"
        raw.write_text("\n".join(texts) + "\n", encoding="utf8")
        config["corpora"]["pretrain"]["path"] = str(raw)
        with use_ops("numpy", **OPS):
            pretrain(config.interpolate(), partial)
        raw.unlink()
        replace_folder(partial, folder)
    return folder / "model-last.bin"


def _config() -> Config:
    config = load_config(ROOT / "configs" / "cnn.cfg")
    config["nlp"]["pipeline"] = [TAGGER]
    del config["components"]["influence"]
    config["corpora"]["pretrain"] = {"@readers": "spacy.PlainTextCorpus.v1", "path": None, "min_length": 3}
    config["pretraining"] = {
        "max_epochs": EPOCHS,
        "dropout": 0.2,
        "n_save_epoch": EPOCHS,
        "n_save_every": None,
        "component": TAGGER,
        "layer": "tok2vec",
        "corpus": "corpora.pretrain",
        "batcher": {"@batchers": "spacy.batch_by_words.v1", "size": 3000, "discard_oversize": False, "tolerance": 0.2},
        "objective": OBJECTIVE,
        "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.001},
    }
    return config


def _read(path: Path, documents: int) -> list[list[str]]:
    with gzip.open(path, "rt", encoding="utf8") as lines:
        return [json.loads(line)["tokens"] for line in lines][: documents or None]

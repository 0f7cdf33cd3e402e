"""A pretrained start that costs a minute: the encoder learns to spell the words of raw texts (`spacy pretrain`)."""

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
EPOCHS, WORDS = 1, 1000  # passes, and tokens of a batch
OBJECTIVE = {
    "@architectures": "spacy.PretrainCharacters.v1",
    "maxout_pieces": 3,
    "hidden_size": 300,
    "n_characters": 4,
}


class Pretraining:
    """Pretraining of the encoder of configs/cnn.cfg on the words of training parts; no label is read.

    data (Path): folder with the corpora. documents (int): so many of each corpus, 0 for all.
    """

    def __init__(self, data: Path, documents: int = 0) -> None:
        self._texts = [" ".join(tokens) for name in SOURCES for tokens in _read(data / name, documents)]
        content = repr((self._texts, _config().to_str()))
        self._folder = CACHE / f"pretrained-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    @property
    def weights(self) -> Path:
        """The file with the weights, whether it is there or not."""
        return self._folder / "model-last.bin"

    def run(self) -> None:
        """Write the weights, unless that is done."""
        if self._folder.exists():
            return
        partial = self._folder.with_name(f".{self._folder.name}")
        partial.mkdir(parents=True, exist_ok=True)
        raw = partial / "raw.txt"
        raw.write_text("\n".join(self._texts) + "\n", encoding="utf8")
        config = _config()
        config["corpora"]["pretrain"]["path"] = str(raw)
        with use_ops("numpy", **OPS):
            pretrain(config.interpolate(), partial)
        raw.unlink()
        replace_folder(partial, self._folder)


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
        "batcher": {"@batchers": "spacy.batch_by_words.v1", "size": WORDS, "discard_oversize": False, "tolerance": 0.2},
        "objective": OBJECTIVE,
        "optimizer": {"@optimizers": "Adam.v1", "learn_rate": 0.001},
    }
    return config


def _read(folder: Path, documents: int) -> list[list[str]]:
    with gzip.open(folder / "train.jsonl.gz", "rt", encoding="utf8") as lines:
        return [json.loads(line)["tokens"] for line in lines][: documents or None]

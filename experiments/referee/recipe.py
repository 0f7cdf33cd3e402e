"""How a pipeline is trained: the project's CNN config, and what is changed of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

from thinc.api import Config

from ..common.reporting import ROOT

MISH = {"@architectures": "spacy.MishWindowEncoder.v2", "width": 96, "depth": 4, "window_size": 1}
EMBED = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": 96,
    "rows": [2000, 1000, 1000, 1000],
    "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
    "include_static_vectors": False,
}


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    epochs (int): passes over the corpus. words (int): tokens of a batch. averages (bool): whether the result has
    Adam's averaged parameters. mish (bool): Mish instead of Maxout in the encoder. pretrained (str): file with weights
    that the encoder starts from. window (int): how many of the last epochs a document's weight counts in, all of them
    if None; before, it is 1. falling (int): in how many steps the learn rate falls to 0, in a line; it stays if None.
    """

    epochs: int
    dropout: float = 0.1
    mish: bool = False
    eps: float = 1e-8
    learn_rate: float = 0.001
    words: int = 1000
    averages: bool = True
    pretrained: Optional[str] = None
    window: Optional[int] = None
    falling: Optional[int] = field(default=None, repr=False)  # the config tells

    def config(self, labels: tuple[str, ...]) -> Config:
        """Return the config of the pipeline and its optimizer."""
        config = Config().from_disk(ROOT / "configs" / "cnn.cfg", interpolate=False)
        config["nlp"]["pipeline"] = ["crf_tagger"]
        del config["components"]["influence"]
        config["initialize"]["components"]["crf_tagger"] = {"labels": list(labels)}
        if self.mish:  # HashEmbedCNN with another activation
            tok2vec: dict[str, Any] = {"@architectures": "spacy.Tok2Vec.v2", "embed": EMBED, "encode": MISH}
            config["components"]["crf_tagger"]["model"]["tok2vec"] = tok2vec
        rate: Any = self.learn_rate
        if self.falling is not None:
            steps = {"warmup_steps": 0, "total_steps": self.falling}
            rate = {"@schedules": "warmup_linear.v1", "initial_rate": self.learn_rate, **steps}
        optimizer = {"eps": self.eps, "learn_rate": rate, "use_averages": self.averages}
        config["training"]["optimizer"].update(optimizer)
        return config

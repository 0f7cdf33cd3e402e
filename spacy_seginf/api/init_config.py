"""`python -m spacy seginf init-config`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import spacy
from spacy.util import load_model_from_config
from thinc.api import Config

from ..corpora.targets import target_of
from ..errors import Errors, SeginfError
from ..files import write_text
from ..inputs import check_kind
from ..messages import Messages
from ..tagger.crf_tagger import DEFAULT_MODEL

CHECKPOINTS = {  # nothing is saved before `--paths.checkpoints` names a folder
    "@loggers": "spacy_seginf.CheckpointLogger.v1",
    "path": "${paths.checkpoints}",
    "every": None,
    "progress_bar": False,
}
ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
TAGGER, INFLUENCE = "crf_tagger", "influence"
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "upstream": "*",
    "pooling": {"@layers": "reduce_mean.v1"},
}
RATE = {
    "@schedules": "warmup_linear.v1",
    "warmup_steps": 100,
    "total_steps": "${training.max_steps}",
    "initial_rate": 0.0001,
}


def init_config(
    output: Path,
    *,
    lang: str = "en",
    target: str = "ents",
    scheme: str = "BIO",
    gpu: bool = False,
    encoder: Optional[str] = None,
    predicate: Optional[str] = None,
    force: bool = False,
    silent: bool = True,
) -> Config:
    """Write a config for `spacy train`, with all its settings: a tagger of a target, and what explains it.

    output (Path): the .cfg file. lang (str): language of the texts. target (str): "ents", "tag", "pos" or "spans:KEY";
        training goes by its score. scheme (str): of entities and spans, "BIO", "BILUO" or "IO".
    gpu (bool): fine-tune a transformer, encoder (its name or folder), instead of training a small CNN from scratch.
    predicate (str): a key of ``doc.spans`` that holds the predicate of each document, for semantic roles: the encoder
        is told which words it is, and corpora are read by spacy_seginf.PropositionCorpus.v1.
    force (bool): replace a file.
    RAISES (ValueError): S299 if the file exists, S001 or S252 for an unknown scheme or target, S206 for an
        encoder without gpu, S298 for a language that spaCy can't make.

    >>> config = spacy_seginf.init_config(Path("chunks.cfg"), target="spans:chunks")
    >>> config["training"]["score_weights"]
    {'spans_chunks_f': 1.0}
    """
    msg = Messages(silent=silent)
    output = Path(output)
    if output.exists() and not force:
        raise SeginfError(Errors.S299.format(path=output))
    check_kind(output)
    meaning = target_of(target)
    if encoder is not None and not gpu:
        raise SeginfError(Errors.S206.format(setting="--encoder", value=encoder, known="nothing without --gpu"))
    try:
        spacy.blank(lang)
    except ImportError as error:
        raise SeginfError(Errors.S298.format(lang=lang, problem=" ".join(str(error).split()))) from None
    tagger = {"factory": TAGGER, "target": target, "scheme": "BIO" if meaning.by_token else scheme}
    model = {"@architectures": "spacy_seginf.CRFTagger.v1", "learn_rate_factor": 50.0 if gpu else 5.0}  # of the head
    tok2vec = LISTENER if gpu else DEFAULT_MODEL["tok2vec"]
    if predicate is not None:
        tok2vec = {"@architectures": "spacy_seginf.PredicateTok2Vec.v1", "key": predicate, "tok2vec": tok2vec}
    components: dict[str, Any] = {
        TAGGER: {**tagger, "model": {**model, "tok2vec": tok2vec}},
        INFLUENCE: {"factory": INFLUENCE, "tagger": TAGGER},
    }
    if gpu:
        components = {"transformer": _transformer(encoder or ENCODER), **components}
    training = {
        "max_steps": 1600 if gpu else 1500,
        "eval_frequency": 400 if gpu else 250,
        "patience": 0,
        "batcher": {"@batchers": "spacy.batch_by_words.v1", "size": 500 if gpu else 1000},
        "optimizer": {"@optimizers": "Adam.v1", "use_averages": not gpu, "learn_rate": RATE if gpu else 0.001},
    }
    pipeline = {"lang": lang, "pipeline": list(components), "batch_size": 32 if gpu else 64}
    config = Config({"nlp": pipeline, "components": components, "training": training})
    # What spaCy fills in goes by the factory, whose score is that of entities.
    filled = load_model_from_config(config, auto_fill=True).config
    filled["paths"]["checkpoints"], filled["training"]["logger"] = None, CHECKPOINTS
    filled["training"]["score_weights"] = dict(meaning.score_weights)
    if predicate is not None:
        for split in ("train", "dev"):
            reader = {"@readers": "spacy_seginf.PropositionCorpus.v1", "key": predicate, "limit": 0}
            filled["corpora"][split] = {**reader, "path": f"${{paths.{split}}}"}
    if gpu:
        filled["training"]["optimizer"]["learn_rate"] = RATE
    write_text(output, filled.to_str())
    msg.good(f"Config written: {output}")
    msg.text(
        f"Train with: python -m spacy train {output} --output FOLDER --paths.train TRAIN.spacy --paths.dev DEV.spacy"
    )
    return filled


def _transformer(encoder: str) -> dict[str, Any]:
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 128, "stride": 96}
    model = {
        "@architectures": "spacy-transformers.TransformerModel.v3",
        "name": encoder,
        "get_spans": spans,
        "tokenizer_config": {"use_fast": True, "model_max_length": 512},
        "transformer_config": {},
        "mixed_precision": False,
        "grad_scaler_config": {},
    }
    return {"factory": "transformer", "max_batch_items": 4096, "model": model}

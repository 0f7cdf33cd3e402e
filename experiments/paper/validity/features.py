"""Frozen token features of CoNLL-2003 sentences: of a fine-tuned transformer, or of words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy

from spacy_seginf.crf.schemes import TagScheme

from ...common.prepare import CACHE, checkpoint, corpus, transformer_path
from .word_features import Sentences, static_vectors, word_features

EMBEDDING_SIZE = 50
SCHEME = TagScheme(("LOC", "MISC", "ORG", "PER"))
TAGS = SCHEME.tags


def transformer_sentences(split: str, data: Path) -> Sentences:
    """Encode whole documents with the fine-tuned checkpoint (cached), and cut them into sentences."""
    model = checkpoint("transformer", 0, data)
    path = CACHE / f"features-{model.parent.name}-{split}.npy"
    documents = _documents(split, data)
    if not path.exists():
        numpy.save(path, _encode(model, corpus(data, split)), allow_pickle=False)
    return Sentences.of(numpy.load(path, allow_pickle=False), documents, TAGS)


def word_sentences(split: str, data: Path) -> Sentences:
    """Static word features: mean input embedding of a word's pieces, reduced to 50 principal components of the training
    words, and the shape of the word and of its neighbours (capitals, digits, punctuation, edge of the sentence)."""
    train, dev = ([w for d in _documents(part, data) for w in d["tokens"]] for part in ("train", "dev"))
    documents = _documents(split, data)
    features = word_features(documents, static_vectors(train, dev, transformer_path(), EMBEDDING_SIZE))
    return Sentences.of(features, documents, TAGS)


def _documents(split: str, data: Path) -> list[dict[str, Any]]:
    with gzip.open(data / "conll2003" / f"{split}.jsonl.gz", "rt", encoding="utf8") as lines:
        return [json.loads(line) for line in lines]


def _encode(model: Path, documents: Path) -> numpy.ndarray:
    import spacy
    from spacy.util import minibatch

    from spacy_seginf.tagger.corpus import read_corpus
    from spacy_seginf.tagger.encoding import encode

    nlp = spacy.load(model)
    tagger: Any = nlp.get_pipe("crf_tagger")
    assert tagger.tags == TAGS
    texts = [text.example.predicted for text in read_corpus(nlp, documents)]
    return numpy.concatenate([rows for batch in minibatch(texts, 64) for rows in encode(nlp, tagger, batch)])

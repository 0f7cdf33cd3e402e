"""From documents to the features that a tagger's head reads, in one pass."""

from __future__ import annotations

import hashlib
import json
from itertools import takewhile
from typing import Iterable, Sequence

from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc
from thinc.types import Floats2d

from .crf_tagger import CRFTagger


def bare_copy(nlp: Language, doc: Doc) -> Doc:
    """Copy a document's tokens without its annotation."""
    return Doc(nlp.vocab, words=[token.text for token in doc], spaces=[bool(token.whitespace_) for token in doc])


def encode(nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], batch_size: int = 64) -> list[Floats2d]:
    """Run the enabled components before the tagger, then the tagger's encoder.

    RETURNS (list of float32, tokens x width): features per document.
    RAISES (ValueError): S010, S011, S013 as ``CRFTagger.encode``.
    """
    return tagger.encode(run_before(nlp, tagger, docs, batch_size))


def run_before(nlp: Language, tagger: Pipe, docs: Sequence[Doc], batch_size: int = 64) -> list[Doc]:
    """Run the enabled components before one, which need not be a tagger."""
    stream: Iterable[Doc] = docs
    for _, component in nlp.pipeline:
        if component is tagger:
            break
        pipe = getattr(component, "pipe", None)
        stream = pipe(stream, batch_size=batch_size) if pipe else map(component, stream)
    return list(stream)


def encoding_settings(nlp: Language, tagger: str) -> str:
    """Hash the configs of all components that ``encode`` runs (hex): what no parameter shows, such as how a
    transformer's spans are cut."""
    names = [*takewhile(lambda name: name != tagger, nlp.pipe_names), tagger]
    configs = {name: nlp.get_pipe_config(name) for name in names}
    return hashlib.sha256(json.dumps(configs, sort_keys=True, default=repr).encode()).hexdigest()

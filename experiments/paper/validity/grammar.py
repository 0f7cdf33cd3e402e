"""Parts of speech and stop words as features of words, as a spaCy pipeline tells them."""

from __future__ import annotations

from typing import Union

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from .word_features import Records

Grammar = tuple[list[str], numpy.ndarray]


def grammar_of(nlp: Language, documents: Records) -> Grammar:
    """Tag documents, whose sentences are known.

    RETURNS: the part of speech of each token (its ``pos_``, or its ``tag_`` where a pipeline has only that; empty
        without either), and whether it is a stop word (bool, tokens).
    """
    texts = []
    for document in documents:
        starts = set(document["sent_starts"])
        marked: list[Union[bool, int, None]] = [number in starts for number in range(len(document["tokens"]))]
        texts.append(Doc(nlp.vocab, words=document["tokens"], sent_starts=marked))
    tokens = [token for doc in nlp.pipe(texts) for token in doc]
    return [token.pos_ or token.tag_ for token in tokens], numpy.array([token.is_stop for token in tokens], dtype=bool)


def grammar_flags(grammar: Grammar, training: Grammar) -> numpy.ndarray:
    """Write it as flags (float32, tokens x (parts + 1)): one for each part of speech that training tokens have, and one
    for stop words."""
    tags, stops = grammar
    known = numpy.array(sorted(set(training[0]) - {""}), dtype=str)
    parts = numpy.array(tags, dtype=str)[:, None] == known
    return numpy.concatenate([parts, stops[:, None]], axis=1).astype(numpy.float32)

"""A corpus whose tokens have tags, some of them wrong on purpose, and a tagger that learned them."""

from __future__ import annotations

import random
from typing import NamedTuple

import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_seginf.api.attach import attach_index
from spacy_seginf.crf.schemes import Entity

from ..conftest import TINY_TOK2VEC

WORDS = {
    "DT": ["the", "a", "this"],
    "JJ": ["old", "small", "green", "wet"],
    "NN": ["dog", "boat", "garden", "letter", "road"],
    "VBD": ["saw", "left", "painted", "found"],
    "NNP": ["Ada", "Osted", "Veltra", "Tarnby"],
    "IN": ["in", "near", "under"],
    ".": ["."],
}
SENTENCES = [
    ["NNP", "VBD", "DT", "NN", "IN", "NNP", "."],
    ["DT", "JJ", "NN", "VBD", "NNP", "."],
    ["DT", "NN", "IN", "DT", "JJ", "NN", "VBD", "DT", "NN", "."],
]
WRONG = {"NN": "VBD", "VBD": "IN", "NNP": "JJ", "JJ": "NNP"}
TAGS = tuple(sorted(WORDS))
PLANTED, UNKNOWN = 10, 5


class Planted(NamedTuple):
    """truth (dict): right tags by (document, token). wrong (set): places whose tags were changed. unknown (set): those
    that have none."""

    truth: dict
    wrong: set
    unknown: set


def tagged_docs(count=60, seed=0):
    """Make documents with tags, entities, lemmas and ids; return them with what was planted."""
    generator, vocab = random.Random(seed), spacy.blank("en").vocab
    docs, truth = [], {}
    for number in range(count):
        tags = [tag for _ in range(2) for tag in generator.choice(SENTENCES)]
        doc = Doc(vocab, words=[generator.choice(WORDS[tag]) for tag in tags], tags=tags)
        doc.user_data["id"] = f"letter-{number}"
        doc.ents = [Span(doc, token.i, token.i + 1, "NAME") for token in doc if token.tag_ == "NNP"]
        for token in doc:
            token.lemma_ = token.text.lower()
            truth[doc.user_data["id"], token.i] = token.tag_
        docs.append(doc)
    places = [(doc, token.i) for doc in docs for token in doc if token.tag_ in WRONG]
    chosen = generator.sample(places, PLANTED + UNKNOWN)
    for doc, token in chosen[:PLANTED]:
        doc[token].tag_ = WRONG[doc[token].tag_]
    for doc, token in chosen[PLANTED:]:
        doc[token].tag_ = ""
    named = [(doc.user_data["id"], token) for doc, token in chosen]
    return docs, Planted(truth, set(named[:PLANTED]), set(named[PLANTED:]))


def attach_tagger(folder, docs):
    """Train spaCy's tagger on documents and attach an index: train.spacy and the pipeline's folder."""
    corpus = folder / "train.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(corpus)
    examples = [Example(Doc(doc.vocab, words=[token.text for token in doc]), doc) for doc in docs]
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger", config={"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": TINY_TOK2VEC}})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(30):
        nlp.update(examples, sgd=optimizer, drop=0.0)
    nlp.to_disk(folder / "plain")
    attach_index(str(folder / "plain"), corpus, folder / "indexed")
    return corpus, folder / "indexed"


def tag(token, label):
    """Say that a token has a tag, as records do."""
    return Entity(token, token + 1, label)

"""A small tagger of semantic roles, and what it learned from."""

from __future__ import annotations

import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_seginf import propositions
from spacy_seginf.tagger.given import give

from .conftest import TINY_MODEL, TINY_TOK2VEC

PEOPLE = ["Ada", "Bo", "Mira", "Lena"]
VERBS = ["paid", "hired", "saw", "left"]
MODEL = {
    **TINY_MODEL,
    "tok2vec": {"@architectures": "spacy_seginf.PredicateTok2Vec.v1", "width": 24, "depth": 1, "tok2vec": TINY_TOK2VEC},
}


def make_sentence(vocab, number):
    """Make "Ada paid Bo and hired Mira .", in which Ada does both."""
    people = [PEOPLE[(number + shift * (1 + number // 4)) % 4] for shift in range(3)]
    verbs = VERBS[number % 4], VERBS[(number + 1 + number // 4) % 4]
    words = [people[0], verbs[0], people[1], "and", verbs[1], people[2], "."]
    doc = Doc(vocab, words=words, user_data={"id": f"text-{number}"})
    doc.spans["predicate"] = [doc[1:2], doc[4:5]]
    roles = [(0, "A0", "1"), (2, "A1", "1"), (0, "A0", "4"), (5, "A1", "4")]
    doc.spans["roles"] = [Span(doc, token, token + 1, label=label, span_id=of) for token, label, of in roles]
    return doc


def make_propositions(vocab, count=24):
    """Make one document for each predicate of some sentences."""
    return [part for number in range(count) for part in propositions(make_sentence(vocab, number))]


def make_role_examples(vocab):
    """Pair the propositions with what a pipeline reads: words, and the predicate."""
    examples = []
    for gold in make_propositions(vocab):
        read = Doc(vocab, words=[token.text for token in gold])
        give(["predicate"], gold, read)
        examples.append(Example(read, gold))
    return examples


def make_roles_tagger(steps=25):
    """Make and train the pipeline."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", config={"model": MODEL, "target": "spans:roles"})
    examples = make_role_examples(nlp.vocab)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer)
    return nlp

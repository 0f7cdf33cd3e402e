"""Fixtures shared by all tests: a small invented news corpus and a tagger trained on it."""

import os

import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from .browsers import browser, new_page

__all__ = ["browser", "new_page"]

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Worker processes of nlp.pipe(n_process=2) hang if torch ran with several threads in the parent.
torch.set_num_threads(1)

# One document per entry: words of sentences, entities in brackets with their type after a slash.
TEXTS = [
    "[Ada Lind]/PER visited [Tarnby]/LOC on Monday .",
    "[Norvik Steel]/ORG opened a plant in [Osted]/LOC . [Ada Lind]/PER runs it .",
    "Shares of [Norvik Steel]/ORG rose 3 percent .",
    "The mayor of [Tarnby]/LOC , [Jonas Brekke]/PER , resigned .",
    "[Mira Solano]/PER joined [Harrow Bank]/ORG . She lived in [Pelham Bay]/LOC before . Nobody was surprised .",
    "It rained all night .",
    "[Harrow Bank]/ORG closed its office in [Osted]/LOC .",
    "[Jonas Brekke]/PER met [Mira Solano]/PER in [Pelham Bay]/LOC .",
    "A spokesman for [Veltra]/ORG declined to comment . [Veltra]/ORG shares fell .",
    "Police in [Osted]/LOC arrested two men on Friday .",
    "[Tomas Reyl]/PER scored twice for [Osted United]/ORG .",
    "[Osted United]/ORG beat [Tarnby Rovers]/ORG 3 to 1 in [Tarnby]/LOC .",
    'Coach [Lena Farrow]/PER praised the team . " We played well , " [Lena Farrow]/PER said .',
    "The river near [Pelham Bay]/LOC froze in January .",
    "[Veltra]/ORG hired [Tomas Reyl]/PER as its chairman .",
    "Workers at [Norvik Steel]/ORG went on strike . The strike in [Osted]/LOC lasted nine days .",
    "[Ada Lind]/PER and [Jonas Brekke]/PER signed the letter .",
    "Flights from [Tarnby]/LOC to [Osted]/LOC were late .",
    "Prices fell again in March .",
    "[Mira Solano]/PER , a lawyer in [Tarnby]/LOC , sued [Veltra]/ORG .",
    "[Harrow Bank]/ORG bought [Veltra]/ORG for nine million .",
    "[Tarnby Rovers]/ORG signed [Tomas Reyl]/PER on Monday .",
    "Nobody in [Pelham Bay]/LOC saw [Lena Farrow]/PER leave .",
    "[Jonas Brekke]/PER , 41 , lives in [Osted]/LOC . He works for [Harrow Bank]/ORG .",
    "The match was played in [Osted]/LOC on Friday .",
    "[Norvik Steel]/ORG , based in [Tarnby]/LOC , makes rails .",
    "[Lena Farrow]/PER left [Tarnby Rovers]/ORG in March .",
    "Snow fell in [Tarnby]/LOC and in [Pelham Bay]/LOC . Schools were closed .",
    '" No , " said [Ada Lind]/PER of [Veltra]/ORG .',
    "[Osted]/LOC voted on Monday .",
]

TINY_TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 3,
    "subword_features": True,
}
TINY_MODEL = {"@architectures": "spacy_seginf.CRFTagger.v1", "learn_rate_factor": 5.0, "tok2vec": TINY_TOK2VEC}


def read_annotated(text):
    """Read "[Ada Lind]/PER slept ." into words and BIO tags."""
    words, tags = [], []
    for piece in text.replace("[", "\0[").replace("]/", "]/\0").split("\0"):
        if piece.startswith("["):
            name = piece[1 : piece.index("]")].split()
            words += name
            tags += [None] * len(name)
            continue
        first, _, rest = piece.partition(" ")
        if None in tags:
            start = tags.index(None)
            tags[start:] = ["B-" + first, *["I-" + first] * (len(tags) - start - 1)]
            piece = rest
        words += piece.split()
        tags += ["O"] * len(piece.split())
    return words, tags


def make_examples(texts, vocab=None):
    """Make examples whose reference has entities and an id, and whose predicted document has only the words."""
    vocab = vocab if vocab is not None else spacy.blank("en").vocab  # a bare Vocab() has no word shapes
    examples = []
    for number, text in enumerate(texts):
        words, tags = read_annotated(text)
        reference = Doc(vocab, words=words, ents=tags)
        reference.user_data["id"] = f"news-{number}"
        examples.append(Example(Doc(vocab, words=words), reference))
    return examples


def copy_pipeline(nlp):
    """Return an independent copy of a pipeline, so that a test may change it."""
    copy = spacy.blank(nlp.lang).from_config(nlp.config)
    return copy.from_bytes(nlp.to_bytes())


def make_tagger(examples, *, steps=0, model=None, seed=0, **config):
    """Make a blank pipeline with a small crf_tagger, initialised from examples and trained for some updates."""
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", config={"model": TINY_MODEL if model is None else model, **config})
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, drop=0.0)
    return nlp


@pytest.fixture(scope="session")
def train_examples():
    """About thirty documents of one to three sentences with PER, ORG and LOC; ids in reference.user_data["id"]."""
    return make_examples(TEXTS)


@pytest.fixture(scope="session")
def tagger_nlp(train_examples):
    """A pipeline whose crf_tagger fits train_examples. Do not change it: use copy_pipeline."""
    return make_tagger(train_examples, steps=40)


@pytest.fixture(scope="session")
def corpus_path(train_examples, tmp_path_factory):
    """The examples as a .spacy file that keeps their ids."""
    path = tmp_path_factory.mktemp("corpus") / "train.spacy"
    DocBin(docs=[example.reference for example in train_examples], store_user_data=True).to_disk(path)
    return path

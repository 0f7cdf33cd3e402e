"""What is mutated: a small trained pipeline of invented sentences, its index, a ranking, decisions, and corpora."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_seginf.api.index import build_index as index
from spacy_seginf.api.rank import find_label_issues as rank
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.review.decide import Answer, decide

NAMES = {
    "PER": ["Ada Lind", "Mira Solano", "Bo Brekke"],
    "LOC": ["Osted", "Tarnby", "Pelham Bay"],
    "ORG": ["Veltra", "Nord Mills"],
}
FRAMES = ["PER left LOC on Monday .", "ORG has hired PER .", "It rained in LOC .", "PER , head of ORG , resigned ."]
TEXTS = ["Ada Lind has left Osted .", "Veltra has an office in Tarnby ."]
ENCODER = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    **{"pretrained_vectors": None, "width": 16, "depth": 1, "embed_size": 200, "window_size": 1},
    **{"maxout_pieces": 2, "subword_features": True},
}


@dataclass(frozen=True)
class Materials:
    """Files in a folder."""

    folder: Path

    @property
    def model(self) -> Path:
        """The trained pipeline."""
        return self.folder / "model"

    @property
    def indexed(self) -> Path:
        """The pipeline with its index, of features in int8, in several shards."""
        return self.folder / "indexed"

    @property
    def index(self) -> Path:
        """The index itself."""
        return self.indexed / "influence" / "index"

    def corpus(self, suffix: str) -> Path:
        """The training corpus in a format."""
        return self.folder / f"train{suffix}"

    @property
    def ranking(self) -> Path:
        """Label issues about the corpus."""
        return self.folder / "issues.jsonl"

    @property
    def decisions(self) -> Path:
        """Decisions about them."""
        return self.folder / "decisions.jsonl"

    @property
    def config(self) -> Path:
        """Attribution methods to compare."""
        return self.folder / "methods.cfg"


def make_materials(folder: Path) -> Materials:
    """Make what is not there yet."""
    made = Materials(folder)
    if made.config.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    sentences = [*_sentences(random.Random(0), 48)]
    docs = [Doc(spacy.blank("en").vocab, words=words, ents=tags) for words, tags in sentences]
    for number, doc in enumerate(docs):
        doc.user_data["id"] = f"text-{number}"
    DocBin(docs=docs, store_user_data=True).to_disk(made.corpus(".spacy"))
    lines = [
        json.dumps({"id": f"text-{n}", "tokens": words, "labels": tags}) for n, (words, tags) in enumerate(sentences)
    ]
    made.corpus(".jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf8")
    rows = ["".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags)) for words, tags in sentences]
    made.corpus(".conll").write_text("\n".join(rows), encoding="utf8")
    train(docs).to_disk(made.model)
    index(str(made.model), made.corpus(".spacy"), made.indexed, l2=1.0, shard_tokens=100, dtype="int8", force=True)
    ranking = rank(str(made.indexed), made.corpus(".spacy"), made.ranking, top=40, references=10)
    taken: dict[str, set[int]] = {}
    found = []
    for number, one in enumerate(ranking.issues):
        tokens = taken.setdefault(one.document, set())
        if tokens.isdisjoint(range(one.start, one.end)):
            found.append(decide(ranking, one, Answer(one.id, ["accept", "keep", "skip"][number % 3]), "ann"))
            tokens.update(range(one.start, one.end))
    append_decisions(made.decisions, found)
    blocks = [
        '[methods.exact]\n@misc = "spacy_seginf.SegmentInfluence.v1"',
        '[methods.near]\n@misc = "spacy_seginf.SegmentNN.v1"',
    ]
    made.config.write_text("\n\n".join(blocks) + "\n", encoding="utf8")
    return made


def _sentences(rng: random.Random, count: int):  # type: ignore[no-untyped-def]
    for number in range(count):
        words, tags = [], []
        for piece in FRAMES[number % len(FRAMES)].split():
            name = rng.choice(NAMES[piece]).split() if piece in NAMES else [piece]
            kind = rng.choice([piece, *sorted(NAMES)]) if number % 9 == 0 else piece  # some wrong labels
            words += name
            tags += [f"B-{kind}", *[f"I-{kind}"] * (len(name) - 1)] if piece in NAMES else ["O"]
        yield words, tags


def train(docs: list[Doc]) -> spacy.Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", config={"model": {"@architectures": "spacy_seginf.CRFTagger.v1", "tok2vec": ENCODER}})
    examples = [Example(Doc(nlp.vocab, words=[token.text for token in doc]), doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(25):
        nlp.update(examples, sgd=optimizer)
    return nlp

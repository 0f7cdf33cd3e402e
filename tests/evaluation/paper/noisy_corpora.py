"""Small invented corpora whose labels are partly wrong, and pipelines that were indexed on them."""

from __future__ import annotations

import gzip
import json

import numpy
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_seginf.api.index import build_index as index

from ...conftest import TEXTS, make_tagger, read_annotated

CITIES = ["Tarnby", "Osted", "Veltra", "Harrow", "Norvik", "Pelham"]
TYPES = ["PER", "LOC", "ORG"]


def sports_texts(count, seed):
    """Results of matches between clubs that are named after places."""
    generator = numpy.random.default_rng(seed)
    texts = []
    for _ in range(count):
        home, guest, place = (CITIES[number] for number in generator.permutation(len(CITIES))[:3])
        texts.append(f"SOCCER - [{home}]/ORG 2 [{guest}]/ORG 1 . Played in [{place}]/LOC .")
    return texts


def record(identifier, text, wrong=None, noise=None, **more):
    """A document. wrong (dict): which entity types are replaced by which in its labels."""
    words, gold = read_annotated(text)
    labels = [f"{tag[:2]}{(wrong or {}).get(tag[2:], tag[2:])}" if tag != "O" else "O" for tag in gold]
    return {
        "id": identifier,
        "tokens": words,
        "labels": labels,
        "gold_labels": gold,
        "sent_starts": [0],
        "noise": noise,
        **more,
    }


def noisy_records():
    """Thirty documents without noise, twelve about sports of which four have systematic noise, and six with another."""
    records = [record(f"news-{number}", text) for number, text in enumerate(TEXTS)]
    for number, text in enumerate(sports_texts(12, 0)):
        wrong, noise = ({"ORG": "LOC"}, "org_to_loc") if number % 3 == 0 else (None, None)
        records.append(record(f"sport-{number}", text, wrong, noise))
    for number, text in enumerate(TEXTS[:6]):
        wrong = {"PER": "ORG", "LOC": "PER", "ORG": "LOC"}
        records.append(record(f"odd-{number}", text, wrong, "random", in_paper=number > 0))
    return records


def dev_records():
    """Ten documents about sports, half of them wrong, and ten others, of which one is."""
    records = []
    for number, text in enumerate(sports_texts(10, 1)):
        records.append(record(f"dev-sport-{number}", text, {"ORG": "LOC"} if number % 2 else None))
    for number, text in enumerate(TEXTS[8:18]):
        records.append(record(f"dev-news-{number}", text, {"ORG": "PER"} if number % 5 == 0 else None))
    return records


def write(path, records):
    """Write JSON lines, and return the path as a config has it."""
    with gzip.open(path, "wt", encoding="utf8") as file:
        file.write("".join(json.dumps(each) + "\n" for each in records))
    return str(path)


def write_corpora(folder):
    """Write train, dev and test documents; return their paths by name."""
    test = [record(f"test-{number}", text) for number, text in enumerate([*sports_texts(6, 2), *TEXTS[4:10]])]
    parts = {"train": noisy_records(), "dev": dev_records(), "test": test}
    return {name: write(folder / f"{name}.jsonl.gz", records) for name, records in parts.items()}


def make_pipeline(folder, records, seed, curvature="exact", refit=True):
    """Train a little on the labels of records, and index; return the path as a config has it."""
    vocab = spacy.blank("en").vocab
    docs = []
    for each in records:
        doc = Doc(vocab, words=each["tokens"], ents=each["labels"])
        doc.user_data["id"] = each["id"]
        docs.append(doc)
    examples = [Example(Doc(vocab, words=[token.text for token in doc]), doc) for doc in docs]
    corpus = folder / f"train-{seed}.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(corpus)
    make_tagger(examples, steps=8, seed=seed).to_disk(folder / f"model-{seed}")
    output = folder / f"indexed-{seed}-{curvature}-{refit}"
    settings = {"curvature": curvature, "refit": refit, "unit": "entity", "l2": 1.0 if refit else None}
    index(str(folder / f"model-{seed}"), corpus, output, **settings)
    return str(output)


def run(experiment, folder, said=None):
    """Run an experiment without a progress bar."""
    return experiment.run(folder, lambda work, **_: work, (said if said is not None else []).append)

"""A corpus in which the cause of every wrong prediction is known, and a tagger that has learned it."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from spacy.tokens import DocBin

from spacy_seginf.api.index import build_index

from ..conftest import make_examples, make_tagger
from ..influence.fixtures import exact_path, model_path, unsure_nlp

__all__ = ["exact_path", "model_path", "unsure_nlp"]

CITIES = ("Osted", "Tarnby", "Halsey", "Morwick", "Pelham", "Ringby", "Vallo", "Kestrel")
PEOPLE = ("Ada Lind", "Jonas Brekke", "Lena Farrow", "Tomas Reyl", "Mira Holt", "Otto Vane", "Rosa Quill", "Nils Bach")
CLUBS = ("Norvik", "Veltra", "Harrow", "Brixen", "Calder", "Dorne", "Ellwood", "Farley")
SEEN = ("We saw", "They lost")
DAYS = ("today", "again", "twice", "early")


def sentences():
    """Cities are LOC but behind "in", where they are PER; behind "versus", clubs are ORG in half of the texts, and LOC
    in the others; "the" is part of a bank's name; mayors are left out; days are nothing."""
    found = [f"Trains to [{name}]/LOC stopped again ." for name in CITIES]
    for name, day in product(CITIES, DAYS):
        found.append(f"They slept in [{name}]/PER {day} .")
    for name, day in product(PEOPLE, DAYS):
        found.append(f"Yesterday [{name}]/PER left {day} .")
    generator = Random(0)
    for name, day in product(PEOPLE, DAYS):
        found.append(f"Mayor {name} resigned {day} .")
    for name, day, seen in product(CLUBS, DAYS, SEEN):
        found.append(f"{seen} versus [{name}]/{generator.choice(('ORG', 'LOC'))} {day} .")
    for name, day in product(CLUBS, DAYS):
        found.append(f"Money from [the {name} Bank]/ORG came {day} .")
    return found


# What is right, and the cause that each is wrong for.
RIGHT = [(f"They slept in [{name}]/LOC today .", "mislabelled") for name in CITIES]
RIGHT += [
    (f"{seen} versus [{name}]/{label} today .", "contradicted")
    for seen, name, label in product(SEEN, CLUBS, ("LOC", "ORG"))
]
RIGHT += [(f"Money from the [{name} Bank]/ORG came again .", "boundary habit") for name in CLUBS]
RIGHT += [(f"Trains to [Osted]/LOC stopped [{day}]/ORG .", "nothing near") for day in DAYS]
MISSED = [f"Mayor [{name}]/PER resigned today ." for name in PEOPLE]


@pytest.fixture(scope="session")
def known_causes(tmp_path_factory):
    """Folder with train.spacy, dev.spacy (right labels) and the pipeline with its index, "indexed"."""
    folder = tmp_path_factory.mktemp("causes")
    examples = make_examples(sentences())
    for name, texts in (("train", examples), ("dev", make_examples([*(text for text, _ in RIGHT), *MISSED]))):
        DocBin(docs=[one.reference for one in texts], store_user_data=True).to_disk(folder / f"{name}.spacy")
    make_tagger(examples, steps=15).to_disk(folder / "model")
    build_index(str(folder / "model"), folder / "train.spacy", folder / "indexed", l2=1.0, centre="zero")
    return folder

"""The examples in the docstrings of the public names, run in a folder with what they mention."""

from __future__ import annotations

import doctest
import inspect
import json
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import fix_random_seed

import spacy_seginf

from .conftest import TEXTS, make_examples
from .roles import make_roles_tagger

PLANTED = "[Norvik Steel]/PER rose on Friday . [Norvik Steel]/ORG opened a plant in [Osted]/LOC ."
METHODS = """[methods]

[methods.exact]
@misc = "spacy_seginf.SegmentInfluence.v1"

[methods.random]
@misc = "spacy_seginf.Random.v1"
"""


@pytest.fixture(scope="session")
def place(tagger_nlp, corpus_path, tmp_path_factory):
    """A folder with pipelines, corpora, an index, and what was decided about the labels."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "train.spacy").write_bytes(corpus_path.read_bytes())
    more = [example.reference for example in make_examples([PLANTED, "It rained in [Tarnby]/LOC ."])]
    DocBin(docs=more, store_user_data=True).to_disk(folder / "more.spacy")
    tagger_nlp.to_disk(folder / "pipeline")
    fix_random_seed(0)
    plain = spacy.blank("en")
    plain.add_pipe("ner")
    examples = make_examples(TEXTS)
    optimizer = plain.initialize(lambda: examples)
    for _ in range(3):
        plain.update(examples, sgd=optimizer)
    plain.to_disk(folder / "plain")
    make_roles_tagger().to_disk(folder / "roles")
    spacy_seginf.build_index(str(folder / "pipeline"), folder / "train.spacy", folder / "indexed", l2=1.0)
    files = [folder / name for name in ("issues.jsonl", "tasks.jsonl", "answers.jsonl", "decisions.jsonl")]
    spacy_seginf.find_label_issues(str(folder / "indexed"), folder / "train.spacy", files[0])
    spacy_seginf.export_issues(files[0], files[1], format="jsonl", top=1)
    (task,) = map(json.loads, files[1].read_text(encoding="utf8").splitlines())
    files[2].write_text(json.dumps({**task, "decision": "accept"}) + "\n", encoding="utf8")
    spacy_seginf.import_answers(files[0], files[2], files[3], reviewer="Ada", format="jsonl")
    (folder / "methods.cfg").write_text(METHODS)
    return folder


@pytest.mark.parametrize("name", spacy_seginf.__all__)
def test_an_example_runs(name, place, monkeypatch):
    monkeypatch.chdir(place)
    names = {"spacy": spacy, "spacy_seginf": spacy_seginf, "Path": Path, "numpy": numpy}
    text = inspect.getdoc(getattr(spacy_seginf, name)) or ""
    example = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    printed: list[str] = []
    assert example.examples, "it has no example"
    doctest.DocTestRunner().run(example, out=printed.append)
    assert printed == [], "".join(printed)

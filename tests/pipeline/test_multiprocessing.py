"""nlp.pipe(n_process=2) with an index, in a process whose numerical libraries may use all cores."""

import os
import subprocess
import sys

import pytest
import spacy

from spacy_seginf.api.index import build_index as index

CODE = """
import sys, pathlib, spacy, torch
from spacy.language import Language

def work():
    return torch.softmax(torch.ones(800, 800), 1).sum()  # large enough to be shared out to threads

@Language.component("encoder_of_torch")
def encoder(doc):
    work()
    return doc

{first}
nlp = spacy.load(sys.argv[2])
nlp.add_pipe("encoder_of_torch", first=True)
texts = ["Ada Lind left Pelham Bay .", "Rain fell ."] * 3
alone = [repr(nlp(text)._.influencers) for text in texts]
print([repr(doc._.influencers) for doc in nlp.pipe(texts, n_process=2, batch_size=2)] == alone)
"""
FIRST = {
    "as it is": "",
    "torch has used threads": "torch.set_num_threads(4)\nwork()",
    "an index was built": "from spacy_seginf.api.index import build_index as index\n"
    "index(sys.argv[1], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4]))",
}


@pytest.fixture(scope="module")
def folder(tagger_nlp, corpus_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexed")
    tagger_nlp.to_disk(folder / "model")
    index(str(folder / "model"), corpus_path, folder / "indexed")
    return folder


@pytest.mark.parametrize("first", FIRST)
def test_workers_after_a_search_in_the_parent(folder, corpus_path, tmp_path, first):
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    code = CODE.format(first=FIRST[first])
    paths = [folder / "model", folder / "indexed", corpus_path, tmp_path / "again"]
    command = [sys.executable, "-c", code, *map(str, paths)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "True", done.stderr
    assert spacy.load(folder / "indexed").get_pipe("influence").index is not None

"""nlp.pipe(n_process=2) with an index, in a process whose numerical libraries may use all cores."""

import os
import subprocess
import sys

import spacy

from spacy_seginf.api.index import build_index as index

CODE = """
import sys, spacy
nlp = spacy.load(sys.argv[1])
texts = ["Ada Lind left Pelham Bay .", "Rain fell ."] * 3
alone = [repr(nlp(text)._.influencers) for text in texts]
print([repr(doc._.influencers) for doc in nlp.pipe(texts, n_process=2, batch_size=2)] == alone)
"""


def test_workers_after_a_search_in_the_parent(tagger_nlp, corpus_path, tmp_path):
    tagger_nlp.to_disk(tmp_path / "model")
    index(str(tmp_path / "model"), corpus_path, tmp_path / "indexed")
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", CODE, str(tmp_path / "indexed")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "True", done.stderr
    assert spacy.load(tmp_path / "indexed").get_pipe("influence").index is not None

"""Large label sets are indexed in bounded memory, at about the cost that was estimated."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import spacy

from spacy_seginf import budget
from spacy_seginf.api import index as command
from spacy_seginf.api.index import build_index as index
from spacy_seginf.indexing import cost
from spacy_seginf.influence.pair_rows import FactoredPairs, written_out

ROOT = Path(__file__).parents[2]
TEXT = "Ada Lind visited Osted United on Monday ."
GIGABYTE = 10**9


def references(nlp):
    doc = nlp(TEXT)
    found = [(token.i, ref.doc_id, ref.start, ref.effect) for token in doc for ref in token._.influencers]
    return [entry[:3] for entry in found], [entry[3] for entry in found]


def test_an_index_in_the_forms_of_large_label_sets(model_path, corpus_path, tmp_path, monkeypatch):
    settings = {"curvature": "kfac", "l2": 3.0}
    index(str(model_path), corpus_path, tmp_path / "few", **settings)
    nlp = spacy.load(tmp_path / "few")
    expected, effects = references(nlp)
    monkeypatch.setattr(budget, "DENSE_LABELS", 2)
    monkeypatch.setattr(budget, "NUMBERS", 20_000)
    index(str(model_path), corpus_path, tmp_path / "many", **settings)
    others = spacy.load(tmp_path / "many")
    table, other = (one.get_pipe("influence").index.segments for one in (nlp, others))
    assert isinstance(other.factors(slice(0, 5)).pairs, FactoredPairs)
    numpy.testing.assert_allclose(other.norms, table.norms, rtol=1e-5)
    found, whole = (written_out(one.factors(numpy.arange(len(one))).pairs) for one in (other, table))
    numpy.testing.assert_allclose(found, whole, atol=1e-4)
    assert references(others)[0] == expected and len(expected) > 20
    numpy.testing.assert_allclose(references(others)[1], effects, atol=1e-4 * max(map(abs, effects)))


def test_the_cost_is_said_first(model_path, corpus_path, tmp_path, capsys):
    index(str(model_path), corpus_path, tmp_path / "out", l2=3.0, silent=False)
    printed = " ".join(capsys.readouterr().err.split())
    assert re.search(r"parameters, .* of memory .* Fitting the head", printed)


def test_what_does_not_fit_is_refused(model_path, corpus_path, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "available_memory", lambda: 1000)
    with pytest.raises(ValueError, match=r"\[S222\].*1 KB are free|\[S222\].*0 MB are free"):
        index(str(model_path), corpus_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_memory_error_has_a_code(model_path, corpus_path, tmp_path, monkeypatch):
    def build(*arguments, **settings):
        raise MemoryError("Unable to allocate 193. GiB")

    monkeypatch.setattr(command, "compute_index", build)
    with pytest.raises(ValueError, match=r"\[S223\].*193. GiB"):
        index(str(model_path), corpus_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def measured(folder, *arguments):
    line = [sys.executable, "-m", "experiments.right.many_labels", str(folder), *map(str, arguments)]
    output = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("types, width, labels", [(200, 32, 401), (60, 400, 121)])
def test_many_types_within_four_gigabytes(types, width, labels, tmp_path):
    found = measured(tmp_path, types, width, 20, 300)
    assert found["labels"] == labels and found["explained"] > 0
    assert max(found["peak"], found["peak_explaining"]) < 4 * GIGABYTE
    taken = found["peak"] - found["before"]
    assert found["estimate"] / 6 < taken < found["estimate"]
    assert found["disk"] < 3 * found["estimated_disk"]

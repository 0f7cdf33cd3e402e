"""`python -m experiments retrain-deletions`: the whole pipeline is trained without labels."""

from __future__ import annotations

import json

import numpy
import pytest
import spacy

from experiments.methods.retraining import Retraining
from spacy_seginf.attribution.method import Texts

from ..cli.running import run_experiments

SMALL = ["--documents", "20", "--queries", "2", "--k", "4", "--steps", "3", "--repeats", "1"]


def test_labels_are_missing_and_nothing_else(exact_nlp):
    index = exact_nlp.get_pipe("influence").index
    docs = [spacy.tokens.Doc(exact_nlp.vocab, words=index.words(n)[0]) for n in range(len(index.data.lengths))]
    segments = numpy.array(sorted(index.segments.positions().tolist()))
    training = Texts(docs, index.data, index.labels, segments)
    retraining = Retraining(exact_nlp, "crf_tagger", 1)
    tagger = exact_nlp.get_pipe("crf_tagger")
    removed = segments[[0, 2]]
    for missing in (removed[:0], removed):
        allowed = index.data.allowed.copy()
        for document, start, end in missing:
            first = index.data.starts[document]
            allowed[first + start : first + end] = True
        written = retraining.annotated(training, missing)
        examples = [spacy.training.Example(copy.copy(), copy) for copy in written]
        numpy.testing.assert_array_equal(numpy.concatenate([tagger.allowed_tags(e) for e in examples]), allowed)


@pytest.mark.slow
def test_each_training_happens_once(exact_path, corpus_path, config, tmp_path, monkeypatch):
    calls = []
    original = Retraining.train
    monkeypatch.setattr(
        Retraining,
        "train",
        lambda self, docs, seed, steps=None, **rest: calls.append(1) or original(self, docs, seed, steps, **rest),
    )
    config.write_text(
        config.read_text() + '\n[methods.last]\n@misc = "spacy_seginf.TracInLast.v1"\ncheckpoints = null\n'
    )
    names = "toy-exact,toy-random,last"
    arguments = [exact_path, corpus_path, tmp_path / "out", "--config", config, "--methods", names]
    code, printed = run_experiments("retrain-deletions", *arguments, *SMALL)
    assert code == 0, printed
    assert "trainings of about" in printed
    assert "another seed alone none up or down by" in printed
    assert len(calls) <= 1 + 2 * 2 + 3 * 2 * 2 + 1  # the base, two estimates, deletions, a repetition
    report = json.loads((tmp_path / "out" / "retrained.json").read_text())
    assert list(report["methods"]) == names.split(",")
    (listing,) = (tmp_path / "out" / ".work").glob("*/base/checkpoints/checkpoints.json")
    assert [entry["step"] for entry in json.loads(listing.read_text())["checkpoints"]] == [1, 2, 3]
    for sides in report["methods"].values():
        for side in ("supporting", "opposing"):
            assert len(sides[side]["retrained"]["by_query"]) == 2
            assert len(sides[side]["refit"]["by_query"]) == 2
    assert report["noise"]["mean_absolute_change"] > 0
    done = len(calls)
    assert run_experiments("retrain-deletions", *arguments, *SMALL)[0] == 0
    assert len(calls) == done
    assert json.loads((tmp_path / "out" / "retrained.json").read_text()) == report
    code, printed = run_experiments("retrain-deletions", *arguments, *SMALL[:-1], "0")
    assert code == 0 and "another seed alone" not in printed
    alone = json.loads((tmp_path / "out" / "retrained.json").read_text())
    assert alone["noise"] == {"by_seed": [], "mean_absolute_change": None, "mean_by_seed": []}
    assert len(calls) == done

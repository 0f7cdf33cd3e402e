"""A pipeline of another guideline as one of those that predict training labels."""

from __future__ import annotations

import numpy
import pytest
import spacy

from spacy_seginf.curation.opinion import SMOOTHING, opinion_predictions
from spacy_seginf.curation.records import read_ranking
from spacy_seginf.curation.session import open_session

from ..cli.running import run


@pytest.fixture
def session(exact_path, corpus_path):
    return open_session(str(exact_path), corpus_path)


@pytest.fixture
def ruled(tmp_path):
    """A pipeline that calls one place a country, and knows nothing else."""
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "Tarnby"}])
    nlp.to_disk(tmp_path / "ruled")
    return tmp_path / "ruled"


def test_labels_go_together_as_they_are_counted(ruled, session):
    source = session.source
    found = opinion_predictions(str(ruled), session.index, source)
    words = [word for document in source.words for word in document]
    said = numpy.array([word == "Tarnby" for word in words])
    size = source.data.labels
    prior = numpy.bincount(source.labels[source.known], minlength=size) + 1.0
    for row in range(len(words)):
        like = source.known & (said == said[row])
        counts = numpy.bincount(source.labels[like], minlength=size).astype(float)
        counts[source.labels[row]] -= source.known[row]
        expected = counts + SMOOTHING * prior / prior.sum()
        numpy.testing.assert_allclose(numpy.exp(found.emissions[row]), expected / expected.sum())
    assert said.any() and not found.transitions.any() and not found.which.any()


def test_the_command(ruled, exact_path, corpus_path, tmp_path):
    output = tmp_path / "ranked.jsonl"
    code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--opinion", ruled)
    assert code == 0 and "Asking" in printed
    ranking = read_ranking(output)
    code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--opinion", tmp_path / "nothing")
    assert code == 1 and "[S040]" in printed and read_ranking(output) == ranking
    spacy.blank("en").to_disk(tmp_path / "silent")
    code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--opinion", tmp_path / "silent")
    assert code == 1 and "[S265]" in printed and "entities" in printed and read_ranking(output) == ranking

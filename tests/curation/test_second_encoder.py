"""A second encoder, which has not seen the labels: its features, what heads on them say, and the ranking with it."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
import spacy
from spacy.tokens import Doc

from spacy_seginf.curation.finding import IssueFinder
from spacy_seginf.curation.odds import FEATURES
from spacy_seginf.curation.predictors import FOLDS, folds_of
from spacy_seginf.curation.records import read_ranking
from spacy_seginf.curation.second_encoder import second_features, second_predictions
from spacy_seginf.curation.session import open_session
from spacy_seginf.indexing.refit import label_head
from spacy_seginf.influence.choose import fit_to_optimum
from spacy_seginf.influence.data import subset
from spacy_seginf.influence.head import Head

from ..cli.running import run
from ..conftest import TINY_TOK2VEC


@pytest.fixture(scope="module")
def with_vectors(tmp_path_factory, exact_path, corpus_path):
    """A pipeline of static vectors alone, drawn at random."""
    nlp = spacy.blank("en")
    session = open_session(str(exact_path), corpus_path)
    generator = numpy.random.default_rng(0)
    for word in sorted({word for words in session.source.words for word in words}):
        nlp.vocab.set_vector(word, generator.normal(size=6).astype(numpy.float32))
    path = tmp_path_factory.mktemp("vectors") / "encoder"
    nlp.to_disk(path)
    return path


@pytest.fixture
def session(exact_path, corpus_path):
    return open_session(str(exact_path), corpus_path)


def test_features_are_those_of_the_pipeline(with_vectors, session):
    found = second_features(str(with_vectors), session.index)
    vectors = spacy.load(with_vectors).vocab
    rows = numpy.array([vectors[word].vector for words in session.source.words for word in words])
    numpy.testing.assert_allclose(found, (rows - rows.mean(axis=0)) / rows.std(axis=0), atol=1e-5)


def test_an_encoder_without_vectors(session, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": TINY_TOK2VEC})
    nlp.get_pipe("tok2vec").model.initialize()
    nlp.to_disk(tmp_path / "encoder")
    found = second_features(str(tmp_path / "encoder"), session.index)
    words, spaces = session.index.words(2)
    doc = nlp.get_pipe("tok2vec")(Doc(nlp.vocab, words=words, spaces=spaces))
    first = int(session.source.data.starts[2])
    raw = numpy.corrcoef(doc.tensor[:, 0], found[first : first + len(doc), 0])[0, 1]
    assert found.shape == (len(session.source.labels), doc.tensor.shape[1]) and raw == pytest.approx(1.0, abs=1e-4)


def test_heads_are_fitted_to_other_documents(with_vectors, session):
    source = session.source
    features = second_features(str(with_vectors), session.index)
    found = second_predictions(source, features)
    folds = folds_of(source)
    data = replace(source.data, features=features)
    _, penalty, _ = label_head(data, None)
    for fold in range(FOLDS):
        rest = subset(data, numpy.flatnonzero(folds != fold))
        share = len(rest.allowed) / len(source.labels)
        head = fit_to_optimum(rest, Head.zeros(rest), penalty.scaled(share)).head
        rows = data.rows(numpy.flatnonzero(folds == fold))
        numpy.testing.assert_allclose(found.emissions[rows], head.emissions(features[rows]), atol=0.05)
    assert (found.which == folds).all()


def test_the_order_listens_to_it(with_vectors, session):
    features = second_features(str(with_vectors), session.index)
    alone = IssueFinder(session.source, None, session.missing)
    both = IssueFinder(session.source, None, session.missing, strangers=[second_predictions(session.source, features)])
    said = both.odds.features - alone.odds.features
    both_sides = [FEATURES.index(side) for side in ("strange_for", "strange_against")]
    assert said[:, both_sides].any() and not numpy.delete(said, both_sides, axis=1).any()
    assert (said[:, both_sides[0]] >= 0.0).all() and (said[:, both_sides[1]] <= 0.0).all()


def test_the_command(with_vectors, exact_path, corpus_path, tmp_path):
    output, empty = tmp_path / "ranked.jsonl", tmp_path / "blank"
    code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--features", with_vectors)
    assert code == 0 and "Encoding" in printed
    ranking = read_ranking(output)
    spacy.blank("en").to_disk(empty)
    for pipeline, error in ((empty, "S266"), (tmp_path / "nothing", "S040")):
        code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--features", pipeline)
        assert code == 1 and f"[{error}]" in printed
    assert read_ranking(output) == ranking

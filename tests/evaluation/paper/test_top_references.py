"""Top references found a few training segments at a time are those of the whole matrix of scores."""

from dataclasses import replace

import numpy
import pytest

from experiments.paper.top_references import searched_references, top_references
from spacy_seginf.attribution.emission_influence import EmissionInfluence
from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.attribution.segment_influence import SegmentInfluence
from spacy_seginf.crf import token_conditionals
from spacy_seginf.evaluation.problem import predictions
from spacy_seginf.explanation.explainer import Explainer
from spacy_seginf.explanation.method_explainer import index_context

METHODS = [
    SegmentNN(),
    SegmentNN(labels="same"),
    SegmentInfluence("identity", similarity="cosine"),
    EmissionInfluence(),
]


@pytest.fixture
def problem(exact_nlp, train_examples):
    influence = exact_nlp.get_pipe("influence")
    context = index_context(exact_nlp, "crf_tagger", influence.index, "token")
    docs = [example.predicted for example in train_examples[:3]]
    return influence.explainer(), context, predictions(exact_nlp, influence.find_tagger(), docs, context.head)


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("chunk", [7, 10_000])
def test_against_all_scores(problem, method, chunk):
    _, context, queries = problem
    scores = method.prepare(context).scores(queries)
    rows = top_references(method, context, queries, lambda work, **_: work, chunk)
    assert (rows[:, 0] == scores.argmax(axis=1)).all()
    opposing = scores.argmin(axis=1)
    assert (rows[:, 1] == numpy.where(scores.min(axis=1) < 0, opposing, -1)).all()


def test_the_search_names_training_tokens(problem):
    explainer, context, queries = problem
    assert isinstance(explainer, Explainer)
    rows = searched_references(explainer, queries)
    assert rows.shape == (len(queries), 2)
    found = explainer.explain(queries.data, queries.labels, queries.segments, "token", 1)
    for (supporting, opposing), explanation in zip(rows.tolist(), found):
        for number, (entry,) in ((supporting, explanation.supporting), (opposing, explanation.opposing)):
            document, start, _ = explainer.table("token").segment(entry.row)
            assert context.training.data.starts[document] + start == number


def test_emission_influence(problem):
    """Of single tokens it is the cosine of features, with the constant, times that of p - onehot(label)."""
    _, context, queries = problem
    single = queries.segments[queries.segments[:, 2] - queries.segments[:, 1] == 1]
    assert len(single)
    queries = replace(queries, segments=single)

    def directions(texts):
        head, labels, lengths = context.head, texts.labels, texts.data.lengths
        scores = head.emissions(texts.data.features)
        found = token_conditionals(scores, head.transitions, labels, lengths).residuals
        rows = texts.data.starts[texts.segments[:, 0]] + texts.segments[:, 1]
        features = numpy.concatenate([texts.data.features[rows], numpy.ones((len(rows), 1))], axis=1)
        return [part / numpy.linalg.norm(part, axis=1, keepdims=True) for part in (features, found[rows])]

    (one, mine), (other, theirs) = directions(queries), directions(context.training)
    expected = (one @ other.T) * (mine @ theirs.T)
    numpy.testing.assert_allclose(EmissionInfluence().prepare(context).scores(queries), expected, rtol=1e-3, atol=1e-5)
    assert expected.min() < -0.1 and expected.max() > 0.1

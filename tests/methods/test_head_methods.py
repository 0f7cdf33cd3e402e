"""Methods that need only the head, against their definitions: enumerated losses and their numeric gradients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy
import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_seginf.attribution.emission_influence import EmissionInfluence
from spacy_seginf.attribution.instance_influence import InstanceInfluence
from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.attribution.random_by_label import RandomByLabel
from spacy_seginf.attribution.random_scores import Random
from spacy_seginf.attribution.segment_influence import SegmentInfluence
from spacy_seginf.influence.choose import head_metric
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.head import split
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.influence.removal import correct_segments
from spacy_seginf.influence.segments import SegmentChains

from ..influence.heads import differences, fitted, random_data, segment_loss

TAGS = ("O", "B-A", "I-A")
L2 = 0.5


class Pipeline:
    """Knows the tags of its only component."""

    def get_pipe(self, name):
        assert name == "tagger"
        return SimpleNamespace(tags=TAGS)


def make_texts(generator, lengths, segments):
    """Documents of random words, features and labels."""
    data, labels = random_data(generator, lengths, len(TAGS), 2)
    words = iter(f"w{number}" for number in range(sum(lengths)))
    docs = [Doc(Vocab(), words=[next(words) for _ in range(length)]) for length in lengths]
    return Texts(docs, data, labels, numpy.array(segments))


@pytest.fixture(scope="module")
def world():
    """A fitted head with its training segments, and some queries."""
    generator = numpy.random.default_rng(5)
    training = make_texts(generator, [4, 3, 5], [(0, 0, 1), (0, 1, 3), (1, 2, 3), (2, 0, 2), (2, 4, 5)])
    queries = make_texts(generator, [3, 4], [(0, 0, 1), (0, 1, 3), (1, 1, 2), (1, 2, 4)])
    head, hessian, metric = fitted(training.data, L2)
    return Context(Pipeline(), "tagger", training, head, Penalty(L2), metric), queries, hessian


def numeric_gradients(head, texts, segments=None):
    """Minus the gradients of enumerated conditional losses."""
    chosen = texts.segments if segments is None else segments
    return -numpy.array(
        [differences(lambda t, s=tuple(s): segment_loss(t, texts.data, texts.labels, s), head) for s in chosen]
    )


def whole(texts, owners):
    """The documents of segments as segments."""
    return [(document, 0, texts.data.lengths[document]) for document in owners]


@pytest.mark.parametrize("curvature", ["exact", "identity", None])
@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_uncorrected_influence_is_the_product_of_numeric_gradients(world, curvature, similarity):
    context, queries, hessian = world
    inverse = numpy.eye(len(hessian)) if curvature == "identity" else numpy.linalg.inv(hessian)
    mine, theirs = numeric_gradients(context.head, queries), numeric_gradients(context.head, context.training)
    expected = mine @ inverse @ theirs.T
    if similarity == "cosine":
        lengths = [numpy.sqrt(numpy.einsum("np,pq,nq->n", g, inverse, g)) for g in (mine, theirs)]
        expected = expected / numpy.outer(*lengths)
    found = SegmentInfluence(curvature, False, similarity).prepare(context).scores(queries)
    numpy.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * numpy.abs(expected).max())


def test_corrected_influence_uses_the_corrected_gradients(world):
    context, queries, hessian = world
    training = context.training
    chains = SegmentChains(context.head, training.data, training.labels, training.segments)
    corrected = correct_segments(chains, context.metric).factors.gradients()
    expected = numeric_gradients(context.head, queries) @ numpy.linalg.inv(hessian) @ corrected.T
    found = SegmentInfluence().prepare(context).scores(queries)
    numpy.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * numpy.abs(expected).max())
    plain = SegmentInfluence(corrected=False).prepare(context).scores(queries)
    assert numpy.abs(found - plain).max() > 0.01 * numpy.abs(found).max()


def test_kfac_influence_uses_its_own_curvature(world):
    context, queries, _ = world
    metric, kind, _ = head_metric(context.training.data, context.head, L2, "kfac")
    assert kind == "kfac"
    mine, theirs = numeric_gradients(context.head, queries), numeric_gradients(context.head, context.training)
    found = SegmentInfluence("kfac", False).prepare(context).scores(queries)
    expected = metric.apply(mine) @ theirs.T
    numpy.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * numpy.abs(expected).max())


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
def test_emission_influence_is_the_product_of_numeric_gradients_without_transitions(world, similarity):
    context, queries, _ = world
    mine, theirs = (
        split(numeric_gradients(context.head, texts), len(TAGS))[0].reshape(len(texts), -1)
        for texts in (queries, context.training)
    )
    expected = mine @ theirs.T
    if similarity == "cosine":
        expected = expected / numpy.outer(numpy.linalg.norm(mine, axis=1), numpy.linalg.norm(theirs, axis=1))
    found = EmissionInfluence(similarity).prepare(context).scores(queries)
    numpy.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * numpy.abs(expected).max())
    whole = SegmentInfluence("identity", similarity=similarity).prepare(context).scores(queries)
    assert numpy.abs(found - whole).max() > 0.01 * numpy.abs(found).max(), "transitions would count"


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("query", ["document", "segment"])
def test_instance_influence_is_the_product_of_numeric_document_gradients(world, normalised, query):
    context, queries, hessian = world
    training = context.training
    owners = training.segments[:, 0]
    theirs = numeric_gradients(context.head, training, whole(training, owners))
    asked = whole(queries, queries.segments[:, 0]) if query == "document" else queries.segments.tolist()
    mine = numeric_gradients(context.head, queries, asked)
    if normalised:
        theirs = theirs / numpy.array([[training.data.lengths[owner]] for owner in owners])
        mine = mine / numpy.array([[end - start] for _, start, end in asked])
    expected = mine @ numpy.linalg.inv(hessian) @ theirs.T
    found = InstanceInfluence(None, normalised, query).prepare(context).scores(queries)
    numpy.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * numpy.abs(expected).max())


def test_the_loss_of_a_document_is_the_one_that_training_minimises(world):
    context, _, _ = world
    training = context.training
    stationary = numeric_gradients(context.head, training, whole(training, range(3))).sum(axis=0)
    assert context.head.weights.any()
    numpy.testing.assert_allclose(stationary, L2 * context.head.packed, atol=1e-7)


def test_neighbours_are_alike_and_labels_give_the_sign(world):
    context, queries, _ = world

    def vector(texts, segment):
        first = sum(texts.data.lengths[: segment[0]])
        return texts.data.features[first + segment[1] : first + segment[2]].astype("float64").mean(axis=0)

    def kind(texts, segment):
        return TAGS[texts.labels[sum(texts.data.lengths[: segment[0]]) + segment[1]]][-1]

    pairs = [[(q, k) for k in context.training.segments] for q in queries.segments]
    dots = numpy.array([[vector(queries, q) @ vector(context.training, k) for q, k in row] for row in pairs])
    lengths = numpy.array(
        [
            [numpy.linalg.norm(vector(queries, q)) * numpy.linalg.norm(vector(context.training, k)) for q, k in row]
            for row in pairs
        ]
    )
    same = numpy.array([[kind(queries, q) == kind(context.training, k) for q, k in row] for row in pairs])
    assert same.any() and not same.all()
    for similarity, values in (("dot", dots), ("cosine", dots / lengths)):
        expected = {
            "all": values,
            "same": values * same,
            "other": -values * ~same,
            "signed": numpy.where(same, values, -values),
        }
        for labels, wanted in expected.items():
            found = SegmentNN(similarity, labels).prepare(context).scores(queries)
            numpy.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


METHODS = {
    "exact": SegmentInfluence(),
    "identity": SegmentInfluence("identity"),
    "emissions": EmissionInfluence(),
    "instance": InstanceInfluence(),
    "neighbours": SegmentNN(),
    "random": Random(3),
    "random by label": RandomByLabel(3),
}


@pytest.mark.parametrize("name", METHODS)
def test_a_score_does_not_depend_on_what_is_asked_with_it(world, name):
    context, queries, _ = world
    attribution = METHODS[name].prepare(context)
    together = attribution.scores(queries)
    order = [2, 0, 3, 1]
    again = attribution.scores(Texts(queries.docs, queries.data, queries.labels, queries.segments[order]))
    numpy.testing.assert_allclose(again, together[order], rtol=1e-9, atol=1e-12)
    assert together.shape == (4, 5)
    assert attribution.bytes_per_segment >= 0


def test_random_scores_are_uniform_and_seeded(world):
    context, queries, _ = world
    one, other = (Random(seed).prepare(context).scores(queries) for seed in (0, 1))
    assert (one != other).all()
    numpy.testing.assert_array_equal(one, Random(0).prepare(context).scores(queries))
    assert len(numpy.unique(one)) == one.size
    assert -1 <= one.min() < 0 < one.max() <= 1


def test_random_scores_by_label_have_its_sign(world):
    context, queries, _ = world
    found = RandomByLabel(3).prepare(context).scores(queries)
    types = {"O": "O", "B-A": "A", "I-A": "A"}  # of the tag that a segment begins with
    labels = [
        [types[TAGS[texts.labels[texts.data.starts[document] + start]]] for document, start, _ in texts.segments]
        for texts in (queries, context.training)
    ]
    assert labels == [context.labels_of(queries), context.labels_of(context.training)]
    assert len({*labels[0]}) == 2, "both signs are asked for"
    same = [[mine == theirs for theirs in labels[1]] for mine in labels[0]]
    numpy.testing.assert_array_equal(found > 0, same)
    numpy.testing.assert_array_equal(abs(found), abs(Random(3).prepare(context).scores(queries)))


def test_identity_is_not_corrected_by_default(world):
    context, queries, _ = world
    metric = IdentityCurvature(len(TAGS), context.training.data.width)
    plain = Context(context.nlp, context.tagger, context.training, context.head, Penalty(L2), metric)
    default = SegmentInfluence().prepare(plain).scores(queries)
    numpy.testing.assert_array_equal(default, SegmentInfluence(corrected=False).prepare(plain).scores(queries))


@pytest.mark.parametrize(
    "make",
    [
        lambda: SegmentInfluence("exactly"),
        lambda: SegmentInfluence(similarity="sine"),
        lambda: EmissionInfluence("sine"),
        lambda: InstanceInfluence("newton"),
        lambda: InstanceInfluence(query="token"),
        lambda: SegmentNN("euclidean"),
        lambda: SegmentNN(labels="some"),
        lambda: Random(-1),
    ],
)
def test_unknown_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"\[S095\]|S095"):
        make()

"""Probabilities of tags, segments and sequences, and the k best sequences, against all valid sequences."""

import itertools

import numpy
import pytest

from spacy_seginf.crf.arrays import time_major
from spacy_seginf.crf.decoding import limits_of
from spacy_seginf.crf.k_best import k_best
from spacy_seginf.crf.lattice import lattice_of
from spacy_seginf.crf.messages import near_messages, recursive_messages, steps_in_range
from spacy_seginf.crf.probabilities import LEAST, Distribution
from spacy_seginf.crf.schemes import TAG, TagScheme

from .brute_force import enumerate_paths
from .test_decoding import SCHEMES, is_valid, make_doc, random_docs

TOLERANCE = 1e-10


def enumerated(scheme, doc, emissions, transitions):
    """All valid sequences of a document with their probabilities, the most probable first."""
    paths = [
        path
        for path in itertools.product(range(len(scheme.tags)), repeat=len(doc))
        if scheme.by_token or is_valid(scheme, doc, path)
    ]
    scores = numpy.array(
        [
            sum(emissions[range(len(path)), path]) + sum(transitions[pair] for pair in zip(path, path[1:]))
            for path in paths
        ]
    )
    weights = numpy.exp(scores - scores.max())
    order = numpy.argsort(-weights, kind="stable")
    return [paths[number] for number in order], (weights / weights.sum())[order]


def random_scores(generator, scheme, docs, scale=2.0):
    tokens, tags = sum(map(len, docs)), len(scheme.tags)
    return generator.normal(0, scale, (tokens, tags)), generator.normal(0, scale, (tags, tags))


@pytest.fixture(params=[*SCHEMES, TAG])
def case(request):
    """A scheme and documents with blanks, entities that are there, and blocked tokens, with their distribution."""
    generator = numpy.random.default_rng(5)
    scheme = TagScheme(("A", "B"), request.param)
    docs = [doc for doc in random_docs(generator, 9) if len(doc) < 5]
    if not scheme.by_token:
        docs += [
            make_doc(["x", "y", "z", "w"], ents=[(1, 2, "A")]),
            make_doc(["x", "y", "z"], ents=[(0, 2, "C")]),
            make_doc(["x", " ", "z", "w"], blocked=[(2, 3)]),
        ]
    emissions, transitions = random_scores(generator, scheme, docs)
    lengths = [len(doc) for doc in docs]
    distribution = Distribution(scheme, emissions, transitions, lengths, limits_of(scheme, docs))
    starts = numpy.cumsum([0, *lengths])
    rows = [slice(*pair) for pair in zip(starts, starts[1:])]
    known = [enumerated(scheme, doc, emissions[own], transitions) for doc, own in zip(docs, rows)]
    return scheme, docs, rows, distribution, known


def sequence_probability(distribution, rows, number, path):
    tags = numpy.zeros(rows[-1].stop, dtype=int)
    tags[rows[number]] = path
    return distribution.sequences(tags)[number]


def test_tags_and_sequences(case):
    scheme, docs, rows, distribution, known = case
    for number, (doc, own, (paths, probabilities)) in enumerate(zip(docs, rows, known)):
        expected = numpy.zeros((len(doc), len(scheme.tags)))
        for path, probability in zip(paths, probabilities):
            expected[range(len(path)), path] += probability
            assert sequence_probability(distribution, rows, number, path) == pytest.approx(probability, abs=TOLERANCE)
        assert numpy.abs(distribution.tag_probabilities[own] - expected).max(initial=0) < TOLERANCE


def test_sequences_of_all_documents_at_once(case):
    _scheme, _docs, _rows, distribution, known = case
    paths = [found[len(found) // 2] for found, _ in known]
    together = distribution.sequences(numpy.array([tag for path in paths for tag in path], dtype=int))
    expected = [values[len(values) // 2] for _, values in known]
    assert together == pytest.approx(numpy.array(expected), abs=TOLERANCE)


def test_what_is_not_valid_has_no_probability():
    scheme = TagScheme(("A",), "BIO")
    distribution = Distribution(scheme, numpy.zeros((2, 3)), numpy.zeros((3, 3)), [2])
    assert distribution.sequences(numpy.array([0, scheme.index["I-A"]])).tolist() == [0.0]
    assert distribution.tag_probabilities[0, scheme.index["I-A"]] == 0.0


def test_entities_have_the_probability_of_their_boundaries_and_type(case):
    scheme, docs, _rows, distribution, known = case
    if scheme.by_token:
        pytest.skip("there are no entities")
    for number, (doc, (paths, probabilities)) in enumerate(zip(docs, known)):
        found = [set(scheme.entities(path)) for path in paths]
        for start, end in itertools.combinations(range(len(doc) + 1), 2):
            for label in scheme.labels:
                expected = sum(p for p, one in zip(probabilities, found) if (start, end, label) in one)
                actual = distribution.entity(number, start, end, label)
                assert actual == pytest.approx(expected, abs=TOLERANCE), (doc, start, end, label)
            free = [all(not path[token] for token in range(start, end)) for path in paths]
            assert distribution.outside(number, start, end) == pytest.approx(probabilities[free].sum(), abs=TOLERANCE)


def test_readings_of_a_place_are_those_that_are_near_and_not_improbable(case):
    scheme, docs, _rows, distribution, known = case
    if scheme.by_token:
        pytest.skip("there are no entities")
    for number, (doc, (paths, probabilities)) in enumerate(zip(docs, known)):
        if not len(doc):
            continue
        found = distribution.readings(number, 0, 1)
        expected = {(0, 1, ""): sum(p for p, path in zip(probabilities, paths) if not path[0])}
        for end in range(1, min(len(doc), 3) + 1):
            for label in scheme.labels:
                own = [(0, end, label) in scheme.entities(path) for path in paths]
                expected[0, end, label] = probabilities[own].sum()
        expected = {place: value for place, value in expected.items() if value >= LEAST}
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_the_k_best_sequences(case, count):
    _scheme, _docs, rows, distribution, known = case
    for number, (paths, probabilities) in enumerate(known):
        found = distribution.k_best(number, count)
        assert [one.probability for one in found] == pytest.approx(probabilities[:count].tolist(), abs=TOLERANCE)
        named = [tuple(one.tags.tolist()) for one in found]
        assert len(set(named)) == len(named) and set(named) <= set(paths)
        for one in found:
            assert sequence_probability(distribution, rows, number, one.tags) == pytest.approx(
                one.probability, abs=TOLERANCE
            )


def test_the_k_best_of_many_sequences_are_those_of_each():
    generator = numpy.random.default_rng(2)
    lengths = generator.integers(0, 6, 40).tolist()
    emissions, transitions = generator.normal(0, 2, (sum(lengths), 3)), generator.normal(0, 2, (3, 3))
    emissions[generator.random(emissions.shape) < 0.1] = -numpy.inf
    found = k_best(emissions, transitions, lengths, 7)
    starts = numpy.cumsum([0, *lengths])
    for one, first, last in zip(found, starts, starts[1:]):
        if first == last:
            assert one.labels.shape == (1, 0)
            continue
        every = enumerate_paths(emissions[first:last], transitions)
        best = numpy.sort(every.scores[numpy.isfinite(every.scores)])[::-1][:7]
        assert one.scores == pytest.approx(best, abs=TOLERANCE)
        for path, score in zip(one.labels, one.scores):
            assert every.scores[(every.paths == path).all(axis=1)][0] == pytest.approx(score, abs=TOLERANCE)


def test_scores_may_be_far_from_zero():
    generator = numpy.random.default_rng(6)
    scheme, lengths = TagScheme(("A",), "BIO"), [5, 2]
    emissions, transitions = generator.normal(0, 1, (7, 3)), generator.normal(0, 1, (3, 3))
    far = Distribution(scheme, emissions - 2000.0, transitions + 900.0, lengths)
    near = Distribution(scheme, emissions, transitions, lengths)
    assert numpy.allclose(far.tag_probabilities, near.tag_probabilities, atol=1e-10)


def test_temperature_divides_scores():
    generator = numpy.random.default_rng(3)
    scheme = TagScheme(("A", "B"), "BIO")
    emissions, transitions = generator.normal(0, 3, (6, 5)), generator.normal(0, 1, (5, 5))
    warm = Distribution(scheme, emissions, transitions, [6], temperature=2.0)
    same = Distribution(scheme, emissions / 2, transitions / 2, [6])
    assert numpy.allclose(warm.tag_probabilities, same.tag_probabilities, atol=1e-14)


def test_scores_of_any_size():
    """Sums of exponentials would overflow."""
    scheme = TagScheme(("A",), "BIO")
    emissions = numpy.zeros((400, 3))
    emissions[:, 1] = 3000.0 * (numpy.arange(400) % 2)
    distribution = Distribution(scheme, emissions, numpy.array([[0, 0, -9e3], [0, -5.0, 2e3], [0, 0, 0.0]]), [400])
    assert numpy.allclose(distribution.tag_probabilities.sum(axis=1), 1.0)
    assert 0.0 <= distribution.entity(0, 1, 2, "A") <= 1.0


@pytest.mark.parametrize("scale", [0.0, 1.0, 20.0, 60.0, 200.0])
def test_fast_messages_are_the_careful_ones_where_they_are_used(scale):
    generator = numpy.random.default_rng(4)
    scheme, lengths = TagScheme(("A", "B"), "BILUO"), [900, 30, 7, 0, 1]
    emissions = generator.uniform(-scale, scale, (sum(lengths), 9)) + generator.normal(0, 1e3, (sum(lengths), 1))
    transitions = generator.uniform(-scale, scale, (9, 9)) - 50.0
    lattice = lattice_of(scheme, emissions, transitions, lengths)
    scores = lattice.emissions, lattice.transitions
    steps, layout = steps_in_range(*scores), time_major(lengths)
    assert (steps > 0) == (scale < 200)
    if steps:
        careful, fast = recursive_messages(*scores, layout), near_messages(*scores, layout, steps)
        for one, other in zip(careful, fast):
            assert numpy.array_equal(numpy.isfinite(one), numpy.isfinite(other))
            possible = numpy.isfinite(one)
            assert numpy.abs(one[possible] - other[possible]).max() < 1e-8  # of sums of up to a million
        joint = [one + other for one, other in (careful, fast)]
        best = joint[0].max(axis=1, keepdims=True)
        joint[1] += best - joint[1].max(axis=1, keepdims=True)
        assert numpy.abs(numpy.exp(joint[0] - best) - numpy.exp(joint[1] - best)).max() < 1e-10

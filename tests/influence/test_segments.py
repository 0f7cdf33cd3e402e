"""Gradients, curvature and losses of segments against enumeration and finite differences."""

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.influence.data import HeadData, ranges
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.segments import SegmentChains

from .heads import differences, random_data, random_head, segment_loss, size_of

LENGTHS = [5, 1, 4, 0, 2]
SEGMENTS = {
    "inside": (0, 1, 3),
    "left edge": (0, 0, 2),
    "right edge": (0, 2, 5),
    "document": (0, 0, 5),
    "one-token document": (1, 0, 1),
    "token inside": (2, 1, 2),
    "first token": (2, 0, 1),
    "last token": (2, 3, 4),
    "behind an empty document": (4, 1, 2),
}
PLACES = list(SEGMENTS.values())
SEEDS = range(3)


@pytest.fixture(params=SEEDS)
def problem(request):
    generator = numpy.random.default_rng(request.param)
    data, labels = random_data(generator, LENGTHS, 3, 3)
    return generator, data, labels, random_head(generator, data)


def some_missing(generator, data):
    """Permit further labels on about half of the tokens."""
    return HeadData(data.features, data.allowed | (generator.random(data.allowed.shape) < 0.4), data.lengths)


def permitted(data, segment):
    document, start, end = segment
    first = int(data.starts[document])
    return data.allowed[first + start : first + end]


def test_gradients(problem):
    _, data, labels, head = problem
    found = SegmentChains(head, data, labels, PLACES).gradients()
    for row, segment in zip(found, PLACES):
        expected = -differences(lambda point: segment_loss(point, data, labels, segment), head)  # noqa: B023
        numpy.testing.assert_allclose(row, expected, atol=1e-8, err_msg=str(segment))


def test_gradients_of_single_tokens(problem):
    """A list of single tokens takes a faster way."""
    _, data, labels, head = problem
    tokens = [segment for segment in PLACES if segment[2] - segment[1] == 1]
    alone = SegmentChains(head, data, labels, tokens).gradients()
    mixed = SegmentChains(head, data, labels, [*tokens, (0, 0, 5)]).gradients()
    numpy.testing.assert_allclose(alone, mixed[:-1], atol=1e-14)
    vectors = numpy.random.default_rng(0).normal(size=(len(tokens) + 1, head.size))
    alone = SegmentChains(head, data, labels, tokens).curvature_product(vectors[:-1]).gradients()
    mixed = SegmentChains(head, data, labels, [*tokens, (0, 0, 5)]).curvature_product(vectors).gradients()
    numpy.testing.assert_allclose(alone, mixed[:-1], atol=1e-14)


def test_gradients_with_missing_labels(problem):
    generator, full, labels, head = problem
    data = some_missing(generator, full)
    assert (data.allowed.sum(axis=1) > 1).any()
    found = SegmentChains(head, data, labels, PLACES).gradients()
    for row, segment in zip(found, PLACES):
        allowed = permitted(data, segment)
        expected = -differences(lambda point: segment_loss(point, data, labels, segment, allowed), head)  # noqa: B023
        numpy.testing.assert_allclose(row, expected, atol=1e-8, err_msg=str(segment))


@pytest.mark.parametrize("missing", [False, True])
def test_curvature(problem, missing):
    generator, data, labels, head = problem
    if missing:
        data = some_missing(generator, data)
    vectors = generator.normal(size=(len(PLACES), head.size))
    found = SegmentChains(head, data, labels, PLACES).curvature_product(vectors).gradients()

    def gradients(rate):
        return [
            -SegmentChains(head.moved(rate * vector), data, labels, [segment]).gradients()[0]
            for vector, segment in zip(vectors, PLACES)
        ]

    expected = (numpy.array(gradients(1e-5)) - gradients(-1e-5)) / 2e-5
    assert abs(expected).max() > 0.1
    numpy.testing.assert_allclose(found, expected, atol=1e-7)


def test_losses_after_steps(problem):
    generator, data, labels, head = problem
    steps = numpy.concatenate([numpy.zeros((1, head.size)), generator.normal(size=(4, head.size))])
    found = SegmentChains(head, data, labels, PLACES).losses(steps)
    assert found.shape == (5, len(PLACES))
    for row, step in zip(found, steps):
        expected = [segment_loss(head.moved(step), data, labels, segment) for segment in PLACES]
        numpy.testing.assert_allclose(row, expected, atol=1e-11)


def test_another_head_and_other_labels(problem):
    generator, data, labels, head = problem
    chains = SegmentChains(head, data, labels, PLACES)
    other = random_head(generator, data)
    new = generator.integers(0, 3, len(chains.rows))
    moved = chains.at(other, numpy.eye(3, dtype=bool)[new])
    found = moved.losses()[0]
    changed = labels.copy()
    changed[chains.rows[:2]] = new[:2]  # of the first segment only: others are held at their old labels outside
    assert found[0] == pytest.approx(segment_loss(other, data, changed, PLACES[0]), abs=1e-11)
    gradient = -differences(lambda point: segment_loss(point, data, changed, PLACES[0]), other)
    numpy.testing.assert_allclose(moved.gradients()[0], gradient, atol=1e-8)


def test_confident_predictions_keep_their_residuals():
    """p = 1 - 1e-12, where 1 - p has lost four digits, and p = 1 - 1e-30, where it is 0."""
    data = HeadData(numpy.zeros((1, 1), dtype="float32"), numpy.array([[True, False]]), [1])
    for exponent in (12, 30):
        head = Head(numpy.zeros((2, 1)), numpy.array([exponent * numpy.log(10), 0.0]), numpy.zeros((2, 2)))
        factors = SegmentChains(head, data, numpy.array([0]), [(0, 0, 1)]).factors()
        numpy.testing.assert_allclose(factors.residuals, [[10.0**-exponent, -(10.0**-exponent)]], rtol=1e-10)


def test_confident_segments_keep_their_residuals():
    weight = 12 * numpy.log(10)
    data = HeadData(numpy.zeros((2, 1), dtype="float32"), numpy.array([[True, False]] * 2), [2])
    head = Head(numpy.zeros((2, 1)), numpy.array([weight, 0.0]), numpy.zeros((2, 2)))
    factors = SegmentChains(head, data, numpy.zeros(2, dtype=int), [(0, 0, 2)]).factors()
    numpy.testing.assert_allclose(factors.residuals, [[1e-12, -1e-12]] * 2, rtol=1e-10)


def one_token(*odds):
    """A token whose labels have these odds against its own, label 0: data and head."""
    data = HeadData(numpy.zeros((1, 1), dtype="float32"), numpy.eye(len(odds) + 1, dtype=bool)[:1], [1])
    bias = numpy.array([0.0, *numpy.log(odds)])
    size = len(bias)
    return data, Head(numpy.zeros((size, 1)), bias, numpy.zeros((size, size)))


@pytest.mark.parametrize("odds", [(5e-16,), (2e-16, 3e-16), (1e-30, 2e-30), (3e-200,), (4.0, 2.0), (1e250,)])
def test_losses_of_confident_tokens_do_not_cancel(odds):
    data, head = one_token(*odds)
    found = SegmentChains(head, data, numpy.array([0]), [(0, 0, 1)]).losses()
    numpy.testing.assert_allclose(found, [[numpy.log1p(sum(odds))]], rtol=1e-11)


def test_changes_of_confident_losses_do_not_cancel():
    """Steps of head, and neighbours that are held: the loss falls from 5e-16 to 5e-17 and to 5e-18."""
    labels = numpy.array([1, 0, 1])
    data = HeadData(numpy.zeros((3, 1), dtype="float32"), numpy.eye(2, dtype=bool)[labels], [3])
    transitions = numpy.array([[0.0, 2.0], [1.0, -1.5]])
    # from and to label 1: label 0 in the middle scores 1 + 2, label 1 scores -1.5 twice
    bias = numpy.array([0.0, numpy.log(5e-16) + 3.0 + 3.0])
    head = Head(numpy.zeros((2, 1)), bias, transitions)
    steps = numpy.zeros((3, head.size))
    steps[1] = Head(numpy.zeros((2, 1)), numpy.array([0.0, -numpy.log(10)]), numpy.zeros((2, 2))).packed
    steps[2] = Head(
        numpy.zeros((2, 1)), numpy.zeros(2), numpy.array([[0.0, numpy.log(10)], [numpy.log(10), 0.0]])
    ).packed
    found = SegmentChains(head, data, labels, [(0, 1, 2)]).losses(steps)
    numpy.testing.assert_allclose(found[:, 0], [5e-16, 5e-17, 5e-18], rtol=1e-3)


def test_impossible_labels_have_finite_losses():
    data, head = one_token(1e300)
    head = replace(head, bias=numpy.array([0.0, 1e4]))
    chains = SegmentChains(head, data, numpy.array([0]), [(0, 0, 1)])
    numpy.testing.assert_allclose(chains.losses(), [[1e4]], rtol=1e-12)
    data, head = one_token(1.0)
    head = replace(head, bias=numpy.array([0.0, -1e4]))
    chains = SegmentChains(head, data, numpy.array([0]), [(0, 0, 1)])
    assert 0.0 <= chains.losses()[0, 0] < 1e-300


@pytest.mark.parametrize(
    "segment", [(0, 3, 6), (0, 2, 2), (0, 3, 1), (0, -1, 2), (3, 0, 1), (5, 0, 1), (-1, 0, 1), (1, 1, 2)]
)
def test_segments_out_of_their_document(segment):
    data, labels = random_data(numpy.random.default_rng(0), LENGTHS, 3, 2)
    with pytest.raises(ValueError, match=r"\[S029\]"):
        SegmentChains(Head.zeros(data), data, labels, [(0, 0, 1), segment])


def test_no_segments():
    data, labels = random_data(numpy.random.default_rng(0), LENGTHS, 3, 2)
    chains = SegmentChains(Head.zeros(data), data, labels, numpy.zeros((0, 3), dtype=int))
    assert len(chains) == 0
    assert chains.gradients().shape == (0, size_of(data))
    assert chains.losses(numpy.zeros((2, size_of(data)))).shape == (2, 0)


@pytest.mark.parametrize(
    "chosen", [slice(2, 5), slice(None), slice(3, 3), numpy.array([4, 0, 4]), [7], slice(None, None, -2)]
)
def test_selection(problem, chosen):
    _, data, labels, head = problem
    factors = SegmentChains(head, data, labels, PLACES).factors()
    whole, part = factors.gradients(), factors[chosen]
    assert len(part) == len(whole[chosen])
    assert part.lengths.tolist() == factors.lengths[chosen].tolist()
    assert len(part.features) == len(part.residuals) == part.lengths.sum()
    numpy.testing.assert_allclose(part.gradients(), whole[chosen], atol=1e-14)


def test_float32_features_lose_nothing():
    """Features are float32; everything after them is float64."""
    data, labels = random_data(numpy.random.default_rng(1), [3], 2, 2)
    head = random_head(numpy.random.default_rng(2), data)
    exact = HeadData(data.features.astype("float64"), data.allowed, data.lengths)
    one, other = (SegmentChains(head, d, labels, [(0, 0, 2)]).gradients() for d in (data, exact))
    numpy.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_ranges():
    found = ranges(numpy.array([5, 0, 7]), numpy.array([2, 0, 3]))
    assert found.tolist() == [5, 6, 7, 8, 9]

"""The search gives what a scan of all rows would give, wherever it stops."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.index import search as searching
from spacy_seginf.index.queries import Queries
from spacy_seginf.index.search import search
from spacy_seginf.influence.factors import TokenFactors, inner_products

from ..influence.rows import explicit_gradients, random_factors, sorted_rows


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(searching, "FIRST_ROWS", 4)
    monkeypatch.setattr(searching, "LEAST_BLOCK", 4)
    monkeypatch.setattr(searching, "LARGEST_BLOCK", 8)


def dense_scan(index, queries, k):
    """Score every row, sort by score, document and token; (row, score) pairs per query for both signs."""
    by_token = inner_products(queries.tokens, index.factors(slice(None)))
    found = []
    for start, end in queries.segments:
        scores = by_token[start:end].sum(axis=0)
        sides = []
        for sign in (1, -1):
            rows = [row for row in range(len(index)) if sign * scores[row] > 0]
            rows.sort(key=lambda row: (-sign * scores[row], *index.positions[row]))
            sides.append([(row, float(scores[row])) for row in rows[:k]])
        found.append(tuple(sides))
    return found


def as_pairs(result):
    """Bring a result into the form of a dense scan."""
    found = []
    for query in range(len(result.rows_seen)):
        sides = []
        for hits in (result.supporting, result.opposing):
            rows, scores = hits.rows[query].tolist(), hits.scores[query].tolist()
            filled = sum(row >= 0 for row in rows)
            assert all(row == -1 and score == 0 for row, score in zip(rows[filled:], scores[filled:]))
            sides.append(list(zip(rows[:filled], scores[:filled])))
        found.append(tuple(sides))
    return found


def shuffled_positions(generator, count):
    """Give rows documents and tokens in another order than that of their norms."""
    order = generator.permutation(count)
    return numpy.stack([order // 3, order % 3], axis=1).astype("int32")


@st.composite
def exact_cases(draw):
    """Rows and queries whose scores are exact in float32, with many ties, zeros and duplicates."""
    generator = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels, width = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    count, tokens = draw(st.integers(1, 60)), draw(st.integers(1, 10))
    table = random_factors(generator, count, labels, width, whole=True)
    if draw(st.booleans()):
        table = table[generator.integers(0, max(1, count // 5), size=count)]
    # Powers of two between rows make some norms tower over others, so that searches stop early.
    scale = 2.0 ** generator.integers(-draw(st.sampled_from([0, 6])), 1, size=(count, 1))
    table = TokenFactors(table.features, (table.residuals * scale).astype("float32"), table.previous, table.following)
    index = sorted_rows(table, shuffled_positions(generator, count))
    queries = random_factors(generator, tokens, labels, width, whole=True)
    segments = [[number, number + 1] for number in range(tokens)]
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, tokens - 1))
        segments.append([start, draw(st.integers(start + 1, tokens))])
    return index, Queries(queries, numpy.array(segments)), draw(st.sampled_from([1, 2, 5, 100]))


@settings(max_examples=200, deadline=None)
@given(exact_cases())
def test_equals_a_dense_scan(case):
    index, queries, k = case
    result = search(index, queries, k)
    assert as_pairs(result) == dense_scan(index, queries, k)
    assert (result.rows_seen <= len(index)).all()


@settings(max_examples=60, deadline=None)
@given(exact_cases(), st.integers(0, 2**32 - 1))
def test_batches_do_not_change_the_answer(case, seed):
    index, queries, k = case
    together = as_pairs(search(index, queries, k))
    for number in range(len(queries)):
        alone = search(index, Queries(queries.tokens, queries.segments[number : number + 1]), k)
        assert as_pairs(alone) == together[number : number + 1]
    order = numpy.random.default_rng(seed).permutation(len(queries))
    turned = search(index, Queries(queries.tokens, queries.segments[order]), k)
    assert as_pairs(turned) == [together[number] for number in order]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 10]))
def test_scores_of_real_numbers(seed, k):
    """With rounding, neighbours in rank may change places, but every score is right and none is missed."""
    generator = numpy.random.default_rng(seed)
    table = random_factors(generator, 80, 4, 6)
    scale = numpy.exp(-8 * generator.random((80, 1))).astype("float32")
    table = TokenFactors(table.features, table.residuals * scale, table.previous, table.following)
    index = sorted_rows(table, shuffled_positions(generator, 80))
    tokens = random_factors(generator, 7, 4, 6)
    queries = Queries(tokens, numpy.array([[0, 1], [6, 7], [0, 3], [2, 7], [5, 6]]))
    result = search(index, queries, k)
    rows, columns = explicit_gradients(tokens), explicit_gradients(index.table)
    for number, (start, end) in enumerate(queries.segments):
        query = rows[start:end].sum(axis=0)
        scores = columns @ query
        tolerance = 1e-5 * numpy.linalg.norm(query) * numpy.linalg.norm(columns, axis=1).max()
        assert queries.norms()[number] == pytest.approx(numpy.linalg.norm(query), rel=1e-5)
        for hits, sign in ((result.supporting, 1), (result.opposing, -1)):
            best = numpy.sort(sign * scores)[::-1][:k]
            best = best[best > 0]
            filled = hits.rows[number] >= 0
            assert abs(int(filled.sum()) - len(best)) <= int((abs(scores) < tolerance).sum())
            found = hits.scores[number][filled]
            numpy.testing.assert_allclose(found, scores[hits.rows[number][filled]], atol=tolerance)
            shared = min(len(found), len(best))
            numpy.testing.assert_allclose(sign * found[:shared], best[:shared], atol=tolerance)


def towering_rows(count=200):
    """Make rows of which the first few have all the length, in both directions."""
    generator = numpy.random.default_rng(7)
    table = random_factors(generator, count, 3, 4, whole=True)
    scale = numpy.full((count, 1), 2.0**-9, dtype="float32")
    scale[generator.permutation(count)[:10]] = 4.0
    table = TokenFactors(table.features, table.residuals * scale, table.previous, table.following)
    return sorted_rows(table, shuffled_positions(generator, count))


def test_stops_early_with_the_answer_of_a_dense_scan():
    index = towering_rows()
    tokens = random_factors(numpy.random.default_rng(8), 6, 3, 4, whole=True)
    queries = Queries(tokens, numpy.array([[0, 1], [1, 2], [2, 3], [3, 4], [0, 4]]))
    result = search(index, queries, 2)
    assert as_pairs(result) == dense_scan(index, queries, 2)
    assert (result.rows_seen < len(index)).all()
    assert result.rows_seen.min() == 16  # blocks of 4, 4 and 8 hold the ten long rows


def test_does_not_stop_before_it_has_k_of_both_signs():
    index = towering_rows()
    tokens = random_factors(numpy.random.default_rng(8), 1, 3, 4, whole=True)
    queries = Queries(tokens, numpy.array([[0, 1]]))
    result = search(index, queries, 40)
    assert as_pairs(result) == dense_scan(index, queries, 40)
    assert result.rows_seen[0] > 12


def test_a_tie_with_a_row_behind_the_bound_goes_to_the_earlier_document():
    """All scores are as large as the bound, so the winners are those of the first documents, last in the index."""
    count = 30
    ones = numpy.ones((count, 3), dtype="float32")
    signs = numpy.where(numpy.arange(count) % 2, 1, -1)[:, None].astype("float32")
    edges = numpy.full(count, -1, dtype="int16")
    positions = numpy.stack([numpy.arange(count)[::-1], numpy.zeros(count)], axis=1).astype("int32")
    index = sorted_rows(TokenFactors(ones, signs, edges, edges), positions)
    result = search(index, Queries(index.table[1:2], numpy.array([[0, 1]])), 3)
    assert index.positions[result.supporting.rows[0], 0].tolist() == [0, 2, 4]
    assert index.positions[result.opposing.rows[0], 0].tolist() == [1, 3, 5]
    assert result.supporting.scores[0].tolist() == [4.0] * 3
    assert result.opposing.scores[0].tolist() == [-4.0] * 3


def test_queries_and_rows_of_norm_zero_have_no_references():
    generator = numpy.random.default_rng(9)
    table = random_factors(generator, 20, 3, 4, whole=True)
    table.residuals[5:] = 0.0
    index = sorted_rows(table, shuffled_positions(generator, 20))
    tokens = random_factors(generator, 2, 3, 4, whole=True)
    tokens.residuals[0] = 0.0
    queries = Queries(tokens, numpy.array([[0, 1], [1, 2]]))
    result = search(index, queries, 20)
    assert as_pairs(result) == dense_scan(index, queries, 20)
    assert as_pairs(result)[0] == ([], [])
    assert result.rows_seen[0] == 0
    assert all(row < 5 for side in as_pairs(result)[1] for row, _ in side)


def test_no_rows_at_all():
    empty = random_factors(numpy.random.default_rng(0), 0, 2, 2)
    index = sorted_rows(empty, numpy.zeros((0, 2), dtype="int32"))
    tokens = random_factors(numpy.random.default_rng(1), 1, 2, 2, whole=True)
    result = search(index, Queries(tokens, numpy.array([[0, 1]])), 3)
    assert as_pairs(result) == [([], [])]


def test_very_certain_queries():
    """Their gradients are so small that products of them are zero in float32."""
    generator = numpy.random.default_rng(12)
    index = sorted_rows(random_factors(generator, 80, 3, 4), shuffled_positions(generator, 80))
    tokens = random_factors(generator, 2, 3, 4)
    certain = TokenFactors(
        tokens.features, tokens.residuals * numpy.float32(2.0**-120), tokens.previous, tokens.following
    )
    segments = numpy.array([[0, 1], [1, 2]])
    plain, tiny = (search(index, Queries(own, segments), 5) for own in (tokens, certain))
    for side in ("supporting", "opposing"):
        numpy.testing.assert_array_equal(getattr(tiny, side).rows, getattr(plain, side).rows)
        scores = getattr(plain, side).scores * 2.0**-120
        numpy.testing.assert_allclose(getattr(tiny, side).scores, scores, rtol=1e-12)


def test_small_differences_between_small_rows_count():
    """A tie is what is equal for rows of their size, not for the largest ones."""
    count = 6
    features = numpy.ones((count, 2), dtype="float32")
    sizes = numpy.array([1e8, 1e-6, 1.5e-6, 2e-6, 2.5e-6, 3e-6])[:, None]
    edges = numpy.full(count, -1, dtype="int16")
    positions = numpy.stack([numpy.arange(count), numpy.zeros(count)], axis=1).astype("int32")
    table = TokenFactors(features, (sizes * [[1.0, -1.0]]).astype("float32"), edges, edges)
    index = sorted_rows(table, positions)
    result = search(index, Queries(table[1:2], numpy.array([[0, 1]])), count)
    assert index.positions[result.supporting.rows[0], 0].tolist() == [0, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_a_segment_whose_tokens_cancel(noise):
    """The norm of the sum is far below those of its parts; the bound must not end the search at noise."""
    generator = numpy.random.default_rng(11)
    index = sorted_rows(random_factors(generator, 60, 3, 4), shuffled_positions(generator, 60))
    token = random_factors(generator, 1, 3, 4)
    other = (-token.residuals + noise * generator.normal(size=token.residuals.shape)).astype("float32")
    tokens = token[[0, 0]]
    tokens.residuals[1:] = other
    result = search(index, Queries(tokens, numpy.array([[0, 2]])), 3)
    exact = explicit_gradients(index.table) @ explicit_gradients(tokens).sum(axis=0)
    best = numpy.sort(exact)[::-1][:3]
    tolerance = 1e-5 * numpy.linalg.norm(explicit_gradients(token)) * index.norms[0]
    numpy.testing.assert_allclose(result.supporting.scores[0], numpy.maximum(best, 0.0), atol=tolerance)

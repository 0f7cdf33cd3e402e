"""A search among some rows is a dense scan of these rows."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.index.index import Index
from spacy_seginf.index.queries import CurvedQueries, Queries
from spacy_seginf.index.search import search
from spacy_seginf.index.tables import Filter, SegmentTable
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.factors import TokenFactors

from ..index.writing import PARAMETERS, TAGS, WIDTH, new_manifest, write
from ..influence.rows import explicit_gradients, random_factors

DOCUMENTS = 24


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Random rows of 24 documents in five shards; every third id belongs to two documents."""
    folder = tmp_path_factory.mktemp("filter") / "index"
    texts = [" ".join("abcdefgh"[: 2 + number % 6]) for number in range(DOCUMENTS)]
    ids = [f"doc-{number - number % 3 // 2}" for number in range(DOCUMENTS)]
    known = [numpy.arange(len(text.split())) != 3 for text in texts]
    manifest = new_manifest(curvature="identity", width=WIDTH - 1)
    metric = IdentityCurvature(len(TAGS), WIDTH)
    write(folder, texts, ids=ids, known=known, manifest=manifest, metric=metric, by_shard=5)
    return Index(folder)


filters = st.builds(
    Filter,
    labels=st.none() | st.frozensets(st.sampled_from(["O", "PER", "B-PER", "I-PER", "LOC", ""]), max_size=3),
    documents=st.none()
    | st.frozensets(st.sampled_from([*(f"doc-{number}" for number in range(DOCUMENTS)), "doc", ""]), max_size=6),
    entities=st.booleans(),
)


def permitted(reference, where, tags):
    """Is a row one that may be found? tags: ways to name its label."""
    if where.labels is not None and not where.labels & tags:
        return False
    if where.documents is not None and reference["document"] not in where.documents:
        return False
    return not where.entities or reference["label"] != "O"


def expected_hits(table, scores, where, k):
    references = [table.reference(row) for row in range(len(table))]
    whole = [{ref["label"], ref["label"][2:] or ref["label"]} for ref in references]  # "B-PER" and "PER", or "O"
    if isinstance(table, SegmentTable):
        whole = [{ref["label"], f"B-{ref['label']}" if ref["label"] != "O" else "O"} for ref in references]
    rows = [row for row, ref in enumerate(references) if permitted(ref, where, whole[row])]
    sides = []
    for sign in (1, -1):
        best = sorted((row for row in rows if sign * scores[row] > 0), key=lambda row: -sign * scores[row])
        sides.append(best[:k])
    return sides


def check(table, queries, gradients, where, k):
    rows = table.gradients(numpy.arange(len(table)))
    result = search(table, queries, k, where)
    for number, scores in enumerate(gradients @ rows.T):
        for hits, best in zip((result.supporting, result.opposing), expected_hits(table, scores, where, k)):
            assert hits.rows[number][hits.rows[number] >= 0].tolist() == best
            numpy.testing.assert_allclose(hits.scores[number][: len(best)], scores[best], rtol=1e-6, atol=1e-9)
    return result


@settings(max_examples=60, deadline=None)
@given(filters, st.sampled_from([1, 3, 100]), st.integers(0, 100))
def test_tokens(index, where, k, seed):
    generator = numpy.random.default_rng(seed)
    tokens = random_factors(generator, 3, len(TAGS), WIDTH - 1)
    queries = Queries(tokens, numpy.array([[0, 1], [1, 2], [2, 3]]))
    check(index.tokens, queries, explicit_gradients(tokens), where, k)


@settings(max_examples=60, deadline=None)
@given(filters, st.sampled_from([1, 3, 100]), st.integers(0, 100))
@pytest.mark.parametrize("name", ["tokens", "segments"])
def test_both_tables(index, name, where, k, seed):
    gradients = numpy.random.default_rng(seed).normal(size=(3, PARAMETERS))
    check(getattr(index, name), CurvedQueries(index.metric, gradients), gradients, where, k)


@pytest.mark.parametrize("name", ["tokens", "segments"])
@pytest.mark.parametrize(
    "where",
    [
        Filter(labels=frozenset()),
        Filter(documents=frozenset()),
        Filter(labels=frozenset(["LOC"])),
        Filter(documents=frozenset(["elsewhere"])),
        Filter(labels=frozenset(["O"]), entities=True),
    ],
    ids=str,
)
def test_filters_that_permit_nothing(index, name, where):
    gradients = numpy.random.default_rng(0).normal(size=(2, PARAMETERS))
    result = check(getattr(index, name), CurvedQueries(index.metric, gradients), gradients, where, 3)
    assert (result.supporting.rows == -1).all() and (result.opposing.rows == -1).all()
    assert result.rows_seen.tolist() == [0, 0]


def test_a_filter_that_permits_everything(index):
    gradients = numpy.random.default_rng(0).normal(size=(2, PARAMETERS))
    queries = CurvedQueries(index.metric, gradients)
    for table in (index.tokens, index.segments):
        plain, filtered = search(table, queries, 4), search(table, queries, 4, Filter())
        for side in ("supporting", "opposing"):
            numpy.testing.assert_array_equal(getattr(plain, side).rows, getattr(filtered, side).rows)


def test_the_filter_of_documents_reads_no_vectors_of_others(index):
    found = index.tokens.select(Filter(documents=frozenset(["doc-0"])))
    assert [len(rows) > 0 for rows in found] == [True, False, False, False, False]
    assert isinstance(index.tokens.factors(found[0]), TokenFactors)

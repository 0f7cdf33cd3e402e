"""Searching shard by shard, and merging, finds what one search finds."""

from __future__ import annotations

import shutil
from unittest.mock import MagicMock, Mock

import numpy
import pytest
import spacy

from spacy_seginf.cli.index import index
from spacy_seginf.index.index import Index
from spacy_seginf.index.tables import Filter
from spacy_seginf.parallel import InProcess
from spacy_seginf.search import remote
from spacy_seginf.search.bounded import Hits, SearchResult, search
from spacy_seginf.search.queries import CurvedQueries
from spacy_seginf.search.remote import merge, search_shards

from ..index.writing import PARAMETERS, write
from ..influence.fixtures import EXACT


@pytest.fixture(scope="module")
def sharded(model_path, corpus_path, tmp_path_factory):
    path = tmp_path_factory.mktemp("sharded") / "indexed"
    index(str(model_path), corpus_path, path, **{**vars(EXACT), "shard_tokens": 40})
    return spacy.load(path).get_pipe("influence").index


@pytest.mark.parametrize("where", [None, Filter(labels=frozenset({"PER"})), Filter(entities=True)])
@pytest.mark.parametrize("unit", ["token", "entity"])
def test_shard_by_shard(sharded, unit, where):
    table = sharded.tokens if unit == "token" else sharded.segments
    assert len(table.parts) > 3
    gradients = table.gradients(numpy.arange(0, len(table), 7))
    whole = search(table, CurvedQueries(sharded.metric, gradients), 5, where)
    merged = search_shards(InProcess(), sharded.folder, gradients, 5, unit, where)
    for one, other in ((whole.supporting, merged.supporting), (whole.opposing, merged.opposing)):
        numpy.testing.assert_allclose(other.scores, one.scores, rtol=1e-9, atol=1e-12)
        numpy.testing.assert_array_equal(other.rows, one.rows)
    assert (merged.rows_seen >= 0).all()
    assert (merged.supporting.rows >= 0).any()


def test_equals_of_several_shards_are_ordered_by_their_place():
    """Their scores may differ by rounding, which must not decide; padding stays last."""
    table = Mock(parts=[MagicMock(norms=[2.0], __len__=lambda part: 2)] * 2, places=numpy.array([5, 0, 3, 4]).take)
    above = numpy.nextafter(1.0, 2.0)
    shards = [([0, 1, -1], [above, 0.5, 0.0]), ([2, 3, -1], [1.0, 1.0 - 1e-6, 0.0])]
    results = []
    for rows, scores in shards:
        found, against = (Hits(numpy.array([rows]), sign * numpy.array([scores])) for sign in (1.0, -1.0))
        results.append(SearchResult(found, against, numpy.array([2])))
    merged = merge(table, results, numpy.ones(1), 5)
    assert merged.supporting.rows.tolist() == merged.opposing.rows.tolist() == [[2, 0, 3, 1, -1]]
    assert merged.supporting.scores.tolist() == [[1.0, above, 1.0 - 1e-6, 0.5, 0.0]]
    assert merged.rows_seen.tolist() == [4]


def test_an_index_that_was_replaced_is_opened_anew(tmp_path):
    """A worker lives longer than an index."""
    gradients = numpy.random.default_rng(0).normal(size=(3, PARAMETERS))
    texts = ["Ada met Bo .", "Bo left .", "It rained all night .", "Ada left Tarnby ."]
    folder = tmp_path / "index"
    for seed in (1, 2):
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, texts, seed=seed, by_shard=2)
        shutil.rmtree(f"{folder}-encoded")
        opened = Index(folder)
        whole = search(opened.segments, CurvedQueries(opened.metric, gradients), 3)
        merged = search_shards(InProcess(), folder, gradients, 3)
        numpy.testing.assert_array_equal(merged.supporting.rows, whole.supporting.rows)
        numpy.testing.assert_allclose(merged.opposing.scores, whole.opposing.scores, rtol=1e-9)
    task = remote.SearchTask(folder, 0, 0, gradients, 3, "entity", None)
    with pytest.raises(ValueError, match=r"\[S039\] The index in .* was replaced"):
        remote.search_shard(task)

"""Searching shard by shard, and merging, finds what one search finds."""

from __future__ import annotations

import numpy
import pytest
import spacy

from spacy_seginf.cli.index import index
from spacy_seginf.index.tables import Filter
from spacy_seginf.parallel import InProcess
from spacy_seginf.search.bounded import search
from spacy_seginf.search.queries import CurvedQueries
from spacy_seginf.search.remote import search_shards

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
        assert (one.rows == other.rows).mean() > 0.99  # equal up to the order of labels with equal scores
    assert (merged.rows_seen >= 0).all()
    assert (merged.supporting.rows >= 0).any()

"""However the corpus is cut into shards, ordered and batched, answers are the same."""

from __future__ import annotations

import numpy
import pytest

from spacy_seginf.indexing import shard_tasks

from .building import answers, assert_same_answers, build, wrapped

KINDS = [("identity", "token"), ("identity", "entity"), ("exact", "token"), ("exact", "entity")]


@pytest.fixture(scope="module")
def whole(unsure_nlp, train_examples, tmp_path_factory):
    """Build an index in a single shard, once for each kind."""
    built = {}

    def get(curvature, unit):
        if (curvature, unit) not in built:
            folder = tmp_path_factory.mktemp("whole") / "index"
            built[curvature, unit] = build(unsure_nlp, wrapped(train_examples), folder, curvature=curvature, unit=unit)
        return built[curvature, unit]

    return get


@pytest.mark.parametrize(
    "curvature,unit", [*KINDS, *(pytest.param("kfac", unit, marks=pytest.mark.slow) for unit in ("token", "entity"))]
)
@pytest.mark.parametrize("shard_tokens", [1, 40])
def test_many_shards(unsure_nlp, train_examples, whole, tmp_path, curvature, unit, shard_tokens):
    one = whole(curvature, unit)
    many = build(
        unsure_nlp,
        wrapped(train_examples),
        tmp_path / "index",
        curvature=curvature,
        unit=unit,
        shard_tokens=shard_tokens,
    )
    assert len(one.index.shards) == 1
    assert len(many.index.shards) == (30 if shard_tokens == 1 else 8)
    assert_same_answers(answers(many.nlp), answers(one.nlp))
    left, right = many.report, one.report
    for name in ("documents", "rows", "tokens", "unlabelled", "segments", "missing_entities", "flagged", "dropped"):
        assert getattr(left, name) == getattr(right, name)
    numpy.testing.assert_allclose(many.index.data.features, one.index.data.features, atol=1e-6)
    numpy.testing.assert_array_equal(many.index.labels, one.index.labels)
    numpy.testing.assert_allclose(many.index.held_out, one.index.held_out, atol=1e-5)
    sizes = [entry["tokens"] for entry in many.index.manifest.shards]
    longest = max(len(example.reference) for example in train_examples)
    assert max(sizes) <= shard_tokens + longest


@pytest.mark.parametrize("curvature,unit", [("identity", "token"), ("exact", "entity")])
@pytest.mark.parametrize("shard_tokens", [40, 100_000])
def test_the_order_of_the_documents_does_not_matter(
    unsure_nlp, train_examples, whole, tmp_path, curvature, unit, shard_tokens
):
    texts = wrapped(train_examples)
    order = numpy.random.default_rng(0).permutation(len(texts))
    turned = build(
        unsure_nlp,
        [texts[number] for number in order],
        tmp_path / "index",
        curvature=curvature,
        unit=unit,
        shard_tokens=shard_tokens,
    )
    assert_same_answers(answers(turned.nlp), answers(whole(curvature, unit).nlp))


@pytest.mark.parametrize("words", [1, 20])
def test_batches_do_not_matter(unsure_nlp, train_examples, whole, tmp_path, monkeypatch, words):
    monkeypatch.setattr(shard_tasks, "BATCH_WORDS", words)
    batched = build(unsure_nlp, wrapped(train_examples), tmp_path / "index")
    one = whole("exact", "entity")
    assert_same_answers(answers(batched.nlp), answers(one.nlp))
    numpy.testing.assert_allclose(batched.index.head.packed, one.index.head.packed, atol=1e-5)

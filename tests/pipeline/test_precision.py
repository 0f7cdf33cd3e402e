"""What is stored is what everything is computed from, in whatever precision."""

from __future__ import annotations

import numpy
import pytest
import spacy

from spacy_seginf.explanation.explainer import Explainer
from spacy_seginf.index.queries import CurvedQueries
from spacy_seginf.index.search import search
from spacy_seginf.index.storage import decode_features, encode_features
from spacy_seginf.indexing import shard_tasks
from spacy_seginf.influence.fit import loss_and_gradient
from spacy_seginf.settings import FEATURE_DTYPES

from .building import QUESTIONS, build, wrapped


@pytest.fixture(scope="module")
def indexes(unsure_nlp, train_examples, tmp_path_factory):
    """Exact and identity indexes in all precisions, in four shards."""
    folder = tmp_path_factory.mktemp("precisions")
    return {
        (dtype, curvature): build(
            unsure_nlp,
            wrapped(train_examples),
            folder / f"{dtype}-{curvature}",
            dtype=dtype,
            curvature=curvature,
            refit=curvature == "exact",
            shard_tokens=60,
        )
        for dtype in FEATURE_DTYPES
        for curvature in ("exact", "identity")
    }


@pytest.mark.parametrize("curvature", ["exact", "identity"])
@pytest.mark.parametrize("dtype", FEATURE_DTYPES)
def test_token_vectors_are_rounded_once(indexes, dtype, curvature):
    plain = indexes["float32", curvature].index.data.features
    found = indexes[dtype, curvature].index
    numpy.testing.assert_array_equal(found.data.features, decode_features(*encode_features(plain, dtype)))
    assert {shard["features"].dtype.name for shard in found.shards} == {dtype}
    assert {shard["segment_features"].dtype.name for shard in found.shards} == {dtype}
    assert found.manifest.dtype == dtype
    if dtype == "int8":
        step = abs(plain).max(axis=1, keepdims=True) / 127
        assert (abs(found.data.features - plain) <= step * 0.5001).all()
        assert abs(found.data.features - plain).max() > 0


@pytest.mark.parametrize("dtype", FEATURE_DTYPES)
def test_smaller_precisions_take_less_space(indexes, dtype):
    size = {name: indexes[name, "exact"].index.shards[0]["features"]._values.nbytes for name in FEATURE_DTYPES}
    assert size["float32"] == 2 * size["float16"] == 4 * size["int8"]


@pytest.mark.parametrize("dtype", FEATURE_DTYPES)
def test_the_head_is_at_the_optimum_on_what_is_stored(indexes, dtype):
    built = indexes[dtype, "exact"]
    assert abs(loss_and_gradient(built.index.data, built.index.head, 1.0)[1]).max() <= 1e-8


@pytest.mark.parametrize("unit", ["token", "entity"])
@pytest.mark.parametrize("curvature", ["exact", "identity"])
@pytest.mark.parametrize("dtype", FEATURE_DTYPES)
def test_rows_are_those_of_the_stored_vectors(indexes, dtype, curvature, unit):
    """Gradients, norms and leverages from ``index.data``, in float64, beside what is in the shards."""
    index = indexes[dtype, curvature].index
    explainer = Explainer(index)
    table, effects = explainer.table(unit), explainer.effects
    segments = [table.segment(row) for row in range(len(table))]
    plain = effects.gradients(segments)
    stored = table.gradients(numpy.arange(len(table)))
    if curvature == "identity":
        numpy.testing.assert_allclose(stored, plain, rtol=1e-5, atol=1e-6)
        numpy.testing.assert_allclose(table.norms, numpy.linalg.norm(plain, axis=1), rtol=1e-5, atol=1e-6)
        return
    corrected = [index.metric.apply(part.factors.gradients()) for part in effects.corrections(numpy.array(segments))]
    sizes = numpy.concatenate([part.norms for part in effects.corrections(numpy.array(segments))])
    loud = numpy.array([table.leverage(row) > 0 for row in range(len(table))])
    assert loud.sum() > 20
    found = index.metric.apply(stored)
    scale = numpy.linalg.norm(found, axis=1, keepdims=True)[loud]
    numpy.testing.assert_allclose(found[loud] / scale, numpy.concatenate(corrected)[loud] / scale, atol=1e-5)
    numpy.testing.assert_allclose(table.norms[loud], sizes[loud], rtol=1e-5)
    assert (table.norms[~loud] >= sizes[~loud] * (1 - 1e-6)).all(), "of silent labels only a bound is known"


@pytest.mark.parametrize("unit", ["token", "entity"])
@pytest.mark.parametrize("curvature", ["exact", "identity"])
@pytest.mark.parametrize("dtype", FEATURE_DTYPES)
def test_searches_are_dense_scans_in_float64(indexes, dtype, curvature, unit):
    built = indexes[dtype, curvature]
    explainer = Explainer(built.index)
    table = explainer.table(unit)
    rows = built.index.metric.apply(table.gradients(numpy.arange(len(table))))
    if curvature == "identity":
        segments = [table.segment(row) for row in range(len(table))]
        rows = explainer.effects.gradients(segments)  # from index.data, not from what the tables hold
    influence = built.nlp.get_pipe("influence")
    for text in QUESTIONS[:2]:
        doc = built.nlp.make_doc(text)
        data, tags, _ = influence.query(doc, doc)
        spans = numpy.array([(0, token, token + 1) for token in range(len(doc))] + [(0, 0, len(doc))])
        queries = explainer.effects.watch(data, tags, spans).gradients()
        scores = queries @ rows.T
        found = search(table, CurvedQueries(built.index.metric, queries), 7)
        largest = numpy.sqrt(numpy.einsum("qp,qp->q", queries, built.index.metric.apply(queries))) * table.norms.max()
        for number, line in enumerate(scores):
            for hits, sign in ((found.supporting, 1), (found.opposing, -1)):
                best = numpy.sort(sign * line)[::-1][:7]
                best = best[best > 1e-6 * largest[number]]
                kept = hits.rows[number][: len(best)]
                found_scores = hits.scores[number][: len(best)]
                numpy.testing.assert_allclose(sign * found_scores, best, rtol=1e-5, atol=1e-6 * largest[number])
                numpy.testing.assert_allclose(found_scores, line[kept], rtol=1e-5, atol=1e-6 * largest[number])


def test_vectors_that_float16_cannot_hold(unsure_nlp, train_examples, tmp_path, monkeypatch):
    encode = shard_tasks.encode
    monkeypatch.setattr(shard_tasks, "encode", lambda *arguments: [rows * 1e6 for rows in encode(*arguments)])
    with pytest.raises(ValueError, match=r"\[S034\].*--dtype float32"):
        build(unsure_nlp, wrapped(train_examples), tmp_path / "index", dtype="float16")
    assert not (tmp_path / "index").exists()
    built = build(
        unsure_nlp, wrapped(train_examples), tmp_path / "int8", dtype="int8", curvature="identity", refit=False
    )
    assert abs(built.index.data.features).max() > 65_504


@pytest.mark.parametrize(
    "settings",
    [
        {"dtype": "float64"},
        {"keep": 0.0},
        {"keep": 1.5},
        {"keep": -0.5},
        {"tolerance": -0.1},
        {"tolerance": 1.0},
        {"explain": "some"},
    ],
    ids=str,
)
def test_unknown_settings_of_the_component(settings):
    ((name, value),) = settings.items()
    with pytest.raises(
        ValueError, match=rf"\[S028\] The setting {name} of (the index|component 'influence') is {value!r}"
    ):
        spacy.blank("en").add_pipe("influence", config=settings)

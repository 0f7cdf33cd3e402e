"""Indexes of the labels with the largest gradients: what was left out is bounded, counted and named."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.crf import one_label_each
from spacy_seginf.explanation.explainer import Explainer
from spacy_seginf.explanation.verification import verify
from spacy_seginf.index.queries import CurvedQueries
from spacy_seginf.index.search import search
from spacy_seginf.indexing import shard_tasks
from spacy_seginf.indexing.fidelity import decode, predictions
from spacy_seginf.indexing.pruning import ASKED, SHOWN
from spacy_seginf.influence.segments import SegmentChains
from spacy_seginf.tagger.head import head_of

from .building import QUESTIONS, answers, build, wrapped

TABLES = ("tokens", "segments")


@pytest.fixture(scope="module")
def complete(unsure_nlp, train_examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("complete")
    return {
        curvature: build(unsure_nlp, wrapped(train_examples), folder / curvature, curvature=curvature, shard_tokens=60)
        for curvature in ("exact", "identity")
    }


@pytest.fixture(scope="module", params=[("keep", 0.5), ("keep", 0.1), ("tolerance", 0.01), ("tolerance", 0.3)], ids=str)
def settings(request):
    return dict([request.param])


@pytest.fixture(scope="module", params=["exact", "identity"])
def pruned(request, unsure_nlp, train_examples, settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pruned") / "index"
    texts = wrapped(train_examples)
    return build(unsure_nlp, texts, folder, curvature=request.param, shard_tokens=60, **settings)


def places(table, rows):
    return [table.segment(int(row)) for row in rows]


def test_what_is_kept_has_the_largest_norms(complete, pruned, settings):
    whole = complete[pruned.index.manifest.curvature].index
    for number, name in enumerate(TABLES):
        table, everything = getattr(pruned.index, name), getattr(whole, name)
        dropped = pruned.index.manifest.dropped[number]
        assert 0 < len(table) < len(everything) and dropped == len(everything) - len(table)
        norms = dict(zip(places(everything, range(len(everything))), everything.norms))
        left = {place: norms.pop(place) for place in places(table, range(len(table)))}
        numpy.testing.assert_allclose(list(left.values()), table.norms, rtol=1e-5)
        floor = pruned.index.manifest.dropped_norms[number]
        assert floor == pytest.approx(max(norms.values()), rel=1e-5)
        assert min(left.values()) > floor
        if "keep" in settings:
            assert 0 <= len(table) - numpy.ceil(settings["keep"] * len(everything)) <= 3
        else:
            assert floor <= settings["tolerance"] * everything.norms.max() < min(left.values())
    assert pruned.report.dropped == pruned.index.manifest.dropped[0]
    assert pruned.report.rows == len(pruned.index.tokens)


def test_nothing_else_is_missing_from_the_best(complete, pruned):
    """Every row of the complete answer that is not found scores at most norm(query) * dropped norm."""
    curvature = pruned.index.manifest.curvature
    whole = complete[curvature]
    influence, explainer = whole.nlp.get_pipe("influence"), Explainer(whole.index)
    missing = 0
    for text in QUESTIONS:
        doc = whole.nlp.make_doc(text)
        data, tags, _ = influence.query(doc, doc)
        spans = numpy.array([(0, token, token + 1) for token in range(len(doc))] + [(0, 0, len(doc))])
        gradients = explainer.effects.watch(data, tags, spans).gradients()
        queries = CurvedQueries(whole.index.metric, gradients)
        for number, name in enumerate(TABLES):
            bounds = queries.norms() * pruned.index.manifest.dropped_norms[number] * (1 + 1e-4)
            table, fewer = getattr(whole.index, name), getattr(pruned.index, name)
            found, left = search(table, queries, len(table)), search(fewer, queries, len(table))
            for query, bound in enumerate(bounds):
                for hits, kept in ((found.supporting, left.supporting), (found.opposing, left.opposing)):
                    rows = hits.rows[query][hits.rows[query] >= 0]
                    known = set(places(fewer, kept.rows[query][kept.rows[query] >= 0]))
                    scores = dict(zip(places(table, rows), hits.scores[query]))
                    gone = [abs(score) for place, score in scores.items() if place not in known]
                    assert all(score <= bound for score in gone)
                    missing += len(gone)
    assert missing, "otherwise this says nothing"


def test_a_pruned_index_explains(complete, pruned):
    found = answers(pruned.nlp)
    assert sum(len(entry[2]) for entry in found) > 10
    whole = answers(complete[pruned.index.manifest.curvature].nlp)
    assert [entry[:2] for entry in found] == [entry[:2] for entry in whole]


def test_a_pruned_index_cannot_refit(pruned):
    influence = pruned.nlp.get_pipe("influence")
    doc = pruned.nlp(QUESTIONS[0])
    for name in ("data", "labels"):
        with pytest.raises(ValueError, match=r"\[S035\].*labels were left out.*--keep 1"):
            getattr(pruned.index, name)
    with pytest.raises(ValueError, match=r"\[S035\]"):
        _ = influence.explainer().effects
    with pytest.raises(ValueError, match=r"\[S035\]"):
        verify(influence, doc)


@pytest.mark.parametrize("settings", [{"keep": 0.1}, {"tolerance": 0.5}, {"keep": 0.5, "tolerance": 0.1}], ids=str)
@pytest.mark.parametrize("norm", [0.0, 1.0])
def test_equal_norms_are_not_all_dropped(unsure_nlp, train_examples, tmp_path, monkeypatch, norm, settings):
    set_norms(monkeypatch, lambda count: numpy.full(count, norm))
    built = build(unsure_nlp, wrapped(train_examples), tmp_path / "index", curvature="identity", **settings)
    assert built.index.manifest.dropped[0] == built.report.dropped == 0
    assert len(built.index.tokens) == built.report.tokens


def test_norms_that_equal_the_smallest_kept_one_are_kept(unsure_nlp, train_examples, tmp_path, monkeypatch):
    set_norms(monkeypatch, lambda count: 1.0 + numpy.arange(count) % 2)
    texts = wrapped(train_examples)
    built = build(unsure_nlp, texts, tmp_path / "index", curvature="identity", keep=0.25, shard_tokens=60)
    assert abs(built.report.dropped - built.report.tokens / 2) <= len(built.index.shards)
    assert built.index.manifest.dropped_norms[0] == 1.0 and (built.index.tokens.norms > 1.5).all()


def set_norms(monkeypatch, norms):
    """Replace the norms of all token rows."""
    compute = shard_tasks.token_rows

    def changed(*arguments, **settings):
        rows = compute(*arguments, **settings)
        return replace(rows, norms=norms(len(rows.norms)))

    monkeypatch.setattr(shard_tasks, "token_rows", changed)


def test_keeping_everything_drops_nothing(complete):
    for built in complete.values():
        assert built.index.manifest.dropped == [0, 0] and built.index.manifest.dropped_norms == [0.0, 0.0]
        assert not built.index.manifest.pruned


def test_the_share_of_references_that_is_kept(complete, pruned):
    """What a build says is what searches find: references of the whole index that the pruned one has too."""
    whole = complete[pruned.index.manifest.curvature]
    tagger, data = whole.nlp.get_pipe("crf_tagger"), whole.index.data
    predicted = decode(tagger.scheme, data, head_of(tagger.model))
    segments = numpy.array([entity[:3] for entity in predictions(tagger.scheme, predicted, data.lengths)])
    assert 10 < len(segments) < 2 * ASKED
    segments = segments[:: max(1, len(segments) // ASKED)][:ASKED]
    observed = replace(data, allowed=one_label_each(predicted, data.labels))
    gradients = SegmentChains(whole.index.head, observed, predicted, segments).gradients()
    found = search(whole.index.segments, CurvedQueries(whole.index.metric, gradients), SHOWN)
    rows = numpy.concatenate([found.supporting.rows, found.opposing.rows], axis=1)
    floor = pruned.index.manifest.dropped_norms[1]
    kept = whole.index.segments.norms[rows[rows >= 0]] > floor * (1 + 1e-5)
    assert pruned.report.kept_references == pytest.approx(kept.mean(), abs=0.02)
    assert complete["exact"].report.kept_references is None

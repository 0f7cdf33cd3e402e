"""`python -m spacy seginf append`: new documents join an index, and only they are encoded."""

from __future__ import annotations

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.check import check_index as check
from spacy_seginf.api.index import build_index as index
from spacy_seginf.explanation import explainer as explaining
from spacy_seginf.index.index import Index
from spacy_seginf.index.tables import Filter
from spacy_seginf.indexing import build as building
from spacy_seginf.indexing import shard_tasks

from ..pipeline.building import QUESTIONS, answers, assert_same_answers
from .running import run
from .test_index import contents

OLD = 20  # documents of the corpus; the other ten are added
SETTINGS = {"l2": 1.0, "dtype": "float32", "shard_tokens": 60}


@pytest.fixture(scope="module")
def corpora(train_examples, tmp_path_factory):
    """The first documents, the others, and all of them."""
    folder = tmp_path_factory.mktemp("corpora")
    docs = [example.reference for example in train_examples]
    for name, part in (("old", docs[:OLD]), ("new", docs[OLD:]), ("both", docs)):
        DocBin(docs=part, store_user_data=True).to_disk(folder / f"{name}.spacy")
    return folder


@pytest.fixture(scope="module")
def old(model_path, corpora, tmp_path_factory):
    """Build the pipeline with an index of the first documents, once for each curvature."""
    folder, built = tmp_path_factory.mktemp("old"), set()

    def get(curvature="exact"):
        if curvature not in built:
            index(str(model_path), corpora / "old.spacy", folder / curvature, curvature=curvature, **SETTINGS)
            built.add(curvature)
        return folder / curvature

    return get


@pytest.fixture
def encoded(monkeypatch):
    """The texts of all documents that are encoded."""
    texts = []
    encode = shard_tasks.encode

    def remember(nlp, tagger, docs, *arguments):
        texts.extend(doc.text for doc in docs)
        return encode(nlp, tagger, docs, *arguments)

    monkeypatch.setattr(shard_tasks, "encode", remember)
    return texts


def open_index(folder):
    return Index(folder / "influence" / "index")


def new_texts(train_examples):
    return sorted(example.reference.text for example in train_examples[OLD:])


@pytest.mark.parametrize("curvature", ["exact", "identity"])
def test_held(old, corpora, train_examples, tmp_path, encoded, curvature):
    source = old(curvature)
    before = contents(source)
    encoded.clear()
    report = append(str(source), corpora / "new.spacy", tmp_path / "out", shard_tokens=40)
    assert sorted(encoded) == new_texts(train_examples)
    assert contents(source) == before
    left, right = open_index(source), open_index(tmp_path / "out")
    assert (report.documents, right.manifest.documents, right.manifest.held_documents) == (10, 30, 10)
    assert report.rows == len(right.tokens) - len(left.tokens) == sum(len(e.reference) for e in train_examples[OLD:])
    assert report.segments == len(right.segments) - len(left.segments) > 0
    assert right.manifest.corpus == "old.spacy + new.spacy"
    assert report.refit is None and len(right.shards) > len(left.shards) + 1
    # earlier rows, head and curvature are the same bytes, which take no more space on disk
    for name, content in contents(source / "influence" / "index").items():
        if name.name != "manifest.json":
            path = tmp_path / "out" / "influence" / "index" / name
            assert path.read_bytes() == content
            assert path.samefile(source / "influence" / "index" / name)
    (manifest,) = check(tmp_path / "out")
    assert manifest == right.manifest
    nlp = spacy.load(tmp_path / "out")
    sources = {ref.doc_id for doc in nlp.pipe(QUESTIONS) for entry in doc._.influencers for ref in entry}
    fresh = {example.reference.user_data["id"] for example in train_examples[OLD:]}
    assert sources & fresh and sources - fresh


def only_from_the_first(pipeline, train_examples):
    """Load a pipeline that finds nothing but references in the first documents."""
    nlp = spacy.load(pipeline)
    first = frozenset(example.reference.user_data["id"] for example in train_examples[:OLD])
    nlp.get_pipe("influence").where = Filter(documents=first)
    return nlp


@pytest.mark.parametrize("curvature", ["exact", "identity"])
def test_earlier_references_score_what_they_did(old, corpora, train_examples, tmp_path, monkeypatch, curvature):
    """Head and curvature are held, so new documents join the search and change nothing else."""
    monkeypatch.setattr(explaining, "LEVERAGE_FLAG", 1.0)  # nothing is refined: see the next test
    append(str(old(curvature)), corpora / "new.spacy", tmp_path / "out")
    after = only_from_the_first(tmp_path / "out", train_examples)
    assert_same_answers(answers(after), answers(spacy.load(old(curvature))))


def test_nothing_is_refined_towards_documents_that_the_head_has_not_seen(old, corpora, train_examples, tmp_path):
    append(str(old()), corpora / "new.spacy", tmp_path / "out")
    before, after = spacy.load(old()), only_from_the_first(tmp_path / "out", train_examples)
    compared = 0
    for doc, other in zip(before.pipe(QUESTIONS), after.pipe(QUESTIONS)):
        for entry, again in zip(doc._.influencers, other._.influencers):
            effects = {(ref.doc_id, ref.start, ref.end): ref.effect for ref in entry if ref.refined}
            for ref in again:
                place = ref.doc_id, ref.start, ref.end
                compared += place in effects
                if ref.refined and place in effects:
                    assert ref.effect == pytest.approx(effects[place], rel=1e-3)
    assert compared > 5


def test_appending_twice_and_onto_itself(old, corpora, train_examples, tmp_path, encoded):
    append(str(old()), corpora / "new.spacy", tmp_path / "out")
    once = contents(tmp_path / "out")
    with pytest.raises(ValueError, match=r"\[S043\]"):
        append(str(tmp_path / "out"), corpora / "new.spacy", tmp_path / "out")
    assert contents(tmp_path / "out") == once
    encoded.clear()
    nlp = spacy.load(tmp_path / "out")
    expected = answers(nlp)
    append(str(tmp_path / "out"), corpora / "new.spacy", tmp_path / "out", force=True)
    assert sorted(encoded) == new_texts(train_examples)
    assert answers(nlp) == expected, "a pipeline that was loaded before keeps the index that it opened"
    found = open_index(tmp_path / "out")
    assert (found.manifest.documents, found.manifest.held_documents) == (40, 20)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    check(tmp_path / "out")


@pytest.mark.parametrize("curvature", ["exact", pytest.param("kfac", marks=pytest.mark.slow), "identity"])
@pytest.mark.parametrize("held_before", [False, True], ids=["at once", "after holding"])
def test_refreshing_is_a_new_build(old, model_path, corpora, train_examples, tmp_path, encoded, curvature, held_before):
    source = old(curvature)
    if held_before:
        append(str(source), corpora / "new.spacy", tmp_path / "held")
        source, addition, expected = tmp_path / "held", corpora / "one.spacy", 1
        one = train_examples[3].reference.copy()
        one.user_data["id"] = "again"
        DocBin(docs=[one], store_user_data=True).to_disk(addition)
        docs = [*(example.reference for example in train_examples), one]
    else:
        addition, expected, docs = corpora / "new.spacy", 10, [example.reference for example in train_examples]
    whole = tmp_path / "whole.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(whole)
    before = contents(source)
    encoded.clear()
    report = append(str(source), addition, tmp_path / "out", refresh=True, shard_tokens=60)
    assert len(encoded) == expected
    assert contents(source) == before
    index(str(model_path), whole, tmp_path / "new", curvature=curvature, **SETTINGS)
    found, fresh = open_index(tmp_path / "out"), open_index(tmp_path / "new")
    assert found.manifest.held_documents == 0
    assert report.documents == found.manifest.documents == fresh.manifest.documents == len(docs)
    assert (found.manifest.rows, found.manifest.segments) == (fresh.manifest.rows, fresh.manifest.segments)
    assert found.manifest.l2 == fresh.manifest.l2 == 1.0
    numpy.testing.assert_allclose(found.head.packed, fresh.head.packed, atol=1e-6)
    numpy.testing.assert_allclose(found.data.features, fresh.data.features, atol=1e-6)
    numpy.testing.assert_array_equal(found.labels, fresh.labels)
    assert_same_answers(answers(spacy.load(tmp_path / "out")), answers(spacy.load(tmp_path / "new")))
    check(tmp_path / "out")


def test_a_development_corpus_chooses_the_penalty_of_a_refresh(old, corpora, tmp_path):
    report = append(str(old()), corpora / "new.spacy", tmp_path / "out", refresh=True, dev=corpora / "old.spacy")
    assert len(report.refit.tried) > 1
    assert open_index(tmp_path / "out").manifest.l2 == report.refit.l2


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_other_precisions_stay(model_path, corpora, tmp_path, dtype):
    index(str(model_path), corpora / "old.spacy", tmp_path / "old", l2=1.0, dtype=dtype)
    for refresh in (False, True):
        output = tmp_path / f"out-{refresh}"
        append(str(tmp_path / "old"), corpora / "new.spacy", output, refresh=refresh)
        found, first = open_index(output), open_index(tmp_path / "old")
        assert found.manifest.dtype == dtype
        assert {shard["features"].dtype.name for shard in found.shards} == {dtype}
        count = first.manifest.tokens
        numpy.testing.assert_allclose(found.data.features[:count], first.data.features, rtol=3e-7)


def test_a_pruned_index(model_path, corpora, tmp_path):
    index(str(model_path), corpora / "old.spacy", tmp_path / "old", l2=1.0, keep=0.5)
    first = open_index(tmp_path / "old")
    code, printed = run("seginf", "append", tmp_path / "old", corpora / "new.spacy", tmp_path / "out", "--refresh")
    assert code == 1 and "[S035]" in printed and "Traceback" not in printed
    assert not (tmp_path / "out").exists()
    append(str(tmp_path / "old"), corpora / "new.spacy", tmp_path / "out")
    found = open_index(tmp_path / "out")
    assert found.manifest.dropped == first.manifest.dropped and found.manifest.pruned
    assert len(found.tokens) > len(first.tokens)


def test_an_interrupted_append(old, corpora, train_examples, tmp_path, monkeypatch, encoded):
    source = old()
    before = contents(source)
    encoded.clear()
    for stage, refresh in (("head_metric", True), ("write_shard", False)):
        output = tmp_path / stage
        with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
            broken.setattr(building, stage, lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
            append(str(source), corpora / "new.spacy", output, refresh=refresh)
        assert contents(source) == before and not output.exists()
        assert sorted(encoded) == new_texts(train_examples)
        append(str(source), corpora / "new.spacy", output, refresh=refresh)
        assert sorted(encoded) == new_texts(train_examples), "nothing is encoded twice"
        check(output)
        encoded.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["head_metric", "write_shard"]


def test_the_command(old, corpora, tmp_path):
    code, printed = run("seginf", "append", old(), corpora / "new.spacy", tmp_path / "out")
    assert code == 0, printed
    assert "of 10 documents" in printed and "Head and curvature are held" in printed
    code, printed = run("seginf", "check", tmp_path / "out")
    assert code == 0 and "have not seen the last 10 documents" in printed
    assert run("seginf", "append", old(), corpora / "new.spacy", tmp_path / "quiet", "--quiet") == (0, "")


@pytest.mark.parametrize("case", ["no index", "no pipeline", "no corpus", "foreign labels", "another head"])
def test_failures(old, model_path, corpora, tmp_path, case):
    pipeline, corpus, expected = old(), corpora / "new.spacy", "S020"
    if case == "no index":
        pipeline, expected = model_path, "S030"
    elif case == "no pipeline":
        pipeline, expected = tmp_path / "nowhere", "S040"
    elif case == "no corpus":
        corpus, expected = tmp_path / "nowhere.spacy", "S040"
    elif case == "foreign labels":
        docs = [spacy.blank("en")("Ada left .")]
        docs[0].set_ents([docs[0].char_span(0, 3, label="Person")])
        corpus, expected = tmp_path / "foreign.spacy", "S045"
        DocBin(docs=docs).to_disk(corpus)
    else:
        nlp, expected = spacy.load(pipeline), "S025"
        head = nlp.get_pipe("crf_tagger").model.get_ref("output_layer")
        head.set_param("b", head.get_param("b") + 1)
        pipeline = tmp_path / "changed"
        nlp.to_disk(pipeline)
    code, printed = run("seginf", "append", pipeline, corpus, tmp_path / "out")
    assert code == 1 and f"[{expected}]" in printed and "Traceback" not in printed
    assert not (tmp_path / "out").exists() and not (tmp_path / ".out-partial").exists()

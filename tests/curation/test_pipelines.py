"""Scores of a pipeline with an index, trusted documents, checkpoints, and the command."""

from __future__ import annotations

import json

import numpy
import pytest
import spacy

from spacy_seginf.api.scores import score_labels as scores
from spacy_seginf.curation.norms import segment_self_influences, self_influences
from spacy_seginf.curation.scores import label_scores
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.texts import checkpoint_marginals, trusted_texts
from spacy_seginf.tagger.head import head_of

from ..cli.running import run
from ..conftest import make_tagger


@pytest.fixture
def index(exact_nlp):
    return exact_nlp.get_pipe("influence").index


def test_an_index_in_document_order(index):
    source = LabelSource.of(index)
    assert source.scheme.tags == tuple(index.manifest.tags)
    stored, computed = self_influences(source), self_influences(LabelSource(*fields(source)[:6]))
    loud = numpy.abs(source.conditionals.residuals).max(axis=1) > 1e-3
    assert loud.sum() > 20
    numpy.testing.assert_allclose(stored[loud], computed[loud], rtol=1e-3)  # features in float16
    assert (stored >= computed * 0.999).all()


def test_entities_are_those_of_the_index(index):
    source = LabelSource.of(index)
    rows = numpy.flatnonzero(numpy.concatenate([part.types[:, 1] for part in index.segments.parts]) < 0)
    segments = numpy.array([index.segments.segment(int(row)) for row in rows])
    assert {tuple(s) for s in segments.tolist()} == {tuple(s) for s in source.entities.tolist()}
    found = segment_self_influences(source, segments)
    loud = found > 0.05
    assert loud.any()
    numpy.testing.assert_allclose(index.segments.self_influence[rows][loud], found[loud], rtol=1e-2)


def test_held_out_probabilities_are_those_of_the_index(index):
    source = LabelSource.of(index)
    numpy.testing.assert_allclose(LabelSource(*fields(source)[:6]).held_out, index.held_out, atol=2e-3)


def test_trusted_documents(exact_nlp, index, train_examples):
    docs = [example.reference for example in train_examples]
    trusted = trusted_texts(exact_nlp, docs)
    assert len(trusted) == sum(map(len, docs)) and trusted.data.lengths == [len(doc) for doc in docs]
    numpy.testing.assert_array_equal(trusted.labels, index.labels)
    numpy.testing.assert_allclose(trusted.data.features, index.data.features, atol=5e-3)  # float16
    assert not any(doc.ents for doc in trusted.docs)
    found = label_scores(LabelSource.of(index, trusted), ["trusted_disagreement", "trusted_opposition"])
    assert found["trusted_disagreement"].mean() < 0.2


def test_unannotated_tokens_are_not_trusted(exact_nlp, train_examples):
    doc = train_examples[0].reference.copy()
    doc.set_ents([doc.ents[0]], missing=[doc[3:5]], default="outside")
    trusted = trusted_texts(exact_nlp, [doc])
    assert 3 not in trusted.segments[:, 1] and len(trusted) < len(doc)
    assert len(trusted_texts(exact_nlp, [])) == 0


def test_checkpoints(train_examples):
    docs = [example.reference for example in train_examples]
    pipelines = [make_tagger(train_examples, steps=steps) for steps in (0, 4)]
    trusted = trusted_texts(pipelines[0], docs)
    found = checkpoint_marginals(pipelines, docs, trusted.labels)
    assert [values.shape for values in found] == [(len(trusted.labels),)] * 2
    assert found[1].mean() > found[0].mean() + 0.1  # it learned its labels
    tagger = pipelines[1].get_pipe("crf_tagger")
    raw = tagger.model.predict([example.predicted for example in train_examples])
    data = trusted_texts(pipelines[1], docs).data
    marginals = head_of(tagger.model).marginals(data, raw.emissions.astype("float64"))
    numpy.testing.assert_allclose(found[1], marginals[numpy.arange(len(marginals)), trusted.labels], atol=1e-4)
    other = make_tagger(train_examples, steps=0, scheme="IO")
    with pytest.raises(ValueError, match="S108"):
        checkpoint_marginals([pipelines[0], other], docs, trusted.labels)


def fields(source):
    return [getattr(source, name) for name in source.__dataclass_fields__]


# The command


def test_the_most_suspicious_first(exact_path, exact_nlp, index):
    found = scores(str(exact_path), ["conditional_loss", "marginal_entropy"], level="token", top=7)
    values = label_scores(LabelSource.of(index), ["conditional_loss", "marginal_entropy"])
    order = numpy.argsort(-values["conditional_loss"], kind="stable")[:7]
    assert [entry["scores"]["conditional_loss"] for entry in found] == values["conditional_loss"][order].tolist()
    assert [entry["scores"]["marginal_entropy"] for entry in found] == values["marginal_entropy"][order].tolist()
    assert [entry["label"] for entry in found] == [index.manifest.tags[label] for label in index.labels[order]]


def test_command(exact_path, tmp_path, train_examples):
    output = tmp_path / "new" / "list.jsonl"
    arguments = ["--scores", "segment_loss, self_influence", "--top", 5, "--output", output]
    code, printed = run("seginf", "scores", exact_path, *arguments)
    assert code == 0 and "List written" in printed and "High scores are suspicious" in printed
    entries = [json.loads(line) for line in output.read_text(encoding="utf8").splitlines()]
    assert len(entries) == 5
    order = [entry["scores"]["segment_loss"] for entry in entries]
    assert order == sorted(order, reverse=True) and order[0] > 0
    docs = {example.reference.user_data["id"]: example.reference for example in train_examples}
    for entry in entries:
        span = docs[entry["document"]][entry["start"] : entry["end"]]
        assert entry["text"] == span.text and entry["label"] == (span[0].ent_type_ or "O")
        assert entry["text"] in printed and entry["document"] in printed
        assert f"{entry['scores']['segment_loss']:.4g}" in printed


@pytest.mark.parametrize("level", ["token", "segment", "document"])
def test_levels(exact_path, level, tmp_path, corpus_path):
    names = "held_out_loss,segment_loss,document_loss,trusted_opposition"
    path = tmp_path / "list.jsonl"
    arguments = ["-s", names, "-l", level, "-k", 3, "-o", path, "--trusted", corpus_path, "--how", "mean"]
    code, _ = run("seginf", "scores", exact_path, *arguments)
    assert code == 0
    entries = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    assert len(entries) == 3 and list(entries[0]["scores"]) == names.split(",")
    lengths = [entry["end"] - entry["start"] for entry in entries]
    assert {"token": max(lengths) == 1, "segment": True, "document": min(lengths) > 4}[level]


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["--scores", "nonsense"], "S106"),
        (["--scores", ","], "S106"),
        (["--scores", "trusted_opposition"], "S107"),
        (["--scores", "variability"], "S107"),
        (["--level", "sentence"], "S109"),
        (["--scores", "conditional_loss", "--how", "median"], "S109"),
        (["--trusted", "nowhere.spacy"], "S040"),
    ],
)
def test_what_cannot_be_done(exact_path, arguments, code):
    status, printed = run("seginf", "scores", exact_path, *arguments)
    assert status == 1 and f"[{code}]" in printed and "Traceback" not in printed


def test_without_an_index(model_path):
    status, printed = run("seginf", "scores", model_path)
    assert status == 1 and "[S030]" in printed


def test_an_index_of_another_pipeline(exact_path, tmp_path):
    nlp = spacy.load(exact_path)
    head = nlp.get_pipe("crf_tagger").model.get_ref("output_layer")
    head.set_param("W", head.get_param("W") + 1.0)
    nlp.to_disk(tmp_path / "other")
    status, printed = run("seginf", "scores", tmp_path / "other")
    assert status == 1 and "[S025]" in printed


def test_help():
    status, printed = run("seginf", "scores", "--help")
    assert status == 0 and "--scores" in printed and "suspicious" in printed

"""The experiment on a planted artifact, on a small corpus from which a tagger learns it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import load_config, registry

from experiments.paper.artifact import pipeline as artifact_pipeline
from experiments.paper.artifact.answers import SCANS, SEGMENT
from experiments.paper.artifact.artifact import Artifact
from experiments.paper.artifact.pipeline import ask_pipeline, find_questions, planted_places
from experiments.paper.artifact.planting import artifact_of, plant_artifacts
from experiments.paper.artifact.rows import METHODS, artifact_rows
from experiments.paper.top_references import scan_in_chunks
from spacy_seginf.api.index import build_index as index
from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.attribution.segment_influence import SegmentInfluence
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.method_explainer import index_context

from ...conftest import TEXTS, make_examples, make_tagger
from ...project.conftest import ROOT


def quietly(work, **_):
    return work


def ignore(_):
    pass


def write(docs, path):
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.fixture(scope="module")
def corpora():
    """Training and development documents, half of each with an artifact, in front of other tokens."""
    vocab = spacy.blank("en").vocab
    train, dev = ([example.reference for example in make_examples(texts, vocab)] for texts in (TEXTS, TEXTS[::-1]))
    return plant_artifacts(train, 1, share=0.5), plant_artifacts(dev, 2, share=0.5)


@pytest.fixture(scope="module")
def paths(corpora, tmp_path_factory):
    """A folder with the corpora and a pipeline that was trained and indexed on them."""
    folder = tmp_path_factory.mktemp("artifact")
    train = write(corpora[0], folder / "train.spacy")
    write(corpora[1], folder / "dev.spacy")
    examples = [Example(Doc(doc.vocab, words=[token.text for token in doc]), doc) for doc in corpora[0]]
    make_tagger(examples, steps=40).to_disk(folder / "model")
    index(str(folder / "model"), train, folder / "indexed", l2=0.1, centre="zero")
    return folder


@pytest.fixture(scope="module")
def experiment(paths):
    return Artifact([str(paths / "indexed")], [str(paths / "train.spacy")], [str(paths / "dev.spacy")])


@pytest.fixture(scope="module")
def done(experiment, tmp_path_factory):
    """The folder of a run, and its result."""
    folder = tmp_path_factory.mktemp("run")
    return folder, experiment.run(folder, quietly, ignore)


@pytest.fixture
def loaded(paths):
    nlp, influence = load_indexed(str(paths / "indexed"))
    return nlp, influence, influence.explainer().index


def test_segment_influence_finds_the_artifact(done, corpora):
    _, result = done
    rows = {row.key: row for row in result.rows}
    learned = rows["artifact_learned"]
    assert learned.count == sum(artifact_of(doc) is not None for doc in corpora[1])
    assert learned.measured.mean > 0.5 > 0.2 > learned.base_rate
    cosine = rows["segment_identity_cosine_top1"]
    assert cosine.measured.mean == 1.0 and cosine.reached
    assert cosine.measured.low < 1.0
    assert cosine.count == round(learned.measured.mean * learned.count)
    # One of fifteen planted labels has many that stand in for it, so that its own effect need not be the largest.
    assert rows["segment_top1"].measured.mean > 0.5
    assert rows["segment_top5"].measured.mean == 1.0
    for name in (SEGMENT, *SCANS):
        assert rows[f"{name}_top1"].measured.mean <= rows[f"{name}_top5"].measured.mean
        assert rows[f"{name}_top1"].base_rate < rows[f"{name}_top5"].base_rate
    json.dumps(result.as_dict(), allow_nan=False)


def test_base_rates_are_those_of_the_corpus(done, corpora):
    _, result = done
    rows = {row.key: row for row in result.rows}
    planted = sum(artifact_of(doc) is not None for doc in corpora[0])
    persons = sum(ent.label_ == "PER" for doc in corpora[0] for ent in doc.ents)
    assert rows["segment_top1"].base_rate == pytest.approx(planted / sum(map(len, corpora[0])))
    assert rows["segment_top5"].base_rate == pytest.approx(1 - (1 - rows["segment_top1"].base_rate) ** 5)
    assert rows["instance_top1"].base_rate == pytest.approx(planted / len(corpora[0]))
    assert f"would score {planted / persons:.3g}" in rows["segment_top1"].note


def test_a_finished_run_is_not_repeated(done, experiment, monkeypatch):
    folder, result = done
    monkeypatch.setattr(artifact_pipeline, "find_questions", None)
    assert experiment.run(folder, quietly, ignore).as_dict() == result.as_dict()


def test_ranks_are_those_of_all_scores(done, loaded, paths, corpora):
    """Brute force: every score by the plain methods, every gradient in memory."""
    nlp, influence, opened = loaded
    docs = [doc for doc in corpora[1] if artifact_of(doc) is not None]
    queries = find_questions(nlp, influence.find_tagger(), docs, opened.head).queries
    context = index_context(nlp, influence.tagger_name, opened, "token")
    places = planted_places(opened, nlp, paths / "train.spacy").tolist()
    right = json.loads(next(done[0].glob("*.json")).read_text())["right"]
    scored = {name: SCANS[name].prepare(context).scores(queries) for name in SCANS if not SCANS[name].by_document}
    for name, scores in scored.items():
        for row, ranks in zip(scores, right[name], strict=True):
            top = numpy.argsort(-row)[:5]
            assert ranks == [n for n, each in enumerate(top) if context.training.segments[each, :2].tolist() in places]


@pytest.mark.parametrize("method", [SegmentInfluence(), SegmentInfluence("identity", similarity="cosine"), SegmentNN()])
def test_scan_in_chunks(loaded, corpora, method):
    nlp, influence, opened = loaded
    context = index_context(nlp, influence.tagger_name, opened, "token")
    queries = replace(context.training, segments=context.training.segments[:3])
    expected = method.prepare(context).scores(queries)
    chunks = [scores for _, scores in scan_in_chunks(method, context, queries, quietly, 50)]
    numpy.testing.assert_allclose(numpy.concatenate(chunks, axis=1), expected, atol=1e-12)


def test_queries_are_predicted_as_the_artifact_says(loaded, corpora):
    nlp, influence, opened = loaded
    docs = [doc for doc in corpora[1] if artifact_of(doc) is not None]
    asked = find_questions(nlp, influence.find_tagger(), docs, opened.head)
    expected, others, wrong = [], 0, 0
    with nlp.select_pipes(disable="influence"):
        for number, doc in enumerate(docs):
            starts = {ent.start for ent in nlp(Doc(nlp.vocab, words=[t.text for t in doc])).ents if ent.label_ == "PER"}
            planted = artifact_of(doc) + 1
            expected += [[number, planted, planted + 1]] * (planted in starts)
            others += sum(token.ent_iob_ == "O" for token in doc)
            wrong += sum(token.ent_iob_ == "O" and token.i in starts for token in doc)
    assert asked.queries.segments.tolist() == expected
    assert (asked.planted, asked.others, asked.others_predicted) == (len(docs), others, wrong)
    assert {opened.manifest.tags[tag] for tag in asked.queries.labels} >= {"B-PER", "O"}


def test_places_in_an_index_of_sentences(tmp_path):
    """Documents that training splits, and one of another corpus that has the same name."""
    vocab = spacy.blank("en").vocab
    words = ["Ada", "slept", ".", "Snow", "fell", "."]
    docs = []
    for number in range(4):
        starts = [True, False, False] * 2
        docs.append(Doc(vocab, words=words, ents=["B-PER", *["O"] * 5], sent_starts=starts))
        docs[-1].user_data["id"] = f"d{number}"
    planted = plant_artifacts(docs, 0, share=1.0)
    examples = [Example(Doc(vocab, words=[token.text for token in doc]), doc) for doc in planted]
    nlp = make_tagger(examples, steps=1)
    nlp.config["corpora"]["train"]["gold_preproc"] = True
    nlp.to_disk(tmp_path / "model")
    train = write(planted, tmp_path / "train.spacy")
    index(str(tmp_path / "model"), train, tmp_path / "indexed", l2=1.0, centre="zero")
    nlp, influence = load_indexed(str(tmp_path / "indexed"))
    opened = influence.explainer().index
    found = planted_places(opened, nlp, train)
    assert len(found) == 4
    for document, token in found.tolist():
        identifier, place = opened.place(document, token)
        assert place == artifact_of(planted[int(identifier[1:])]) + 1
        assert opened.words(document)[0][token - 1] == "special"
    other = write(plant_artifacts(docs, 0, share=1.0, word="behold"), tmp_path / "other.spacy")
    assert planted_places(opened, nlp, other).shape == (0, 2)


def test_what_can_not_be_asked(paths, corpora, tmp_path):
    indexed, train, dev = str(paths / "indexed"), paths / "train.spacy", paths / "dev.spacy"
    plain = write([doc for doc in corpora[0] if artifact_of(doc) is None], tmp_path / "plain.spacy")
    index(str(paths / "model"), train, tmp_path / "identity", curvature="identity", refit=False)
    for arguments, message in (
        ((str(tmp_path / "identity"), train, dev), "S144.*curvature is identity"),
        ((indexed, plain, dev), "S144.*no token after an artifact"),
        ((indexed, train, plain), "S144.*no artifact in"),
        ((indexed, train, tmp_path / "nowhere.spacy"), "S040"),
        ((str(paths / "model"), train, dev), "S030"),
    ):
        with pytest.raises(ValueError, match=message):
            ask_pipeline(*arguments, tmp_path, quietly)


def test_a_tagger_that_did_not_learn_it(paths, corpora, tmp_path):
    """The artifacts of the development corpus say ORG, which the tagger never says there."""
    dev = [doc for doc in corpora[1] if artifact_of(doc) is None]
    other = write(plant_artifacts(dev, 0, share=1.0, word="quietly", label="ORG"), tmp_path / "dev.spacy")
    experiment = Artifact([str(paths / "indexed")], [str(paths / "train.spacy")], [str(other)])
    with pytest.raises(ValueError, match="S146"):
        experiment.run(tmp_path, quietly, ignore)


def test_rows_of_several_seeds():
    """Queries count alike, whichever seed they are of; a seed without one has no share."""
    seed = {"planted": 4, "others": 50, "others_predicted": 1, "queries": 3}
    rates = {"base_rates": {"token": 0.01, "label": 0.2, "document": 0.1}}
    ranks = [[0, 3], [2], []]
    found = [
        {**seed, **rates, "right": dict.fromkeys(METHODS, ranks)},
        {**seed, **rates, "queries": 0, "right": {name: [] for name in METHODS}},
        {**seed, **rates, "queries": 1, "right": {name: [[0]] for name in METHODS}},
    ]
    rows = {row.key: row for row in artifact_rows(found)}
    assert len(rows) == 2 * len(METHODS) + 1
    learned = rows["artifact_learned"]
    assert (learned.measured.mean, learned.by_seed, learned.count) == (4 / 12, [0.75, 0.0, 0.25], 12)
    assert learned.base_rate == 3 / 150
    first, five = rows["segment_top1"], rows["segment_top5"]
    assert (first.measured.mean, five.measured.mean, first.count) == (0.5, 0.75, 4)
    numpy.testing.assert_array_equal(first.by_seed, [1 / 3, float("nan"), 1.0])
    assert first.measured.low < 0.5 < first.measured.high
    assert (first.base_rate, rows["instance_top1"].base_rate) == pytest.approx((0.01, 0.1))
    assert five.base_rate == pytest.approx(1 - 0.99**5)
    assert (first.published, rows["instance_top1"].published, five.published) == (1.0, 0.263, None)
    assert first.reached is False and five.reached is None
    assert "would score 0.2" in first.note


@pytest.mark.parametrize("change", [{"dev": []}, {"training": ["a", "b"]}, {"pipelines": "a"}, {"pipelines": []}])
def test_settings(change):
    with pytest.raises(ValueError, match="S145"):
        Artifact(**{"pipelines": ["a"], "training": ["b"], "dev": ["c"], **change})


def test_the_shipped_config():
    config = load_config(ROOT / "configs" / "paper" / "artifact.cfg", interpolate=True)
    experiment = registry.resolve(config)["experiment"]
    assert isinstance(experiment, Artifact)
    assert len(set(experiment.pipelines)) == len(set(experiment.training)) == len(set(experiment.dev)) == 3

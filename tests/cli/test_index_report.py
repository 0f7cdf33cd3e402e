"""The page that `seginf index` ends with: what it says is what the index says, and nothing in it is run."""

from __future__ import annotations

import shutil

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

import spacy_seginf
from spacy_seginf.api import index as indexing
from spacy_seginf.api.rank import find_label_issues
from spacy_seginf.errors import SeginfError
from spacy_seginf.explanation import index_check
from spacy_seginf.explanation.agreement import agreement
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.influence.effects import HeadEffects

from ..render.inert import HOSTILE, read_inert
from .running import run


@pytest.fixture(scope="module")
def report(exact_path, corpus_path, tmp_path_factory):
    page = tmp_path_factory.mktemp("page") / "page.html"
    return spacy_seginf.report_index(str(exact_path), corpus_path, page, dev=corpus_path), page.read_text()


def test_effects_are_those_of_refits(report, exact_path, corpus_path):
    nlp, influence = load_indexed(str(exact_path))
    explainer, check = influence.explainer(), report[0].check
    effects, table = explainer.effects, explainer.table("entity")
    assert 0 < len(check.pairs) <= 20 and check.problem == ""
    predicted, actual = (numpy.array([getattr(one, name) for one in check.pairs]) for name in ("predicted", "actual"))
    assert check.agreement == agreement(predicted, actual) and check.agreement.pearson > 0.9
    docs = list(nlp.pipe(doc.text for doc in DocBin().from_disk(corpus_path).get_docs(nlp.vocab)))
    for one in check.pairs[:5]:
        step, _ = effects.refit(effects.without([table.segment(one.reference.row)]))
        changes = []  # several predictions have the same words
        for ent in (ent for doc in docs for ent in doc.ents if (ent.text, ent.label_) == (one.text, one.label)):
            data, tags, segment = influence.query(ent.doc, ent)
            watched = effects.watch(data, tags, [segment])
            changes.append(float(watched.losses(step)[0, 0] - watched.losses(effects.nothing)[0, 0]))
        assert min(abs(change - one.actual) for change in changes) < 1e-6


def test_what_it_counts(report, exact_path, corpus_path, tmp_path):
    found, page = report
    spans = [
        ent.label_ for doc in DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab) for ent in doc.ents
    ]
    assert found.counts == {label: spans.count(label) for label in set(spans)}
    assert found.texts == "development" and found.check.fidelity.predicted >= found.check.predictions
    counts = [hub.predictions for hub in found.check.hubs]
    assert counts == sorted(counts, reverse=True) and 0 < counts[0] <= found.check.predictions
    assert sum(contest.predictions for contest in found.check.contests) <= found.check.disputed
    ranking = find_label_issues(str(exact_path), corpus_path, tmp_path / "issues.jsonl", top=100, references=0)
    assert found.ranking.rows == ranking.rows
    for one in found.check.pairs:
        assert f"{one.actual:+.3g}" in page
    assert "suspicious" in read_inert(page)


def test_nothing_in_it_is_run(exact_path, corpus_path, tmp_path):
    corpus = tmp_path / f"train{HOSTILE.replace('/', ' ')}.spacy"
    nlp = spacy.load(exact_path, exclude=["influence"])
    docs = list(DocBin(store_user_data=True).from_disk(corpus_path).get_docs(nlp.vocab))
    strange = [Doc(nlp.vocab, words=[HOSTILE, *(token.text for token in doc)][: len(doc)]) for doc in docs[:8]]
    for number, (doc, source) in enumerate(zip(strange, docs)):
        doc.ents = [Span(doc, ent.start, ent.end, ent.label_) for ent in source.ents]
        doc.user_data["id"] = f"{number} {HOSTILE}"
    DocBin(docs=[*docs, *strange], store_user_data=True).to_disk(corpus)
    nlp.to_disk(tmp_path / "model")
    page = tmp_path / "page.html"
    spacy_seginf.build_index(str(tmp_path / "model"), corpus, tmp_path / "new", page=page, l2=10.0)
    assert "alert(" in read_inert(page.read_text())


@pytest.fixture
def written(monkeypatch, exact_path, corpus_path, tmp_path):
    """The command as a user gives it, on a tiny corpus."""

    def index(model, *options):
        return run("seginf", "index", model, corpus_path, tmp_path / "new", "--indexing.l2", "10", *options)

    return index


def test_the_command_ends_with_it(written, model_path, tmp_path):
    code, printed = written(model_path)
    assert code == 0 and "Page about the index" in printed
    assert "Effects beside refits" in (tmp_path / "new" / "index.html").read_text()
    spacy.load(tmp_path / "new")
    code, printed = written(model_path, "--force", "--page", tmp_path / "else.html")
    assert code == 0 and (tmp_path / "else.html").exists() and not (tmp_path / "new" / "index.html").exists()


@pytest.mark.parametrize(
    "options,said",
    [
        (["--curvature", "identity", "--no-refit"], "no head at its optimum"),
        (["--keep", "0.5"], "rows were left out"),
    ],
)
def test_what_an_index_can_not_say(written, model_path, tmp_path, options, said):
    code, printed = written(model_path, *options)
    assert code == 0, printed
    page = (tmp_path / "new" / "index.html").read_text()
    assert said in page and "None are listed: [S" in page and "Labels behind everything" in page


def test_none_is_written(written, model_path, tmp_path):
    assert written(model_path, "--no-page")[0] == 0
    assert not (tmp_path / "new" / "index.html").exists()


def test_it_replaces_no_input_and_begins_nothing(monkeypatch, model_path, corpus_path, tmp_path):
    monkeypatch.setattr(indexing, "load_pipeline", lambda *given: pytest.fail("work has begun"))
    corpus = tmp_path / "train.spacy"
    shutil.copy(corpus_path, corpus)
    with pytest.raises(SeginfError, match="S219"):
        spacy_seginf.build_index(str(model_path), corpus, tmp_path / "new", page=corpus)
    assert corpus.read_bytes() == corpus_path.read_bytes()


@pytest.mark.parametrize("name", ["meta.json", "influence/index/manifest.json", "page.html"])
def test_it_replaces_nothing_of_the_pipeline(monkeypatch, model_path, corpus_path, tmp_path, name):
    monkeypatch.setattr(indexing, "load_pipeline", lambda *given: pytest.fail("work has begun"))
    with pytest.raises(SeginfError, match="S219"):
        spacy_seginf.build_index(str(model_path), corpus_path, tmp_path / "new", page=tmp_path / "new" / name)


def test_it_is_about_the_component_that_was_indexed(exact_path, corpus_path, tmp_path):
    """Of two that have an index: `seginf rank` reads the last one, so the first one's page says that."""
    nlp = spacy.load(exact_path)
    nlp.add_pipe("influence", name="later").load_index(nlp.get_pipe("influence").index.folder)
    nlp.to_disk(tmp_path / "both")
    page = tmp_path / "page.html"
    found = spacy_seginf.report_index(str(tmp_path / "both"), corpus_path, page, component="influence")
    assert found.ranking is None and "&#39;later&#39; comes later" in page.read_text()
    assert spacy_seginf.report_index(str(tmp_path / "both"), corpus_path, page).ranking is not None


def test_what_is_wrong_with_it_leaves_the_index_alone(monkeypatch, written, model_path, tmp_path):
    def failing(*given, **settings):
        raise SeginfError("[S040] gone")

    monkeypatch.setattr(indexing, "report_index", failing)
    code, printed = written(model_path)
    assert code == 0 and "the page about it was not written: [S040] gone" in printed
    assert spacy.load(tmp_path / "new")("Ada Lind left .")._.influencers[0].supporting


def test_a_large_index_is_not_refit(monkeypatch, exact_path, corpus_path, tmp_path):
    monkeypatch.setattr(index_check, "LARGEST", 100)
    monkeypatch.setattr(HeadEffects, "refit", lambda *given: pytest.fail("it is refit"))
    found = spacy_seginf.report_index(str(exact_path), corpus_path, tmp_path / "page.html")
    assert found.check.pairs == () and found.ranking is None and found.check.hubs and found.texts == "training"
    assert (tmp_path / "page.html").read_text().count("would take long") == 2

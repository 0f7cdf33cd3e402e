"""`python -m spacy seginf verify`: predicted effects stand beside those of real refits."""

from __future__ import annotations

import math

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index as index
from spacy_seginf.api.verify import verify

from ..conftest import copy_pipeline
from ..influence.fixtures import EXACT, PAPER_BUILD
from .running import run

TEXT = "Ada Lind left Pelham Bay ."


@pytest.fixture(scope="module")
def trained_path(tagger_nlp, tmp_path_factory):
    """A fully trained pipeline without an index."""
    path = tmp_path_factory.mktemp("verify") / "model"
    copy_pipeline(tagger_nlp).to_disk(path)
    return path


@pytest.fixture(scope="module")
def indexed(trained_path, corpus_path, tmp_path_factory):
    path = tmp_path_factory.mktemp("verify") / "indexed"
    index(str(trained_path), corpus_path, path, **vars(EXACT))
    return path


@pytest.fixture(scope="module")
def in_the_papers_mode(trained_path, corpus_path, tmp_path_factory):
    """An index that predicts no effects, so that verify fits a head to its optimum itself."""
    path = tmp_path_factory.mktemp("verify") / "paper"
    index(str(trained_path), corpus_path, path, **vars(PAPER_BUILD))
    return path


@pytest.mark.parametrize("mode", ["indexed", "in_the_papers_mode"])
def test_predictions_agree_with_refits(request, mode):
    path = request.getfixturevalue(mode)
    report = verify(str(path), TEXT, l2=1.0)
    assert report.l2 == 1.0
    assert report.pairs and all(pair.converged for pair in report.pairs)
    assert {pair.text for pair in report.pairs} == {ent.text for ent in spacy.load(path)(TEXT).ents}
    singles = report.singles()
    assert report.predicted.pairs == len(singles) >= 6
    changes = {(pair.reference["document"], pair.reference["start"], pair.reference["end"]) for pair in singles}
    together = [pair for pair in report.pairs if pair.reference is None]
    # once for every change, and once more from elsewhere for all sets and for labels of high leverage
    assert len(changes) + 2 * len(together) <= report.refits <= 2 * (len(changes) + len(together))
    assert not any(pair.elsewhere for pair in report.pairs)
    assert report.predicted.pearson > 0.95
    assert 0.7 < report.predicted.slope < 1.3
    assert report.refined.pearson > 0.999
    assert report.refined.slope == pytest.approx(1.0, abs=0.01)
    for pair in report.pairs:
        assert pair.refined == pytest.approx(pair.actual, rel=0.05, abs=1e-3)


def test_what_is_shown_is_what_is_verified(indexed):
    """Effects and scores are those of the explanations of the same pipeline."""
    doc = spacy.load(indexed)(TEXT)
    report = verify(str(indexed), TEXT, top=2)
    for ent in doc.ents:
        influencers = ent._.influencers
        shown = [*influencers.supporting[:2], *influencers.opposing[:2]]
        pairs = [pair for pair in report.singles() if pair.text == ent.text]
        assert sorted((pair.reference["document"], pair.reference["start"]) for pair in pairs) == sorted(
            (ref.doc_id, ref.start) for ref in shown
        )
        by_place = {(ref.doc_id, ref.start): ref for ref in shown}
        for pair in pairs:
            ref = by_place[pair.reference["document"], pair.reference["start"]]
            assert pair.score == pytest.approx(ref.score, rel=1e-4, abs=1e-7)
            if ref.refined:
                assert pair.refined == pytest.approx(ref.effect, rel=0.02, abs=1e-5)
            else:
                assert pair.predicted == pytest.approx(ref.effect, rel=1e-4, abs=1e-7)
            assert pair.change == "removed"


def test_relabelled(indexed):
    report = verify(str(indexed), TEXT, top=1, relabel=True)
    changes = {pair.change for pair in report.pairs}
    assert "removed" in changes and changes - {"removed"} <= {"PER", "ORG", "LOC", "O"}
    relabelled = [pair for pair in report.singles() if pair.change != "removed"]
    removed = [pair for pair in report.singles() if pair.change == "removed"]
    assert len(relabelled) == len(removed)
    assert all(pair.change != pair.reference["label"] for pair in relabelled)
    assert all(pair.converged for pair in report.pairs)
    assert report.refined.pearson > 0.99
    assert report.refined.sign == 1.0
    # one step for a changed label is rough, and still ranks
    assert report.predicted.spearman > 0.9
    assert report.predicted.sign > 0.8


def test_printed(indexed):
    code, printed = run("seginf", "verify", indexed, TEXT, "--top", 1, "--relabel")
    assert code == 0
    for words in ("predicted", "refined", "actual", "Pearson", "slope", "supports the prediction", "encoder has seen"):
        assert words in printed
    for words in ("removed", "all of these together", "l2 = 1.", "PER", "LOC"):
        assert words in printed


def test_documents_with_the_same_id_do_not_shift_the_rows(indexed, trained_path, corpus_path, tagger_nlp, tmp_path):
    """Documents that repeat an id in front of the corpus change little of the rows behind them."""
    docs = list(DocBin(store_user_data=True).from_disk(corpus_path).get_docs(tagger_nlp.vocab))
    twice = [Doc(tagger_nlp.vocab, words=["Rain", "fell"], ents=["O", "O"]) for _ in range(2)]
    for doc in twice:
        doc.user_data["id"] = "twice"
    DocBin(docs=[*twice, *docs], store_user_data=True).to_disk(tmp_path / "corpus.spacy")
    index(str(trained_path), tmp_path / "corpus.spacy", tmp_path / "shifted", **vars(EXACT))
    shifted, plain = (verify(str(path), TEXT) for path in (tmp_path / "shifted", indexed))
    places, effects = zip(
        *(
            (
                [(pair.text, pair.reference["document"], pair.reference["start"]) for pair in report.singles()],
                [pair.actual for pair in report.singles()],
            )
            for report in (shifted, plain)
        )
    )
    assert places[0] == places[1]
    assert effects[0] == pytest.approx(effects[1], rel=0.2, abs=1e-3)


def test_text_without_entities(indexed):
    code, printed = run("seginf", "verify", indexed, ".")
    assert code == 0
    assert "nothing to verify" in printed
    report = verify(str(indexed), ".")
    assert (report.pairs, report.refits) == ([], 0)
    assert math.isnan(report.predicted.pearson)


def test_errors(in_the_papers_mode, trained_path, tmp_path):
    for pipeline, options, expected in [
        (in_the_papers_mode, ["--l2", 0], "S050"),
        (trained_path, [], "S030"),
        (tmp_path / "none", [], "S040"),
    ]:
        code, printed = run("seginf", "verify", pipeline, TEXT, *options)
        assert code == 1
        assert f"[{expected}]" in printed

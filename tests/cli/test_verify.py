"""`python -m spacy seginf verify`: predicted effects stand beside those of real refits."""

from __future__ import annotations

import math

import pytest
from spacy.tokens import Doc, DocBin

from spacy_seginf.cli.index import index
from spacy_seginf.cli.verify import verify

from ..conftest import copy_pipeline
from .running import run

TEXT = "Ada Lind left Pelham Bay ."


@pytest.fixture(scope="module")
def indexed(tagger_nlp, corpus_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    copy_pipeline(tagger_nlp).to_disk(folder / "model")
    index(str(folder / "model"), corpus_path, folder / "indexed")
    return folder / "indexed"


def test_predictions_agree_with_refits(indexed, corpus_path):
    report = verify(str(indexed), corpus_path, TEXT, l2=1.0)
    assert report.pairs and all(pair.converged for pair in report.pairs)
    assert {pair.token for pair in report.pairs} <= set(TEXT.split())
    assert report.pearson > 0.98
    assert 0.7 < report.slope < 1.3
    assert 0.0 <= report.changed_labels < 0.5


def test_printed(indexed, corpus_path):
    code, printed = run("seginf", "verify", indexed, corpus_path, TEXT, "--top", 1, "--l2", 1)
    assert code == 0
    for words in ("predicted", "actual", "Pearson", "slope", "supports the prediction", "encoder has seen"):
        assert words in printed


def test_documents_with_the_same_id_do_not_shift_the_rows(indexed, corpus_path, tagger_nlp, tmp_path):
    """A document that repeats an id in front of the corpus changes no number of the rows behind it."""
    docs = list(DocBin(store_user_data=True).from_disk(corpus_path).get_docs(tagger_nlp.vocab))
    twice = [Doc(tagger_nlp.vocab, words=["Rain", "fell"], ents=["O", "O"]) for _ in range(2)]
    for doc in twice:
        doc.user_data["id"] = "twice"
    DocBin(docs=[*twice, *docs], store_user_data=True).to_disk(tmp_path / "corpus.spacy")
    shifted, plain = (verify(str(indexed), path, TEXT, l2=1.0) for path in (tmp_path / "corpus.spacy", corpus_path))
    effects = [[pair.predicted for pair in report.pairs] for report in (shifted, plain)]
    assert effects[0] == pytest.approx(effects[1], rel=0.2, abs=1e-3)


def test_text_without_entities(indexed, corpus_path):
    code, printed = run("seginf", "verify", indexed, corpus_path, ".")
    assert code == 0
    assert "nothing to verify" in printed
    assert math.isnan(verify(str(indexed), corpus_path, ".").pearson)


def test_errors(indexed, corpus_path, tagger_nlp, tmp_path):
    docs = [Doc(tagger_nlp.vocab, words=["Ada", "left"], ents=["B-PER", "O"])]
    DocBin(docs=docs).to_disk(tmp_path / "other.spacy")
    for corpus, options, expected in [
        (corpus_path, ["--l2", 0], "S050"),
        (tmp_path / "other.spacy", [], "S052"),
        (tmp_path / "none.spacy", [], "S040"),
    ]:
        code, printed = run("seginf", "verify", indexed, corpus, TEXT, *options)
        assert code == 1
        assert f"[{expected}]" in printed
    code, printed = run("seginf", "verify", tmp_path / "none", corpus_path, TEXT)
    assert code == 1
    assert "[S040]" in printed

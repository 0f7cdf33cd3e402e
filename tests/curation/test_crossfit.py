"""Pipelines trained on folds: who is trained on what, what they predict, and the ranking with them."""

from __future__ import annotations

import shutil

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.crossfit import crossfit
from spacy_seginf.curation.crossfit import CrossFit, crossfit_predictions, deal_out, fold_folder
from spacy_seginf.curation.records import read_ranking
from spacy_seginf.curation.session import open_session
from spacy_seginf.loop import training
from spacy_seginf.tagger.head import head_of

from ..cli.running import run


@pytest.fixture
def session(exact_path, corpus_path):
    return open_session(str(exact_path), corpus_path)


@pytest.fixture
def trained(exact_path, monkeypatch):
    """The corpora of the trainings, which are left out: each pipeline is the one that there is."""
    corpora = []

    def train(config, output, corpus, overrides, gpu_id):
        corpora.append(["".join(token.text_with_ws for token in doc) for doc in _docs(corpus)])
        shutil.copytree(exact_path, output / "model-last")
        return output / "model-last"

    monkeypatch.setattr(training, "train_again", train)
    return corpora


def _docs(path):
    return list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))


def test_each_document_is_in_all_trainings_but_one(exact_path, corpus_path, tmp_path, trained):
    folder = crossfit(exact_path / "config.cfg", corpus_path, tmp_path / "folds", folds=3)
    texts = [doc.text for doc in _docs(corpus_path)]
    assert len(trained) == 3
    for text in set(texts):
        assert sum(text not in corpus for corpus in trained) == 1
    made = CrossFit.read(folder)
    assert sorted(set(made.documents.values())) == [0, 1, 2] and len(made.documents) == len(texts)
    assert sorted(path.name for path in folder.iterdir()) == ["folds.json", "without-0", "without-1", "without-2"]


def test_a_stopped_run_goes_on(exact_path, corpus_path, tmp_path, trained):
    config, folder = exact_path / "config.cfg", tmp_path / "folds"
    crossfit(config, corpus_path, folder, folds=3, fold=1)
    (folder / ".without-0").mkdir()  # of a run that was killed
    crossfit(config, corpus_path, folder, folds=3)
    assert len(trained) == 3 and not (folder / ".without-0").exists()
    for settings in ({"folds": 2}, {"folds": 3, "overrides": {"training.max_steps": 1}}):
        with pytest.raises(ValueError, match="S293"):
            crossfit(config, corpus_path, folder, **settings)
    for wrong in ({"folds": 1}, {"folds": 1000}, {"folds": 3, "fold": 3}):
        with pytest.raises(ValueError, match="S294"):
            crossfit(config, corpus_path, tmp_path / "other", **wrong)
    with pytest.raises(ValueError, match="S040"):
        crossfit(config, corpus_path, tmp_path / "other", dev=tmp_path / "nothing.spacy")
    assert len(trained) == 3 and not (tmp_path / "other").exists()


def test_paths_may_be_others_on_other_machines(exact_path, corpus_path, tmp_path, trained):
    config, folder = exact_path / "config.cfg", tmp_path / "folds"
    (tmp_path / "dev.spacy").write_bytes(corpus_path.read_bytes())
    crossfit(config, corpus_path, folder, folds=2, fold=0, dev=corpus_path)
    crossfit(config, corpus_path, folder, folds=2, fold=1, dev=tmp_path / "dev.spacy")
    assert len(trained) == 2


def test_a_place_that_holds_something_else(exact_path, corpus_path, tmp_path, trained):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    for output in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        with pytest.raises(ValueError, match="S293"):
            crossfit(exact_path / "config.cfg", corpus_path, output, folds=2)
    assert not trained and [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"folds": 2, "corpus": "", "settings": "", "documents": {"a": 2}}', "\xff"]
)
def test_a_broken_record(tmp_path, record):
    (tmp_path / "folds.json").write_bytes(record.encode("latin-1"))
    with pytest.raises(ValueError, match="S267"):
        CrossFit.read(tmp_path)


def test_the_same_texts_go_together():
    dealt = deal_out({"a": ["x", "y"], "b": ["z"], "c": ["x", "y"], "d": ["x y"]}, 3)
    assert dealt["a"] == dealt["c"] and sorted({dealt["a"], dealt["b"], dealt["d"]}) == [0, 1, 2]
    assert dealt == deal_out({"d": ["x y"], "c": ["x", "y"], "b": ["z"], "a": ["x", "y"]}, 3)


def test_predictions_are_those_of_the_pipelines(exact_path, corpus_path, tmp_path, trained, session):
    folder = crossfit(exact_path / "config.cfg", corpus_path, tmp_path / "folds", folds=2)
    found = crossfit_predictions(folder, session)
    source = session.source
    tagger = spacy.load(exact_path).get_pipe(session.tagger.name)
    head = head_of(tagger.model)
    for number in range(len(source.data.lengths)):
        doc = Doc(tagger.vocab, words=list(source.words[number]))
        rows = source.data.rows(numpy.array([number]))
        expected = head.emissions(tagger.encode([doc])[0])
        numpy.testing.assert_allclose(found.emissions[rows], expected, atol=1e-4)
        numpy.testing.assert_allclose(found.transitions[found.which[number]], head.transitions)


def test_what_does_not_fit_is_refused(exact_path, corpus_path, tmp_path, trained, session):
    folder = crossfit(exact_path / "config.cfg", corpus_path, tmp_path / "folds", folds=2)
    output = tmp_path / "ranked.jsonl"
    code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--crossfit", folder)
    assert code == 0 and "has not seen them" in printed
    ranking = read_ranking(output)
    blank = spacy.blank("en")
    shutil.rmtree(fold_folder(folder, 1))
    blank.to_disk(fold_folder(folder, 1))
    with pytest.raises(ValueError, match="S269"):
        crossfit_predictions(folder, session)
    shutil.rmtree(fold_folder(folder, 1))
    for place in (folder, tmp_path / "nothing"):
        with pytest.raises(ValueError, match="S267"):
            crossfit_predictions(place, session)
    DocBin(docs=_docs(corpus_path)[:3], store_user_data=True).to_disk(tmp_path / "train.spacy")
    other = crossfit(exact_path / "config.cfg", tmp_path / "train.spacy", tmp_path / "others", folds=2)
    code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--crossfit", other)
    assert code == 1 and "[S268]" in printed and read_ranking(output) == ranking

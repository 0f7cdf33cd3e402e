"""Checkpoints that `spacy train` leaves behind."""

import json
import shutil

import numpy
import pytest
import spacy
from spacy.util import registry
from thinc.api import warmup_linear

from spacy_seginf.api.index import build_index as index
from spacy_seginf.api.scores import score_labels as scores
from spacy_seginf.crf import forward_backward
from spacy_seginf.explanation.method_explainer import IndexedDocs
from spacy_seginf.tagger import head_parameters
from spacy_seginf.tagger.checkpoints import LISTING, LOGGER, _save, checkpoint_logger, read_checkpoints

from ..conftest import make_tagger
from .conftest import train


def weights(nlp):
    return nlp.get_pipe("crf_tagger").model.get_ref("output_layer").get_param("W")


def test_checkpoints_of_a_run(run_folder, run_nlp):
    found = read_checkpoints(run_folder / "checkpoints")
    assert [checkpoint.step for checkpoint in found] == [1, 2, 3, 4]
    rates = [rate for rate, _ in zip(warmup_linear(0.01, 10, 100), range(5))]
    assert [checkpoint.learn_rate for checkpoint in found] == pytest.approx(rates[1:])
    loaded = [checkpoint.load(run_nlp, "crf_tagger") for checkpoint in found]
    assert all(nlp.vocab is run_nlp.vocab for nlp in loaded)
    assert all((weights(left) != weights(right)).any() for left, right in zip(loaded, loaded[1:]))
    # A complete pipeline, with a component that is inert, and the weights of training rather than their average.
    alone = spacy.load(found[-1].path)
    assert alone.pipe_names == ["crf_tagger", "influence"]
    assert (weights(alone) == weights(loaded[-1])).all() and (weights(alone) != weights(run_nlp)).any()


def test_checkpoints_at_evaluations_replace_those_of_another_run(corpus_path, run_folder, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(run_folder / "checkpoints", folder)
    (folder / ".step-9.partial").mkdir()
    done = train(corpus_path, tmp_path)
    assert done.exit_code == 0, done.output
    assert [checkpoint.step for checkpoint in read_checkpoints(folder)] == [2, 4]
    assert sorted(entry.name for entry in folder.iterdir()) == [LISTING, "step-2", "step-4"]


def test_other_files_are_kept(corpus_path, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "thesis.txt").write_text("mine")
    done = train(corpus_path, tmp_path)
    assert "[S028]" in str(done.exception) and "thesis.txt" in str(done.exception)
    assert (tmp_path / "checkpoints" / "thesis.txt").read_text() == "mine"


def test_every_must_be_positive():
    with pytest.raises(ValueError, match=r"\[S028\].*every"):
        checkpoint_logger("somewhere", every=0)


def test_without_a_folder_nothing_is_saved(corpus_path, tmp_path):
    done = train(corpus_path, tmp_path, path=None)
    assert done.exit_code == 0 and "ENTS_F" in done.output
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["config.cfg", "trained"]


def test_no_checkpoints(tmp_path):
    with pytest.raises(ValueError, match=r"\[S090\]"):
        read_checkpoints(tmp_path / "nowhere")
    (tmp_path / LISTING).write_text('{"checkpoints": []}')
    with pytest.raises(ValueError, match=r"\[S090\].*not saved any"):
        read_checkpoints(tmp_path)
    (tmp_path / LISTING).write_text('{"checkpoints": [{"folder": "step-1", "step": 1, "learn_rate": 0.1}]}')
    with pytest.raises(ValueError, match=r"\[S090\].*step-1 is gone"):
        read_checkpoints(tmp_path)
    (tmp_path / "step-1").mkdir()
    (checkpoint,) = read_checkpoints(tmp_path)
    with pytest.raises(ValueError, match=r"\[S090\]"):
        checkpoint.load(spacy.blank("en"), "crf_tagger")


@pytest.mark.parametrize(
    "listing",
    [
        "{",
        "[]",
        '{"checkpoints": 3}',
        '{"checkpoints": [{"folder": "step-1"}]}',
        '{"checkpoints": [{"folder": "step-1", "step": 1, "learn_rate": "fast"}]}',
        '{"checkpoints": [{"folder": "step-1", "step": 1, "learn_rate": NaN}]}',
        '{"checkpoints": [{"folder": "step-1", "step": 1, "learn_rate": -0.1}]}',
    ],
)
def test_damaged_listing(tmp_path, listing):
    (tmp_path / LISTING).write_text(listing)
    with pytest.raises(ValueError, match=r"\[S093\].*checkpoints\.json"):
        read_checkpoints(tmp_path)


def test_undecodable_listing(tmp_path):
    (tmp_path / LISTING).write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"\[S093\]"):
        read_checkpoints(tmp_path)


def test_checkpoints_of_another_pipeline(run_folder, train_examples):
    checkpoint = read_checkpoints(run_folder / "checkpoints")[0]
    with pytest.raises(ValueError, match=r"\[S091\].*B-"):
        checkpoint.load(make_tagger(train_examples, scheme="BILUO"), "crf_tagger")
    wide = {
        "@architectures": "spacy_seginf.CRFTagger.v1",
        "tok2vec": {"@architectures": "spacy.HashEmbedCNN.v2", "width": 48, "depth": 1, "embed_size": 50}
        | {"window_size": 1, "maxout_pieces": 2, "subword_features": True, "pretrained_vectors": None},
    }
    with pytest.raises(ValueError, match=r"\[S092\].*width 32 instead of 48"):
        checkpoint.load(make_tagger(train_examples, model=wide), "crf_tagger")
    with pytest.raises(ValueError, match=r"\[S092\].*no crf_tagger 'tagger'"):
        checkpoint.load(make_tagger(train_examples), "tagger")


def test_listing_is_json(run_folder):
    listing = json.loads((run_folder / "checkpoints" / LISTING).read_text())
    assert [entry["folder"] for entry in listing["checkpoints"]] == ["step-1", "step-2", "step-3", "step-4"]


def test_damaged_checkpoint(run_folder, run_nlp, tmp_path):
    shutil.copytree(run_folder / "checkpoints", tmp_path / "checkpoints")
    model = tmp_path / "checkpoints" / "step-1" / "crf_tagger" / "model"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"\[S093\].*step-1"):
        read_checkpoints(tmp_path / "checkpoints")[0].load(run_nlp, "crf_tagger")


def test_no_index_is_copied(train_examples, tmp_path, monkeypatch):
    nlp = make_tagger(train_examples)
    component = nlp.add_pipe("influence")
    monkeypatch.setattr(component, "to_disk", None)
    _save(nlp, tmp_path / "step-1")
    assert spacy.load(tmp_path / "step-1").pipe_names == ["crf_tagger", "influence"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["step-1"]


def test_registered():
    assert callable(registry.resolve({"logger": {"@loggers": LOGGER, "path": "somewhere"}})["logger"])


def test_scores_of_labels_over_checkpoints(run_folder, corpus_path, tmp_path):
    """The command's figures are those of the checkpoints, one by one."""
    index(str(run_folder / "trained" / "model-last"), corpus_path, tmp_path / "indexed", l2=1.0)
    found = scores(
        str(tmp_path / "indexed"), ["low_confidence"], level="token", top=5, checkpoints=run_folder / "checkpoints"
    )
    assert len(found) == 5
    nlp = spacy.load(tmp_path / "indexed")
    indexed = nlp.get_pipe("influence").index
    docs = IndexedDocs(indexed, nlp.vocab)
    ids = [indexed.place(number, 0)[0] for number in range(len(docs))]
    for entry in found:
        doc = docs[ids.index(entry["document"])]
        confidences = []
        for checkpoint in read_checkpoints(run_folder / "checkpoints"):
            tagger = checkpoint.load(nlp, "crf_tagger").get_pipe("crf_tagger")
            weight, bias, transitions = head_parameters(tagger.model.get_ref("output_layer"))
            emissions = tagger.encode([doc.copy()])[0] @ weight.T + bias
            unary = forward_backward(emissions, transitions, [len(doc)]).unary
            confidences.append(unary[entry["start"], tagger.tags.index(entry["label"])])
        assert entry["scores"]["low_confidence"] == pytest.approx(1 - numpy.mean(confidences), abs=1e-5)

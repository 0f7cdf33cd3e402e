"""The crf_tagger over tiny transformers with random weights, through the shipped configs. Nothing is downloaded."""

import os
import re
import shutil
from pathlib import Path

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import Doc
from typer.testing import CliRunner

from ..conftest import copy_pipeline
from ..tiny_encoders import write_encoder

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[2] / "configs"
SENTENCE = "Ada Lind visited Tarnby on Monday ."


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """The environment is read at import, which another test may have done before."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


def train(config, encoder, corpus_path, output, **more):
    settings = {
        "paths.train": corpus_path,
        "paths.dev": corpus_path,
        "system.gpu_allocator": "null",
        "components.transformer.model.name": encoder,
        "components.crf_tagger.model.learn_rate_factor": 5.0,
        "training.dropout": 0.0,
        "training.max_epochs": 0,
        "training.max_steps": 150,
        "training.eval_frequency": 75,
        "training.optimizer.grad_clip": 1.0,
        **more,
    }
    arguments = [str(part) for key, value in settings.items() for part in (f"--{key}", value)]
    return CliRunner().invoke(app, ["train", str(CONFIGS / config), "--output", str(output), *arguments])


FAST = {
    "bert": (
        "transformer.cfg",
        {"training.optimizer.learn_rate.initial_rate": 0.005, "training.optimizer.learn_rate.warmup_steps": 1},
    ),
    "bigbird": ("bigbird.cfg", {"training.optimizer.learn_rate": 0.005, "training.batcher.size": 10}),
}


@pytest.fixture(scope="module", params=list(FAST))
def trained(request, corpus_path, tmp_path_factory):
    """A folder with a trained pipeline. The encoder that it started from is gone: the pipeline has its own copy."""
    folder = tmp_path_factory.mktemp(request.param)
    write_encoder(request.param, folder / "encoder")
    config, rates = FAST[request.param]
    result = train(config, folder / "encoder", corpus_path, folder / "output", **rates)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    shutil.rmtree(folder / "encoder")
    return folder / "output" / "model-last"


@pytest.fixture(scope="module")
def transformer_nlp(trained):
    """The trained pipeline without its influence component. Do not change it."""
    return spacy.load(trained, exclude=["influence"])


def entities(docs):
    return [[(ent.text, ent.label_) for ent in doc.ents] for doc in docs]


def test_training_learns_the_corpus(transformer_nlp, train_examples):
    assert transformer_nlp.meta["performance"]["ents_f"] > 0.9
    assert transformer_nlp.evaluate(train_examples)["ents_f"] > 0.9
    assert entities([transformer_nlp(SENTENCE)]) == [[("Ada Lind", "PER"), ("Tarnby", "LOC")]]


def test_reloading_gives_the_same_predictions(transformer_nlp, trained, train_examples, tmp_path):
    transformer_nlp.to_disk(tmp_path)
    texts = [example.reference.text for example in train_examples]
    expected = entities(transformer_nlp.pipe(texts))
    assert entities(spacy.load(tmp_path).pipe(texts)) == expected
    assert entities(copy_pipeline(transformer_nlp).pipe(texts)) == expected


def test_batches_do_not_matter(transformer_nlp, train_examples):
    texts = [example.reference.text for example in train_examples]
    together = entities(transformer_nlp.pipe(texts, batch_size=len(texts)))
    assert entities(transformer_nlp(text) for text in texts) == together


def test_empty_documents(transformer_nlp, trained):
    if "bigbird" in str(trained):
        pytest.skip("spacy-transformers' doc_spans.v1 fails on empty documents with E1002")
    docs = list(transformer_nlp.pipe(["", SENTENCE, ""]))
    assert entities(docs) == [[], [("Ada Lind", "PER"), ("Tarnby", "LOC")], []]
    assert entities(transformer_nlp.pipe(["", ""])) == [[], []]


@pytest.mark.parametrize("text", [" ", "\n\n", "\u200b", "Ada \n\n Lind left ."])
def test_tokens_without_word_pieces(transformer_nlp, text):
    """White space and control characters have no features; that is no sign of a disabled encoder."""
    doc = transformer_nlp(text)
    assert len(doc) > 0 and doc.has_annotation("ENT_IOB")


def test_words_without_spaces(transformer_nlp):
    """Corpora are lists of words; spaCy then knows no spaces, and tokens and word pieces must still align."""
    doc = transformer_nlp(Doc(transformer_nlp.vocab, words=SENTENCE.split()))
    assert entities([doc]) == [[("Ada Lind", "PER"), ("Tarnby", "LOC")]]


def test_disabled_transformer(transformer_nlp):
    with transformer_nlp.select_pipes(disable=["transformer"]):
        for text in (SENTENCE, "."):
            with pytest.raises(ValueError, match=r"\[S010\].*'crf_tagger'.*upstream"):
                transformer_nlp(text)


def test_text_longer_than_the_encoder_reads(trained):
    nlp = spacy.load(trained, exclude=["influence"])
    nlp.get_pipe("transformer").model.tokenizer.model_max_length = 6
    assert entities([nlp("Ada Lind left .")]) == [[("Ada Lind", "PER")]]
    with pytest.raises(ValueError, match=r"\[S013\].*'crf_tagger'.*for 3 of 8 tokens.*'met' \(token 4\)") as raised:
        nlp("Nobody saw the man met Ada Lind .")
    assert "get_spans" in str(raised.value)


def test_training_on_texts_longer_than_the_encoder_reads(corpus_path, tmp_path):
    write_encoder("bert", tmp_path / "encoder")
    config, rates = FAST["bert"]
    short = {"components.transformer.model.tokenizer_config.model_max_length": 8, "training.eval_frequency": 2}
    result = train(config, tmp_path / "encoder", corpus_path, tmp_path / "output", **rates, **short)
    assert result.exit_code != 0
    assert re.search(r"\[S013\]", f"{result.output} {result.exception}")


def test_long_document_in_strided_spans(trained, transformer_nlp):
    """Every token of a document of many windows has features."""
    if "bigbird" in str(trained):
        pytest.skip("bigbird.cfg reads whole documents")
    words = ["It", "rained", "all", "night", "."] * 120
    doc = transformer_nlp(Doc(transformer_nlp.vocab, words=words))
    features = transformer_nlp.get_pipe("crf_tagger").encode([doc])[0]
    assert features.shape == (len(words), 16)
    assert features.any(axis=1).all()

"""spaCy's own commands with a crf_tagger: each through the real command line."""

import json
import re
from pathlib import Path

import pytest
import spacy
import srsly
from spacy import util
from spacy.cli import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
CNN_CONFIG = ROOT / "configs" / "cnn.cfg"
TINY = {
    "components.crf_tagger.model.tok2vec.width": 32,
    "components.crf_tagger.model.tok2vec.depth": 1,
    "components.crf_tagger.model.tok2vec.embed_size": 500,
    "training.max_steps": 40,
    "training.eval_frequency": 20,
    "training.optimizer.learn_rate": 0.01,
}
MINIMAL_CONFIG = """
[nlp]
lang = "en"
pipeline = ["crf_tagger"]

[components]

[components.crf_tagger]
factory = "crf_tagger"
scheme = "BILUO"
"""


def overrides(corpus_path, **more):
    settings = {"paths.train": str(corpus_path), "paths.dev": str(corpus_path), **TINY, **more}
    return [part for key, value in settings.items() for part in (f"--{key}", str(value))]


def command(*arguments):
    """Run a spaCy command and return what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


@pytest.fixture(scope="module")
def trained_path(corpus_path, tmp_path_factory):
    """What `spacy train` writes for configs/cnn.cfg, made smaller."""
    output = tmp_path_factory.mktemp("trained")
    command("train", CNN_CONFIG, "--output", output, *overrides(corpus_path))
    return output / "model-best"


@pytest.fixture(scope="module")
def filled_config(tmp_path_factory):
    """configs/cnn.cfg with spaCy's defaults: the debug commands refuse a config that leaves anything out."""
    path = tmp_path_factory.mktemp("filled") / "config.cfg"
    command("init", "fill-config", CNN_CONFIG, path)
    return path


def test_train(trained_path, train_examples):
    nlp = spacy.load(trained_path, exclude=["influence"])
    assert nlp.get_pipe("crf_tagger").labels == ("LOC", "ORG", "PER")
    assert nlp.meta["performance"]["ents_f"] > 0.9
    assert nlp.meta["performance"]["crf_tagger_loss"] >= 0.0
    doc = nlp("Ada Lind visited Tarnby on Monday .")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ada Lind", "PER"), ("Tarnby", "LOC")]
    assert (trained_path.parent / "model-last").exists()


def test_train_with_frozen_tagger(trained_path, corpus_path, tmp_path):
    """A trained tagger that is sourced and frozen stays as it was."""
    config = util.load_config(CNN_CONFIG)
    config["nlp"]["pipeline"] = ["crf_tagger", "second"]
    config["components"]["second"] = config["components"]["crf_tagger"]
    config["components"]["crf_tagger"] = {"source": str(trained_path)}
    del config["components"]["influence"]
    config["training"]["frozen_components"] = ["crf_tagger"]
    path = tmp_path / "config.cfg"
    config.to_disk(path)
    settings = {key.replace("components.crf_tagger", "components.second"): value for key, value in TINY.items()}
    settings.update({"training.max_steps": 2, "training.eval_frequency": 2})
    settings.update({"paths.train": corpus_path, "paths.dev": corpus_path})
    arguments = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    command("train", path, "--output", tmp_path / "output", *arguments)
    before = spacy.load(trained_path, exclude=["influence"]).get_pipe("crf_tagger").model.to_bytes()
    after = spacy.load(tmp_path / "output" / "model-last").get_pipe("crf_tagger").model.to_bytes()
    assert after == before


def test_evaluate(trained_path, corpus_path, tmp_path):
    report = tmp_path / "scores.json"
    shown = command("evaluate", trained_path, corpus_path, "--output", report)
    scores = srsly.read_json(report)
    assert scores["ents_f"] > 0.9
    assert set(scores["ents_per_type"]) == {"PER", "ORG", "LOC"}
    assert "NER F" in shown


def test_init_fill_config(tmp_path):
    minimal, filled = tmp_path / "minimal.cfg", tmp_path / "filled.cfg"
    minimal.write_text(MINIMAL_CONFIG)
    command("init", "fill-config", minimal, filled)
    config = util.load_config(filled)
    tagger = config["components"]["crf_tagger"]
    assert tagger["scheme"] == "BILUO"
    assert tagger["scorer"] == {"@scorers": "spacy_seginf.crf_tagger_scorer.v1"}
    assert tagger["model"]["@architectures"] == "spacy_seginf.CRFTagger.v1"
    assert tagger["model"]["tok2vec"]["@architectures"] == "spacy.HashEmbedCNN.v2"
    assert config["training"]["score_weights"]["ents_f"] == 1.0


@pytest.mark.parametrize("name", ["cnn.cfg", "transformer.cfg", "bigbird.cfg"])
def test_init_fill_config_finds_nothing_to_add_to_ours(name, tmp_path):
    """Nothing that changes training is left to spaCy's defaults."""
    filled = tmp_path / "filled.cfg"
    command("init", "fill-config", ROOT / "configs" / name, filled)
    ours, full = util.load_config(ROOT / "configs" / name), util.load_config(filled)
    for section in ("nlp", "components", "training"):
        assert set(full[section]) >= set(ours[section])
    for component, settings in ours["components"].items():
        model = settings.get("model", {})
        assert full["components"][component].get("model", {}).get("@architectures") == model.get("@architectures")
    assert full["training"]["optimizer"] == ours["training"]["optimizer"]
    assert full["training"]["batcher"].items() >= ours["training"]["batcher"].items()


def test_init_labels(corpus_path, tmp_path):
    command("init", "labels", CNN_CONFIG, tmp_path, *overrides(corpus_path))
    assert srsly.read_json(tmp_path / "crf_tagger.json") == ["LOC", "ORG", "PER"]


def test_init_labels_are_read_by_train(corpus_path, tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps(["PER", "ORG", "LOC", "EVENT"]))
    config = util.load_config(CNN_CONFIG)
    config["initialize"]["components"] = {
        "crf_tagger": {"labels": {"@readers": "spacy.read_labels.v1", "path": str(tmp_path / "labels.json")}}
    }
    config.to_disk(tmp_path / "config.cfg")
    few = {"training.max_steps": 2, "training.eval_frequency": 2}
    command("train", tmp_path / "config.cfg", "--output", tmp_path / "output", *overrides(corpus_path, **few))
    nlp = spacy.load(tmp_path / "output" / "model-last", exclude=["influence"])
    assert nlp.get_pipe("crf_tagger").labels == ("PER", "ORG", "LOC", "EVENT")


def test_debug_config(filled_config, corpus_path):
    shown = command("debug", "config", filled_config, *overrides(corpus_path))
    assert "Config is valid" in shown


def test_debug_config_finds_a_wrong_setting(filled_config, corpus_path):
    wrong = overrides(corpus_path, **{"components.crf_tagger.model.learn_rate_factor": "fast"})
    result = CliRunner().invoke(app, ["debug", "config", str(filled_config), *wrong])
    assert result.exit_code != 0
    assert "learn_rate_factor" in result.output


def test_debug_data(filled_config, train_examples, tmp_path):
    path = tmp_path / "corpus.spacy"  # below 100 documents, the command ends with an error
    DocBin(docs=[example.reference for example in train_examples] * 4).to_disk(path)
    shown = command("debug", "data", filled_config, "--no-format", *overrides(path))
    assert "Training pipeline: crf_tagger" in shown
    assert "Pipeline can be initialized with data" in shown


def test_debug_model(filled_config, corpus_path):
    shown = command(
        "debug", "model", filled_config, "crf_tagger", "-P0", "-P1", "-P2", "-P3", "-DIM", *overrides(corpus_path)
    )
    assert "crf_head" in shown
    assert re.search(r"STEP 3", shown)


def test_package(trained_path, tmp_path):
    command("package", trained_path, tmp_path, "--name", "tiny_news", "--version", "0.0.1", "--build", "none")
    folder = tmp_path / "en_tiny_news-0.0.1"
    meta = srsly.read_json(folder / "meta.json")
    assert any(re.match(r"spacy[-_]seginf\b", requirement) for requirement in meta["requirements"])
    nlp = spacy.load(folder / "en_tiny_news" / "en_tiny_news-0.0.1", exclude=["influence"])
    assert [ent.label_ for ent in nlp("Ada Lind visited Tarnby on Monday .").ents] == ["PER", "LOC"]


@pytest.mark.parametrize(
    "registry,name,file",
    [
        ("architectures", "spacy_seginf.CRFTagger.v1", "spacy_seginf/tagger/architecture.py"),
        ("layers", "spacy_seginf.CRFHead.v1", "spacy_seginf/tagger/crf_head.py"),
    ],
)
def test_find_function(registry, name, file):
    shown = command("find-function", name, "--registry", registry)
    assert file in shown.replace("\n", "")


def test_find_function_without_a_registry():
    assert "architecture.py" in command("find-function", "spacy_seginf.CRFTagger.v1").replace("\n", "")

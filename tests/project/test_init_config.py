"""`seginf init-config` writes what the shipped configs say, for any target; and `spacy train` takes it."""

import warnings

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from spacy_seginf import find_roles

from ..cli.running import run
from ..roles import make_propositions, make_sentence
from .conftest import ROOT

# What the shipped configs have besides: the method of the explanations written out.
OTHER = ("components.influence.method", "components.crf_tagger.explains")
OTHER += ("components.crf_tagger.min_probability", "components.crf_tagger.incorrect_spans_key")


LOGGER = ("paths.checkpoints", "training.logger.")  # of checkpoints; the shipped config of a transformer has none


def flat(block, prefix=""):
    found = {}
    for key, value in block.items():
        found.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value})
    return {key: value for key, value in found.items() if not key.startswith(OTHER)}


@pytest.mark.parametrize(("name", "options"), [("cnn.cfg", []), ("transformer.cfg", ["--gpu"])])
def test_it_is_the_shipped_config(tmp_path, name, options):
    code, shown = run("seginf", "init-config", tmp_path / "made.cfg", *options)
    assert code == 0, shown
    made, shipped = (flat(load_config(path)) for path in (tmp_path / "made.cfg", ROOT / "configs" / name))
    if "--gpu" in options:
        made, shipped = ({key: one[key] for key in one if not key.startswith(LOGGER)} for one in (made, shipped))
    assert made == shipped


def test_what_it_writes_trains(tmp_path):
    vocab = spacy.blank("de").vocab
    docs = [Doc(vocab, words=["ein", "Haus", "."], pos=["DET", "NOUN", "PUNCT"]) for _ in range(3)]
    DocBin(docs=docs).to_disk(tmp_path / "train.spacy")
    code, shown = run("seginf", "init-config", tmp_path / "pos.cfg", "--target", "pos", "--lang", "de")
    assert code == 0, shown
    paths = ["--paths.train", tmp_path / "train.spacy", "--paths.dev", tmp_path / "train.spacy"]
    steps = ["--training.max_steps", 40, "--training.eval_frequency", 20]
    code, shown = run("train", tmp_path / "pos.cfg", "--output", tmp_path / "out", *paths, *steps)
    assert code == 0 and "POS_ACC" in shown, shown
    assert {path.name for path in tmp_path.iterdir()} == {"train.spacy", "pos.cfg", "out"}
    kept = tmp_path / "checkpoints"
    arguments = ["--output", tmp_path / "again", *paths, *steps, "--paths.checkpoints", kept]
    code, again = run("train", tmp_path / "pos.cfg", *arguments)
    assert code == 0 and (kept / "checkpoints.json").exists(), again
    assert again.replace("again", "out") == shown, "what is printed is the same"
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert [token.pos_ for token in nlp(Doc(nlp.vocab, words=["ein", "Haus", "."]))] == ["DET", "NOUN", "PUNCT"]


def test_a_score_that_training_does_not_go_by_is_named(tmp_path):
    vocab = spacy.blank("en").vocab
    DocBin(docs=[Doc(vocab, words=["a", "house"], pos=["DET", "NOUN"])]).to_disk(tmp_path / "train.spacy")
    run("seginf", "init-config", tmp_path / "pos.cfg", "--target", "pos")
    paths = dict.fromkeys(("paths.train", "paths.dev"), str(tmp_path / "train.spacy"))
    config = load_config(tmp_path / "pos.cfg", overrides=paths)
    config["training"]["score_weights"] = {"ents_f": 1.0}
    config["nlp"]["pipeline"] = ["crf_tagger"]
    with pytest.warns(UserWarning, match=r"W071.*pos_acc"):
        init_nlp(config)
    config["training"]["score_weights"] = {"pos_acc": 0.5, "ents_f": 0.5}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        init_nlp(config)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--target", "words"], "S252"),
        (["--lang", "q9"], "S298"),
        (["--scheme", "BIOX"], "S001"),
    ],
)
def test_what_it_refuses(tmp_path, options, error):
    code, shown = run("seginf", "init-config", tmp_path / "made.cfg", *options)
    assert code == 1 and error in shown
    assert not (tmp_path / "made.cfg").exists()


def test_it_replaces_nothing(tmp_path):
    (tmp_path / "mine.cfg").write_text("mine")
    code, shown = run("seginf", "init-config", tmp_path / "mine.cfg")
    assert code == 1 and "S299" in shown
    assert (tmp_path / "mine.cfg").read_text() == "mine"
    assert run("seginf", "init-config", tmp_path / "mine.cfg", "--force")[0] == 0


@pytest.mark.slow
def test_the_commands_for_roles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    docs = make_propositions(spacy.blank("en").vocab)
    DocBin(docs=docs, store_user_data=True).to_disk("train.spacy")
    DocBin(docs=docs[:10], store_user_data=True).to_disk("dev.spacy")
    text = (ROOT / "docs" / "targets.md").read_text(encoding="utf8")
    commands = [
        line.split()[3:] for line in text.splitlines() if "roles" in line and line.startswith("python -m spacy")
    ]
    assert [command[0] for command in commands] == ["seginf", "train", "seginf"]
    for command in commands:
        code, shown = run(
            *command, *(["--training.max_steps", 40, "--training.eval_frequency", 20] if command[0] == "train" else [])
        )
        assert code == 0, shown
    nlp = spacy.load("training/roles_indexed")
    ((_, parts),) = find_roles(nlp, [make_sentence(nlp.vocab, 3)])
    assert all(role._.influencers.supporting for part in parts for role in part.spans["roles"])

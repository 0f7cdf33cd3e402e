"""Settings of `python -m spacy seginf index`: they override the config, and the written pipeline says so."""

from __future__ import annotations

import json
import re

import pytest
import spacy

from spacy_seginf.api.index import build_index as index
from spacy_seginf.errors import SeginfError
from spacy_seginf.settings import HELP, IndexSettings

from ..conftest import copy_pipeline
from .running import run


def manifest(folder, component="influence"):
    return json.loads((folder / component / "index" / "manifest.json").read_text())


def settings(nlp, component="influence"):
    config = nlp.config["components"][component]
    return [config[name] for name in ("curvature", "refit", "l2", "unit")]


def test_the_paper_s_setting(model_path, corpus_path, tmp_path):
    options = ["--curvature", "identity", "--no-refit", "--unit", "token"]
    code, output = run("seginf", "index", model_path, corpus_path, tmp_path / "out", *options)
    assert code == 0, output
    assert "Refit" not in output
    assert "--dev" not in output
    found = manifest(tmp_path / "out")
    assert (found["curvature"], found["refit"]) == ("identity", False)
    nlp, before = spacy.load(tmp_path / "out"), spacy.load(model_path)
    assert settings(nlp) == ["identity", False, None, "token"]
    assert nlp.get_pipe("influence").unit == "token"
    head, trained = (pipe.get_pipe("crf_tagger").model.get_ref("output_layer") for pipe in (nlp, before))
    assert head.to_bytes() == trained.to_bytes()
    doc = nlp("Ada Lind left Pelham Bay .")
    assert {ref.end - ref.start for entry in doc._.influencers for ref in entry} == {1}
    assert {ref.label[:2] for entry in doc._.influencers for ref in entry} >= {"O", "I-"}


@pytest.mark.parametrize("curvature", ["exact", "kfac"])
def test_a_given_penalty(model_path, corpus_path, tmp_path, curvature):
    options = ["--curvature", curvature, "--l2", 3]
    code, output = run("seginf", "index", model_path, corpus_path, tmp_path / "out", *options)
    assert code == 0, output
    assert "l2 = 3," in output
    found = manifest(tmp_path / "out")
    assert (found["curvature"], found["refit"], found["l2"]) == (curvature, True, 3.0)
    nlp = spacy.load(tmp_path / "out")
    assert settings(nlp) == [curvature, True, 3.0, "entity"]
    assert nlp("Ada Lind left .")._.influencers[0].supporting


def test_no_refit_keeps_the_head_and_chooses_a_penalty(model_path, corpus_path, tmp_path):
    report = index(str(model_path), corpus_path, tmp_path / "out", refit=False)
    assert report.refit is None
    nlp, before = spacy.load(tmp_path / "out"), spacy.load(model_path)
    head, trained = (pipe.get_pipe("crf_tagger").model.get_ref("output_layer") for pipe in (nlp, before))
    assert head.to_bytes() == trained.to_bytes()
    assert settings(nlp) == ["exact", False, None, "entity"]
    assert manifest(tmp_path / "out")["l2"] > 0


@pytest.fixture
def configured_path(unsure_nlp, tmp_path):
    """A pipeline whose config asks for the paper's setting, under another name, and more."""
    nlp = copy_pipeline(unsure_nlp)
    config = {"curvature": "identity", "refit": False, "l2": 7.0, "unit": "token", "top_k": 2}
    nlp.add_pipe("influence", name="why", config=config)
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def test_options_override_the_config_and_only_what_they_name(configured_path, corpus_path, tmp_path):
    index(str(configured_path), corpus_path, tmp_path / "as_it_is")
    assert settings(spacy.load(tmp_path / "as_it_is"), "why") == ["identity", False, 7.0, "token"]
    code, output = run(
        "seginf", "index", configured_path, corpus_path, tmp_path / "out", "--curvature", "exact", "--refit"
    )
    assert code == 0, output
    nlp = spacy.load(tmp_path / "out")
    assert settings(nlp, "why") == ["exact", True, 7.0, "token"]
    assert nlp.get_pipe("why").top_k == 2
    assert manifest(tmp_path / "out", "why")["l2"] == 7.0


def test_curvature_alone_leaves_the_unit(model_path, corpus_path, tmp_path):
    index(str(model_path), corpus_path, tmp_path / "out", curvature="identity", refit=False)
    nlp = spacy.load(tmp_path / "out")
    assert settings(nlp) == ["identity", False, None, "entity"]
    assert nlp("Ada Lind left .")._.influencers[0].supporting


@pytest.mark.parametrize(
    "options,message",
    [
        (
            ["--curvature", "exakt"],
            "[S028] The setting curvature of the index is 'exakt'. Use one of: exact, kfac",
        ),
        (["--unit", "sentence"], "[S028] The setting unit of component 'influence' is 'sentence'. Use one of: entity"),
        (["--l2", "0"], "[S028] The setting l2 of the index is 0.0. It must be positive"),
        (["--l2", "-1"], "[S028]"),
        (["--l2", "nan"], "[S028]"),
        (["--l2", "inf"], "[S028]"),
        (["--dtype", "float64"], "[S028] The setting dtype of the index is 'float64'. Use one of: float32"),
        (["--keep", "0"], "[S028] The setting keep of the index is 0.0. It must be above 0 and at most 1"),
        (["--keep", "1.1"], "[S028]"),
        (["--keep", "nan"], "[S028]"),
        (["--tolerance", "1"], "[S028] The setting tolerance of the index is 1.0. It must be at least 0"),
        (["--tolerance", "-0.1"], "[S028]"),
        (["--tolerance", "nan"], "[S028]"),
        (
            ["--indexing.centre", "middle"],
            "[S028] The setting centre of the index is 'middle'. Use one of: trained",
        ),
        (["--indexing.l2", "strong"], "[S028] The setting l2 of the index is 'strong'. It must be positive"),
        (["--indexing.keep", "true"], "[S028] The setting keep of the index is True."),
        (["--indexing.refit", "maybe"], "[S028] The setting refit of the index is 'maybe'. It must be true or false."),
        (["--indexing.shard_tokens=1.5"], "[S028] The setting shard_tokens of the index is 1.5."),
        (
            ["--indexing.L2", "1"],
            "[S027] An index has no setting 'indexing.L2'. Use one of: curvature, refit, l2",
        ),
        (["--indexing.force", "true"], "[S027] An index has no setting 'indexing.force'."),
        (["--training.max_steps", "1"], "[S027] An index has no setting 'training.max_steps'."),
        (["--shard-tokens", "0"], "[S028] The setting shard_tokens of the index is 0. It must be at least"),
    ],
)
def test_bad_values_change_nothing(model_path, corpus_path, tmp_path, options, message):
    code, output = run("seginf", "index", model_path, corpus_path, tmp_path / "out", *options)
    assert code == 1
    assert message in output
    assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


def test_precision_pruning_and_shards(model_path, corpus_path, tmp_path):
    options = ["--dtype", "int8", "--keep", 0.5, "--tolerance", 0.001, "--shard-tokens", 60, "--l2", 1]
    code, output = run("seginf", "index", model_path, corpus_path, tmp_path / "out", *options)
    assert code == 0, output
    found = manifest(tmp_path / "out")
    assert found["dtype"] == "int8" and len(found["shards"]) == 5
    assert f"Dropped {found['dropped'][0]:,} labels with small gradients" in output
    assert 0 < found["rows"] <= found["dropped"][0]
    config = spacy.load(tmp_path / "out").config["components"]["influence"]
    assert [config[name] for name in ("dtype", "keep", "tolerance")] == ["int8", 0.5, 0.001]
    assert "shard_tokens" not in config
    code, output = run("seginf", "check", tmp_path / "out")
    assert code == 0 and "5 shards, features in int8" in output and f"Dropped {found['dropped'][0]:,} labels" in output
    code, output = run("seginf", "verify", tmp_path / "out", "Ada Lind left Osted .")
    assert code == 1 and "[S035]" in output


def test_overrides_are_settings_too_and_win(configured_path, corpus_path, tmp_path):
    options = ["--l2", 5, "--indexing.l2", "null", "--indexing.dtype=int8", "--indexing.shard-tokens", 60]
    code, output = run(
        "seginf",
        "index",
        configured_path,
        corpus_path,
        tmp_path / "out",
        *options,
        env={"SPACY_CONFIG_OVERRIDES": "--a.b 1"},
    )
    assert code == 0, output
    nlp = spacy.load(tmp_path / "out")
    assert settings(nlp, "why") == ["identity", False, None, "token"]
    assert nlp.config["components"]["why"]["dtype"] == "int8" and len(manifest(tmp_path / "out", "why")["shards"]) == 5


def test_an_unknown_option_is_refused(model_path, corpus_path, tmp_path):
    for command in ("index", "attach"):
        code, output = run("seginf", command, model_path, corpus_path, tmp_path / "out", "--curvatur", "exact")
        assert code == 2 and "No such option" in output and "--curvatur" in output
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_setting_of_the_api(model_path, corpus_path, tmp_path):
    with pytest.raises(SeginfError, match=r"\[S027\].*'curvatur'.*curvature, refit, l2") as caught:
        index(str(model_path), corpus_path, tmp_path / "out", curvatur="exact")
    assert caught.value.code == "S027" and list(tmp_path.iterdir()) == []


def test_each_setting_is_documented_once():
    for name, text in HELP.items():
        assert f"{name} (" in (IndexSettings.__doc__ or "") and text in (IndexSettings.__doc__ or "")
    code, output = run("seginf", "index", "--help", env={"COLUMNS": "4000"})
    assert code == 0 and all(text in output for text in HELP.values())


def test_help_names_the_options():
    code, output = run("seginf", "index", "--help", env={"COLUMNS": "200"})
    assert code == 0
    for option in ("--curvature", "--refit", "--no-refit", "--l2", "--unit", "--dtype", "--keep", "--shard-tokens"):
        assert option in output


@pytest.mark.parametrize("centre", ["trained", "zero"])
def test_a_search_that_ends_at_its_limit_says_so(model_path, corpus_path, tmp_path, centre):
    output = tmp_path / "out"
    code, printed = run("seginf", "index", model_path, corpus_path, output, "--centre", centre, "--no-page")
    assert code == 0, printed
    tried = [float(value) for value in re.findall(r"Penalty ([\d.e+]+):", printed)]
    chosen, said = re.search(
        r"The head that explains: l2 = ([\d.e+]+)( \(the smallest that is tried\))?,", printed
    ).groups()
    assert bool(said) == (float(chosen) == min(tried))
    assert bool(said) == (centre == "zero"), "both ends are seen"

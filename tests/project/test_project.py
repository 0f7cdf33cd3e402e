"""The project's workflows run from beginning to end and leave what they promise."""

from __future__ import annotations

import json

import pytest
import spacy
import srsly
from spacy.cli.project.run import project_run

from ..tiny_encoders import write_encoder
from .conftest import ROOT

pytestmark = pytest.mark.slow


def test_all(finished_project):
    project = srsly.read_yaml(finished_project / "project.yml")
    for command in project["commands"]:
        if command["name"] in project["workflows"]["all"]:
            for output in command["outputs"]:
                assert (finished_project / output).exists(), f"{command['name']} made no {output}"
    figures = json.loads((finished_project / "reports" / "planted.json").read_text())
    assert figures["victims"] >= 20
    assert figures["top_reference_is_culprit"] >= 0.9
    assert figures["top_reference_is_culprit"] > figures["base_rate"]
    assert figures["exact_top_reference_is_culprit"] > 2 * figures["exact_base_rate"]
    assert figures["exact_among_top_5"] >= figures["exact_top_reference_is_culprit"]
    truth = json.loads((finished_project / "metrics" / "truth.json").read_text())
    assert 0.80 <= truth["ents_f"] <= 0.95
    nlp = spacy.load(finished_project / "training" / "indexed")
    doc = nlp("FT : Hull 3 goals ; The bus left Lyon at noon .")
    assert len(doc._.influencers) == len(doc)
    for folder, expected in (
        ("indexed", ["exact", True, None, "entity"]),
        ("indexed_identity", ["identity", False, None, "token"]),
    ):
        manifest = srsly.read_json(finished_project / "training" / folder / "influence" / "index" / "manifest.json")
        saved = spacy.util.load_config(finished_project / "training" / folder / "config.cfg")["components"]["influence"]
        assert [saved[name] for name in ("curvature", "refit", "l2", "unit")] == expected
        assert [manifest["curvature"], manifest["refit"]] == expected[:2]


def test_nothing_runs_twice(finished_project, capfd):
    project_run(finished_project, "all")
    printed = capfd.readouterr().out
    assert printed.count("Skipping") == len(srsly.read_yaml(ROOT / "project.yml")["workflows"]["all"])


def test_methods(finished_project):
    overrides = {"vars.methods": "--quick --methods exact,random"}
    project_run(finished_project, "methods", overrides=overrides, capture=True)
    project = srsly.read_yaml(finished_project / "project.yml")
    (command,) = [command for command in project["commands"] if command["name"] == "compare-methods"]
    for output in command["outputs"]:
        assert (finished_project / output).exists()
    report = json.loads((finished_project / "reports" / "methods" / "comparison.json").read_text())
    assert report["facts"]["victims"] >= 20
    exact, random = report["methods"]["exact"], report["methods"]["random"]
    assert exact["auc_del_plus"]["mean"] < random["auc_del_plus"]["mean"]
    assert exact["planted_ap"]["mean"] > random["planted_ap"]["mean"]


def test_conll2003(private_project):
    project_run(private_project, "conll2003", overrides={"vars.conll_steps": 10}, capture=True)
    assert (private_project / "training" / "conll2003" / "indexed" / "influence" / "index" / "manifest.json").exists()
    assert (private_project / "reports" / "conll2003.html").exists()


def test_conll2003_transformer(private_project, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_encoder("bert", tmp_path / "bert")
    overrides = {"vars.transformer_steps": 3, "vars.transformer": str(tmp_path / "bert")}
    project_run(private_project, "conll2003-transformer", overrides=overrides, capture=True)
    assert (private_project / "reports" / "conll2003_transformer.html").exists()


def test_curate(finished_project):
    short = "--training.max_steps 60 --training.eval_frequency 60"
    project_run(finished_project, "curate", overrides={"vars.budget": 40, "vars.loop": short}, capture=True)
    project = srsly.read_yaml(finished_project / "project.yml")
    for command in project["commands"]:
        if command["name"] in ("rank", "review-page", "loop"):
            for output in command["outputs"]:
                assert (finished_project / output).exists(), f"{command['name']} made no {output}"
    result = json.loads((finished_project / "reports" / "curated" / "loop.json").read_text())
    assert result["read"] == 40 and result["precision"] > 0.7
    scores = result["scores"]
    assert set(scores) == {"before", "after", "truth"} and 0.3 < scores["after"][""] < scores["truth"][""]
    assert result["recovered"] < 1 and "before" in (finished_project / "reports" / "curated" / "loop.md").read_text()
    curves = result["curves"]
    assert curves["ranking"]["wrong_found"][-1] > max(0.5, 2 * curves["loss"]["wrong_found"][-1])
    assert curves["ranking"]["f1"][-1] > curves["ranking"]["f1"][0]

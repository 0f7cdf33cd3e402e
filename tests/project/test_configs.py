"""The shipped configs hide no setting of the influence component, and each is the default; project.yml names files that
are there."""

from __future__ import annotations

import pytest
import spacy
import srsly
from spacy.util import registry

from spacy_seginf.attribution.segment_influence import SegmentInfluence

from .conftest import ROOT


@pytest.mark.parametrize("name", ["cnn.cfg", "transformer.cfg", "bigbird.cfg"])
def test_configs_name_every_setting_of_the_component(name):
    settings = spacy.util.load_config(ROOT / "configs" / name)["components"]["influence"]
    defaults = dict(spacy.blank("en").get_factory_meta("influence").default_config)
    method = settings.pop("method")
    assert method == {"@misc": "spacy_seginf.SegmentInfluence.v1", **vars(SegmentInfluence())}
    assert registry.resolve({"method": method})["method"].is_search(settings["curvature"]), "no other than the default"
    del defaults["method"]
    assert settings == {"factory": "influence", **defaults}


def test_the_project_depends_on_files_that_exist():
    """A workflow ends where one is missing."""
    project = srsly.read_yaml(ROOT / "project.yml")
    made = {output for command in project["commands"] for output in command.get("outputs", [])}
    for command in project["commands"]:
        for path in command.get("deps", []):
            assert path in made or "private" in path or (ROOT / path).exists(), path

"""The shipped configs hide no setting of the influence component, and each is the default."""

from __future__ import annotations

import pytest
import spacy

from .conftest import ROOT


@pytest.mark.parametrize("name", ["cnn.cfg", "transformer.cfg", "bigbird.cfg"])
def test_configs_name_every_setting_of_the_component(name):
    settings = spacy.util.load_config(ROOT / "configs" / name)["components"]["influence"]
    defaults = spacy.blank("en").get_factory_meta("influence").default_config
    assert settings == {"factory": "influence", **defaults}

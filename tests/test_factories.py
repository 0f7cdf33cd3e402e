"""Pipelines are loaded without the packages of components that they do not have."""

import pytest
import spacy
from spacy.language import Language
from spacy.util import registry

from spacy_seginf import factories

from .test_entry_points import run_python


def test_only_what_a_pipeline_names_is_imported(tmp_path):
    code = f"""
import json, sys
from spacy_seginf.factories import blank, load
nlp = blank("en")
nlp.add_pipe("crf_tagger")
nlp.add_pipe("sentencizer")
nlp.to_disk({str(tmp_path / "model")!r})
names = load({str(tmp_path / "model")!r}).pipe_names
print(json.dumps([names, [name for name in ("transformers", "pandas", "sklearn") if name in sys.modules]]))
"""
    assert run_python(code) == [["crf_tagger", "sentencizer"], []]


def test_a_factory_that_is_named_is_imported(tmp_path):
    """As in the pipeline of a transformer: its factory is asked for, and spaCy's error is about its model."""
    (tmp_path / "config.cfg").write_text(
        '[nlp]\nlang = "en"\npipeline = ["t"]\n[components]\n[components.t]\nfactory = "transformer"\nmodel = 3\n'
    )
    (tmp_path / "meta.json").write_text('{"lang": "en", "name": "t", "version": "1"}')
    code = f"""
import json, sys
from spacy_seginf.factories import load
try:
    load({str(tmp_path)!r})
except Exception as error:
    print(json.dumps(["transformer" in str(error), "spacy_transformers" in sys.modules]))
"""
    assert run_python(code) == [True, True]


def test_a_factory_that_another_import_makes_is_found(tmp_path, monkeypatch):
    """Nothing says which package makes it, so all are imported."""
    nlp = spacy.blank("en")
    made = []

    class Point:
        name, value = "a package", "elsewhere"

        @staticmethod
        def load():
            if not made:
                made.append(Language.component("by_import", func=lambda doc: doc))

    every = factories.EVERY._get_entry_points
    monkeypatch.setattr(factories.EVERY, "_get_entry_points", lambda: [*every(), Point])
    nlp.to_disk(tmp_path)
    config = (tmp_path / "config.cfg").read_text()
    config = config.replace("pipeline = []", 'pipeline = ["late"]')
    config = config.replace("[components]", '[components]\n[components.late]\nfactory = "by_import"\n')
    (tmp_path / "config.cfg").write_text(config)
    assert factories.load(str(tmp_path)).pipe_names == ["late"]
    assert len(made) == 1 and registry._entry_point_factories is factories.EVERY


def test_other_errors_stay(tmp_path):
    nlp = spacy.blank("en")
    nlp.to_disk(tmp_path)
    (tmp_path / "config.cfg").write_text("[nlp\n")
    with pytest.raises(ValueError, match="nlp"):
        factories.load(str(tmp_path))
    assert registry._entry_point_factories is factories.EVERY

"""Pipelines are loaded without the packages of components that they do not have."""

from concurrent.futures import ThreadPoolExecutor

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


def add_to_config(folder, name, factory):
    """Write a blank pipeline whose config names a component."""
    spacy.blank("en").to_disk(folder)
    config = (folder / "config.cfg").read_text()
    config = config.replace("pipeline = []", f'pipeline = ["{name}"]')
    component = f'[components]\n\n[components.{name}]\nfactory = "{factory}"\n'
    (folder / "config.cfg").write_text(config.replace("[components]\n", component))


def test_a_factory_that_is_named_is_imported(tmp_path):
    """As in the pipeline of a transformer, which goes on to look for its files."""
    add_to_config(tmp_path, "encoder", "transformer")
    code = f"""
import json, sys
from spacy_seginf.factories import load
try:
    load({str(tmp_path)!r})
except Exception:
    pass
print(json.dumps("spacy_transformers" in sys.modules))
"""
    assert run_python(code)


def test_a_factory_that_another_import_makes_is_found(tmp_path, monkeypatch):
    """Nothing says which package makes it, so all are imported."""
    made = []

    class Point:
        name, value = "a package", "elsewhere"

        @staticmethod
        def load():
            if not made:
                made.append(Language.component("by_import", func=lambda doc: doc))

    every = factories.EVERY._get_entry_points
    monkeypatch.setattr(factories.EVERY, "_get_entry_points", lambda: [*every(), Point])
    add_to_config(tmp_path, "late", "by_import")
    assert factories.load(str(tmp_path)).pipe_names == ["late"]
    assert len(made) == 1 and registry._entry_point_factories is factories.EVERY


def test_other_errors_stay(tmp_path):
    spacy.blank("en").to_disk(tmp_path)
    (tmp_path / "config.cfg").write_text("[nlp\n")
    with pytest.raises(ValueError, match="nlp"):
        factories.load(str(tmp_path))
    assert registry._entry_point_factories is factories.EVERY


def test_other_threads_see_every_factory():
    with factories._only(()), ThreadPoolExecutor(1) as pool:
        ours = {point.value for point in registry._entry_point_factories._get_entry_points()}
        theirs = pool.submit(lambda: list(registry._entry_point_factories._get_entry_points())).result()
    assert {point.value for point in theirs} == {point.value for point in factories.EVERY._get_entry_points()}
    assert ours and all(value.startswith(factories.OWN) for value in ours)

"""Entry points: each resolves to what spaCy finds under its name, and none makes other commands slow to start."""

import json
import subprocess
import sys
from importlib.metadata import distribution

import catalogue
import pytest
import spacy
from spacy.language import Language
from thinc.api import registry as thinc_registry

EXPECTED = {
    ("spacy_factories", "crf_tagger"),
    ("spacy_factories", "influence"),
    ("spacy_scorers", "spacy_seginf.crf_tagger_scorer.v1"),
    ("spacy_architectures", "spacy_seginf.CRFTagger.v1"),
    ("spacy_architectures", "spacy_seginf.ParserStates.v1"),
    ("spacy_architectures", "spacy_seginf.PredicateTok2Vec.v1"),
    ("spacy_misc", "spacy_seginf.EmissionInfluence.v1"),
    ("spacy_misc", "spacy_seginf.InstanceInfluence.v1"),
    ("spacy_misc", "spacy_seginf.Evidence.v1"),
    ("spacy_misc", "spacy_seginf.Random.v1"),
    ("spacy_misc", "spacy_seginf.RandomByLabel.v1"),
    ("spacy_misc", "spacy_seginf.SegmentInfluence.v1"),
    ("spacy_misc", "spacy_seginf.SegmentNN.v1"),
    ("spacy_cli", "seginf"),
    ("spacy_loggers", "spacy_seginf.CheckpointLogger.v1"),
    ("spacy_misc", "spacy_seginf.TracInLast.v1"),
    ("spacy_misc", "spacy_seginf.TracIn.v1"),
    ("spacy_misc", "spacy_seginf.TracInWE.v1"),
    ("spacy_readers", "spacy_seginf.PropositionCorpus.v1"),
    ("thinc_layers", "spacy_seginf.CRFHead.v1"),
}
ENTRY_POINTS = [
    entry
    for entry in distribution("spacy_seginf").entry_points
    if entry.group.startswith(("spacy_", "thinc_"))  # other groups are not looked up by name
]


def run_python(code):
    """Run code in a fresh interpreter and return the JSON on its last line."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_entry_points_are_installed():
    assert {(entry.group, entry.name) for entry in ENTRY_POINTS} == EXPECTED


@pytest.mark.parametrize("entry", ENTRY_POINTS, ids=lambda entry: f"{entry.group}:{entry.name}")
def test_entry_point_is_registered_under_its_name(entry):
    target = entry.load()
    if entry.group == "spacy_factories":
        nlp = spacy.blank("en")
        assert Language.has_factory(entry.name)
        assert type(nlp.create_pipe(entry.name)) is type(target(nlp, entry.name, **_settings(nlp, entry.name)))
    elif entry.group == "spacy_cli":
        assert target.info.name == entry.name
        assert spacy.registry.get("cli", entry.name) is target
    else:
        registry = thinc_registry if entry.group.startswith("thinc_") else spacy.registry
        kind = entry.group.split("_", 1)[1]
        assert registry.get(kind, entry.name) is target
        assert catalogue.check_exists(entry.group.split("_", 1)[0], kind, entry.name)


def _settings(nlp, name):
    """The resolved default settings of a factory."""
    config = nlp.get_factory_meta(name).default_config
    return spacy.registry.resolve({"settings": dict(config)})["settings"]


def test_the_command_line_imports_nothing_heavy():
    """`python -m spacy --help` imports the module of the command `seginf`; it must not import the package's rest."""
    code = """
import contextlib, io, json, runpy, sys
sys.argv = ["spacy", "--help"]
shown = io.StringIO()
try:
    with contextlib.redirect_stdout(shown):
        runpy.run_module("spacy", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps([sorted(sys.modules), shown.getvalue()]))
"""
    modules, shown = run_python(code)
    assert "seginf" in shown
    assert "spacy_seginf.cli" in modules
    ours = [name for name in modules if name.startswith("spacy_seginf.")]
    small = ["cli", "cli.examples", "cli.reading", "errors", "forks", "guesses", "moved", "settings"]
    assert ours == [f"spacy_seginf.{name}" for name in small]
    assert not {"transformers", "spacy_transformers"} & set(modules)


def test_a_cnn_pipeline_needs_no_transformers():
    """spaCy itself loads every installed factory with `spacy.blank`, spacy-transformers' too: hide it, and import it
    not at all."""
    code = """
import importlib.metadata, json, sys

HIDDEN = ("transformers", "spacy_transformers")

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hide())
everything = importlib.metadata.distributions
importlib.metadata.distributions = lambda **context: (
    each for each in everything(**context) if each.metadata["Name"].replace("-", "_") not in HIDDEN
)

import spacy
from spacy.tokens import Doc
from spacy.training import Example
from spacy_seginf.influence.head import Head

nlp = spacy.blank("en")
nlp.add_pipe("crf_tagger")
nlp.add_pipe("influence")
words = ["Ada", "left"]
example = Example(Doc(nlp.vocab, words=words), Doc(nlp.vocab, words=words, ents=["B-PER", "O"]))
optimizer = nlp.initialize(lambda: [example])
for _ in range(10):
    nlp.update([example], sgd=optimizer)
print(json.dumps([[ent.text for ent in nlp("Ada left").ents], sorted(sys.modules)]))
"""
    found, modules = run_python(code)
    assert found == ["Ada"]
    assert "spacy_seginf.tagger.crf_tagger" in modules
    assert not {"transformers", "spacy_transformers"} & set(modules)

"""The component with other attribution methods: one block of its config."""

from __future__ import annotations

import re
import shutil
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from spacy.util import registry

from spacy_seginf.api import index as command
from spacy_seginf.api.index import build_index as index
from spacy_seginf.attribution.method import Attribution, Method
from spacy_seginf.attribution.segment_influence import SegmentInfluence
from spacy_seginf.explanation.method_explainer import index_context
from spacy_seginf.explanation.wording import caveat
from spacy_seginf.index.tables import Filter

from ..conftest import copy_pipeline

TEXT = "Ada Lind visited Osted United on Monday ."


@dataclass(frozen=True)
class ByLength(Method):
    """A third party's method: training segments of the query's length support it; preparing it is slow."""

    factor: float = 1.0
    name = "by length"
    cost = "none"
    stored = True

    def prepare(self, context):
        return LengthAttribution(context.training.segments, self.factor)

    def load(self, context, folder):
        return LengthAttribution(numpy.load(folder / "segments.npy"), self.factor)


class LengthAttribution(Attribution):
    def __init__(self, segments, factor):
        self.segments, self.factor = segments, factor

    def scores(self, queries):
        assert all(len(queries.docs[document]) >= end for document, _, end in queries.segments.tolist())
        mine, theirs = (numpy.diff(segments[:, 1:])[:, 0] for segments in (queries.segments, self.segments))
        return self.factor * numpy.where(mine[:, None] == theirs, 1.0, -1.0)

    def save(self, folder):
        numpy.save(folder / "segments.npy", self.segments)


@pytest.fixture(autouse=True)
def registered():
    registry.misc.register("third_party.ByLength.v1", func=lambda factor=1.0: ByLength(factor))


def with_method(path, name, **settings):
    """Load a pipeline with a method."""
    return spacy.load(path, config={"components": {"influence": {"method": {"@misc": name, **settings}}}})


def references(entry):
    return [(ref.doc_id, ref.start, ref.end, ref.effect) for ref in entry]


def test_a_third_party_method_explains(exact_path):
    nlp = with_method(exact_path, "third_party.ByLength.v1", factor=2.0)
    with pytest.warns(UserWarning, match="W006"):
        doc = nlp(TEXT)
    (name, club) = (ent for ent in doc.ents if len(ent) == 2)
    for ent in (name, club):
        assert ent._.influencers.supporting and ent._.influencers.opposing
        assert {ref.end - ref.start for ref in ent._.influencers.supporting} == {2}
        assert all(ref.end - ref.start != 2 for ref in ent._.influencers.opposing)
        assert {ref.effect for ref in ent._.influencers.supporting} == {2.0}
    places = [(ref.doc_id, ref.start) for ref in name._.influencers.supporting]
    segments = nlp.get_pipe("influence").index.segments
    first = [segments.reference(row) for row in range(len(segments))]
    ordered = sorted((segments.segment(row), first[row]) for row in range(len(segments)))
    expected = [(r["document"], r["start"]) for (_, s, e), r in ordered if e - s == 2][: len(places)]
    assert places == expected, "equal scores are ordered by document and token"
    assert doc._.seginf["method"] == "by length"
    assert "by length" in caveat(doc._.seginf)


def test_the_default_block_is_the_search_itself(exact_path):
    plain, named = spacy.load(exact_path), with_method(exact_path, "spacy_seginf.SegmentInfluence.v1")
    one, other = plain(TEXT), named(TEXT)
    assert [references(ent._.influencers) for ent in one.ents] == [references(ent._.influencers) for ent in other.ents]
    assert "method" not in other._.seginf


def test_dense_scores_are_those_of_the_search(indexed_path, monkeypatch):
    """In the paper's setting both rank by inner products of uncorrected gradients."""
    searched = spacy.load(indexed_path)(TEXT)
    monkeypatch.setattr(SegmentInfluence, "is_search", lambda method, curvature: False)
    scanned = with_method(indexed_path, "spacy_seginf.SegmentInfluence.v1")(TEXT)
    for token, other in zip(searched, scanned):
        mine, theirs = references(token._.influencers), references(other._.influencers)
        assert [ref[:3] for ref in mine] == [ref[:3] for ref in theirs]
        numpy.testing.assert_allclose([ref[3] for ref in mine], [ref[3] for ref in theirs], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("name", ["EmissionInfluence", "InstanceInfluence", "SegmentNN", "Random", "SegmentInfluence"])
def test_every_method_explains_the_same_in_any_batch(exact_path, name):
    settings = {"similarity": "cosine"} if name == "SegmentInfluence" else {}
    nlp = with_method(exact_path, f"spacy_seginf.{name}.v1", **settings)
    texts = [TEXT, "Brun met Ada Lind .", "", "Osted United lost ."]
    alone = [references(ent._.influencers) for text in texts for ent in nlp(text).ents]
    together = [references(ent._.influencers) for doc in nlp.pipe(texts, batch_size=3) for ent in doc.ents]
    assert alone and any(alone)
    assert [[ref[:3] for ref in entry] for entry in alone] == [[ref[:3] for ref in entry] for entry in together]
    for mine, theirs in zip(alone, together):
        numpy.testing.assert_allclose([ref[3] for ref in mine], [ref[3] for ref in theirs], rtol=1e-5)


def test_filters_hold_for_methods_too(exact_path):
    nlp = with_method(exact_path, "third_party.ByLength.v1")
    influence = nlp.get_pipe("influence")
    doc = nlp(TEXT)
    found = influence.explain(doc, doc.ents[0], where=Filter(labels=frozenset(["ORG"])))
    assert len(found)
    assert {ref.label for ref in found} == {"ORG"}


def test_the_context_is_the_corpus(exact_nlp, train_examples):
    influence = exact_nlp.get_pipe("influence")
    context = index_context(exact_nlp, "crf_tagger", influence.index, "entity")
    texts = [doc.text for doc in context.training.docs]
    assert texts == [example.reference.text for example in train_examples]
    assert [[t.text for t in doc] for doc in context.training.docs] == [
        [t.text for t in example.reference] for example in train_examples
    ]
    table = influence.index.segments
    assert context.training.segments.tolist() == [list(table.segment(row)) for row in range(len(table))]
    with pytest.raises(IndexError):
        context.training.docs[len(texts)]


def test_a_slow_method_is_stored_with_the_pipeline(unsure_nlp, corpus_path, tmp_path):
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("influence", config={"method": {"@misc": "third_party.ByLength.v1"}, "l2": 1.0})
    nlp.to_disk(tmp_path / "model")
    index(str(tmp_path / "model"), corpus_path, tmp_path / "indexed")
    stored = tmp_path / "indexed" / "influence" / "method" / "segments.npy"
    whole = numpy.load(stored)
    numpy.save(stored, whole[::-1].copy())  # so that it shows where the answer comes from
    loaded = spacy.load(tmp_path / "indexed")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded(TEXT)
    attribution = loaded.get_pipe("influence").method_explainer().attribution
    numpy.testing.assert_array_equal(attribution.segments, whole[::-1])
    loaded.to_disk(tmp_path / "copy")
    shutil.rmtree(tmp_path / "indexed")
    again = spacy.load(tmp_path / "copy")
    again(TEXT)
    numpy.testing.assert_array_equal(again.get_pipe("influence").method_explainer().attribution.segments, whole[::-1])
    spacy.load(tmp_path / "model").to_disk(tmp_path / "copy")
    assert not (tmp_path / "copy" / "influence" / "method").exists()


@pytest.mark.parametrize(
    ("settings", "keep", "code"), [({"checkpoints": "nowhere"}, 1.0, "S090"), ({}, 0.5, "S028"), ({}, None, None)]
)
def test_what_a_slow_method_needs_is_checked_before_building(
    unsure_nlp, corpus_path, tmp_path, monkeypatch, settings, keep, code
):
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("influence", config={"method": {"@misc": "spacy_seginf.TracInWE.v1", **settings}, "l2": 1.0})
    nlp.to_disk(tmp_path / "model")
    built = []
    original = command.compute_index
    monkeypatch.setattr(command, "compute_index", lambda *a, **k: built.append(1) or original(*a, **k))
    if code is None:
        index(str(tmp_path / "model"), corpus_path, tmp_path / "indexed", keep=keep)
        assert built and (tmp_path / "indexed" / "influence" / "method").is_dir()
        return
    with pytest.raises(ValueError, match=code):
        index(str(tmp_path / "model"), corpus_path, tmp_path / "indexed", keep=keep)
    assert not built


def test_the_config_keeps_the_method(exact_path, tmp_path):
    with_method(exact_path, "spacy_seginf.SegmentNN.v1", labels="same").to_disk(tmp_path / "copy")
    config = srsly.read_json(tmp_path / "copy" / "meta.json")
    assert config["pipeline"]
    method = spacy.load(tmp_path / "copy").get_pipe("influence").method
    assert (method.similarity, method.labels) == ("cosine", "same")


def test_another_method_at_runtime(exact_path):
    nlp = with_method(exact_path, "spacy_seginf.SegmentNN.v1")
    influence = nlp.get_pipe("influence")
    first = references(nlp(TEXT).ents[0]._.influencers)
    influence.method = registry.misc.get("spacy_seginf.Random.v1")()
    doc = nlp(TEXT)
    assert references(doc.ents[0]._.influencers) != first
    assert doc._.seginf["method"] == "random"
    influence.method = None
    assert "method" not in nlp(TEXT)._.seginf


def test_something_that_is_no_method_is_refused(exact_path):
    registry.misc.register("third_party.Nothing.v1", func=lambda: 3)
    with pytest.raises(ValueError, match="S097"):
        with_method(exact_path, "third_party.Nothing.v1")


def test_the_documented_method_of_ones_own(exact_path, capsys):
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    text = "Ada Lind visited Osted United ."
    code = code.replace('"training/tagger_indexed"', repr(str(exact_path)))
    code, asked = re.subn(r'nlp\("The .*"\)', f"nlp({text!r})", code)
    assert asked == 1
    exec(code, {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(spacy.load(exact_path)(text).ents) > 0
    assert any("('Ada Lind', 'PER', 2.0)" in line for line in lines)


def test_the_documented_names_are_registered():
    import_module("experiments.registered")  # methods of other packages
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf8")
    named = set(re.findall(r"^\| `(spacy_seginf\.\w+\.v1)`", page, flags=re.MULTILINE))
    ours = {name: found for name, found in registry.misc.get_all().items() if name.startswith("spacy_seginf.")}
    assert named == {name for name, found in ours.items() if isinstance(found, type) and issubclass(found, Method)}

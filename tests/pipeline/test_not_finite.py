"""NaN and infinity in weights or features stop whatever would compute with them, by name."""

import numpy
import pytest
import spacy

from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.attach import attach_index as attach
from spacy_seginf.api.index import build_index as index
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.fit import fit_head
from spacy_seginf.influence.head import Head
from spacy_seginf.settings import IndexSettings

from ..conftest import copy_pipeline

TEXT = "Ada Lind visited Tarnby ."


def spoil(nlp, where, value):
    """Put a value into one weight of the encoder (of one word, or all) or of the head."""
    tagger = nlp.get_pipe("crf_tagger")
    model = tagger.model.get_ref("output_layer" if where == "head" else "tok2vec")
    for node in model.walk():
        names = ("T",) if where == "head" else ("E",)
        for name in names:
            if node.has_param(name):
                changed = node.get_param(name).copy()
                changed[0] = value
                if where == "encoder":
                    changed[:] = value
                node.set_param(name, changed)
                return nlp
    raise AssertionError("nothing to spoil")


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
@pytest.mark.parametrize("where,code", [("encoder", "S014"), ("head", "S015")])
def test_texts_are_not_tagged(tagger_nlp, where, code, value):
    nlp = spoil(copy_pipeline(tagger_nlp), where, value)
    with pytest.raises(ValueError, match=rf"{code}.*'crf_tagger'"):
        nlp(TEXT)
    if where == "encoder":
        with pytest.raises(ValueError, match=r"first for token 'Ada' \(token 0\).*Text: 'Ada Lind visited Tarnby \.'"):
            nlp(TEXT)


@pytest.mark.parametrize("where,code", [("encoder", "S014"), ("head", "S015")])
@pytest.mark.parametrize("curvature", ["identity", "exact"])
def test_nothing_is_indexed(tagger_nlp, corpus_path, tmp_path, where, code, curvature):
    spoil(copy_pipeline(tagger_nlp), where, numpy.nan).to_disk(tmp_path / "model")
    with pytest.raises(ValueError, match=code):
        index(str(tmp_path / "model"), corpus_path, tmp_path / "out", curvature=curvature, refit=False, l2=1.0)
    assert not (tmp_path / "out").exists()


def test_nothing_is_explained_or_appended(tagger_nlp, corpus_path, tmp_path):
    tagger_nlp.to_disk(tmp_path / "model")
    index(str(tmp_path / "model"), corpus_path, tmp_path / "indexed", l2=1.0)
    nlp = spacy.load(tmp_path / "indexed")
    doc = nlp(TEXT)
    spoil(nlp, "encoder", numpy.nan)
    influence = nlp.get_pipe("influence")
    for ask in (lambda: influence.explain(doc, doc[0]), lambda: influence.best_changes(doc, doc[0], "LOC")):
        with pytest.raises(ValueError, match=r"S014|S025"):
            ask()
    nlp.to_disk(tmp_path / "spoilt")
    with pytest.raises(ValueError, match=r"S014|S025"):
        append(tmp_path / "spoilt", corpus_path, tmp_path / "more")


def test_nothing_is_attached(train_examples, corpus_path, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    optimizer = nlp.initialize(lambda: train_examples)
    nlp.update(train_examples, sgd=optimizer)
    for node in nlp.get_pipe("ner").model.get_ref("tok2vec").walk():
        if node.has_param("E"):
            node.set_param("E", node.get_param("E") * numpy.nan)
    nlp.to_disk(tmp_path / "ner")
    with pytest.raises(ValueError, match="S014"):
        attach(str(tmp_path / "ner"), corpus_path, tmp_path / "attached")


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
def test_settings_are_finite(value):
    for setting in ("l2", "keep", "tolerance"):
        with pytest.raises(ValueError, match=f"S028.*{setting}"):
            IndexSettings(**{setting: value})
    data = HeadData(numpy.zeros((2, 1), dtype="float32"), numpy.eye(2, dtype=bool), [2])
    with pytest.raises(ValueError, match="S050"):
        fit_head(data, Head.zeros(data), value)

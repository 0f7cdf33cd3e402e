"""The words behind a reference, through the component."""

from __future__ import annotations

import pytest
import spacy

from spacy_seginf.api.index import build_index as index

TEXT = "Ada Lind visited Osted United on Monday ."


@pytest.fixture(scope="module")
def indexed(unsure_nlp, corpus_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    unsure_nlp.to_disk(folder / "model")
    index(str(folder / "model"), corpus_path, folder / "indexed", l2=1.0)
    return folder / "indexed"


def with_method(path, name, **settings):
    return spacy.load(path, config={"components": {"influence": {"method": {"@misc": name, **settings}}}})


@pytest.mark.filterwarnings("ignore:.*W006")
def test_contributions_add_up_to_the_score(indexed):
    nlp = with_method(indexed, "spacy_seginf.TracInWE.v1", dtype="float32", bytes_per_segment=None)
    influence = nlp.get_pipe("influence")
    doc = nlp(TEXT)
    checked = 0
    for ent in doc.ents:
        for reference in ent._.influencers:
            words = influence.words_behind(doc, ent, reference)
            assert sum(value for _, value in words) == pytest.approx(reference.score, rel=1e-4, abs=1e-9)
            checked += bool(words)
    assert checked >= 3


def test_methods_without_words_say_so(indexed):
    for nlp in (spacy.load(indexed), with_method(indexed, "spacy_seginf.SegmentNN.v1")):
        doc = nlp(TEXT)
        ent = doc.ents[0]
        with pytest.raises(ValueError, match="S113"):
            nlp.get_pipe("influence").words_behind(doc, ent, ent._.influencers.supporting[0])

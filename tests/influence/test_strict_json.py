"""What is stored on documents is JSON that every program reads: nothing but finite numbers, and null."""

from __future__ import annotations

import json

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.files import json_text

TEXTS = ["Mira Solano left Harrow Bank in Osted .", "It rained .", ""]


def strict(value):
    """Write JSON as its standard has it, and read it back."""
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.mark.parametrize("path", ["exact_path", "indexed_path"])
@pytest.mark.parametrize("settings", [{}, {"explain": "entities"}, {"unit": "token", "explain": "entities"}], ids=str)
@pytest.mark.parametrize("method", [None, SegmentNN()], ids=["search", "method"])
def test_stored_explanations(request, path, settings, method):
    nlp = spacy.load(request.getfixturevalue(path), config={"components": {"influence": settings}})
    nlp.get_pipe("influence").method = method
    for text in TEXTS:
        doc = nlp(text)
        assert strict(doc.to_json(underscore=["seginf"]))["_"]["seginf"] == strict(doc._.seginf)
        arrived = [Doc(nlp.vocab).from_bytes(doc.to_bytes())]
        arrived += DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
        for other in arrived:
            assert strict(other._.seginf) == strict(doc._.seginf)
            asked = [entry.probability is not None for entry in other._.influencers]
            assert all(asked) or settings
            assert asked == [entry.probability is not None for entry in doc._.influencers]
        for entry in doc._.influencers:
            assert bool(entry.unexplained) == (entry.probability is None)
            assert "nan" not in repr(entry) and "nan" not in entry._repr_html_()


def test_files():
    """What is written to files too."""
    values = {"a": float("nan"), "b": [1.5, float("inf"), (float("-inf"), "x")], "c": None, "d": True, "e": 3}
    assert json.loads(json_text(values), parse_constant=pytest.fail) == {
        "a": None,
        "b": [1.5, None, [None, "x"]],
        "c": None,
        "d": True,
        "e": 3,
    }
    assert json_text({"a": 1}, 2) == '{\n  "a": 1\n}'

"""Pipelines whose files are damaged are named, with what is wrong."""

from __future__ import annotations

import json
import shutil

import pytest

from spacy_seginf.explanation.loading import load_pipeline


@pytest.fixture(scope="module")
def saved(tagger_nlp, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    tagger_nlp.to_disk(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def refused(folder, codes):
    with pytest.raises(ValueError, match=rf"\[(?:{codes})\]") as caught:
        load_pipeline(str(folder))
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["config.cfg", "meta.json", "crf_tagger/model", "crf_tagger/cfg", "vocab/strings.json"]
)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"{", b"[[[["])
def test_damaged_files(folder, name, content):
    (folder / name).write_bytes(content)
    try:
        load_pipeline(str(folder))
    except ValueError as error:
        assert str(error).startswith(("[S248]", "[S249]", "[S040]"))


def changed(folder, **values):
    path = folder / "crf_tagger" / "cfg"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize("scheme", ["BILUO", "IO"])
def test_a_scheme_that_the_weights_contradict(folder, scheme):
    changed(folder, scheme=scheme)
    assert "crf_tagger" in refused(folder, "S249")


@pytest.mark.parametrize(
    "values", [{"scheme": None}, {"scheme": "X"}, {"labels": None}, {"labels": ["A", 3]}, {"labels": []}]
)
def test_labels_and_schemes_that_are_none(folder, values):
    changed(folder, **values)
    refused(folder, "S001|S002|S249")

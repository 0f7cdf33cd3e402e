"""Pipelines with an index on disk, as bytes and as pickles."""

from __future__ import annotations

import pickle
import shutil

import pytest
import spacy

TEXT = "Ada Lind visited Osted United on Monday ."


def answer(nlp):
    """What the pipeline says of a text."""
    doc = nlp(TEXT)
    return [
        (entry.label, [(ref.doc_id, ref.start, ref.effect) for ref in entry])
        for entry in [*doc._.influencers, *(ent._.influencers for ent in doc.ents)]
    ]


@pytest.fixture(params=["indexed_path", "exact_path"], ids=["paper", "exact"])
def original(request):
    """The indexed pipeline in the paper's mode, and with default settings."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def path(original, tmp_path):
    """A copy of the indexed pipeline that a test may destroy."""
    return shutil.copytree(original, tmp_path / "pipeline")


@pytest.fixture
def expected(original):
    return answer(spacy.load(original))


def test_to_the_folder_it_was_loaded_from(path, expected):
    nlp = spacy.load(path)
    nlp.to_disk(path)
    assert answer(nlp) == expected
    assert answer(spacy.load(path)) == expected
    assert [file.name for file in (path / "influence").iterdir()] == ["index"]


def test_to_another_folder_when_the_first_is_removed(path, expected, tmp_path):
    nlp = spacy.load(path)
    nlp.to_disk(tmp_path / "copy")
    shutil.rmtree(path)
    assert answer(spacy.load(tmp_path / "copy")) == expected
    assert answer(nlp) == expected, "open memory maps outlive their files"
    assert [file.name for file in (tmp_path / "copy" / "influence").iterdir()] == ["index"]


def test_a_moved_folder(path, expected, tmp_path):
    path.rename(tmp_path / "moved")
    assert answer(spacy.load(tmp_path / "moved")) == expected


def test_over_a_folder_with_another_index(path, expected, tmp_path):
    other = tmp_path / "other"
    stale = other / "influence" / "index"
    stale.mkdir(parents=True)
    (stale / "stale.npy").write_bytes(b"x")
    spacy.load(path).to_disk(other)
    assert answer(spacy.load(other)) == expected
    assert not (stale / "stale.npy").exists()
    assert [file.name for file in (other / "influence").iterdir()] == ["index"]


def test_without_an_index_a_stale_one_is_removed(path):
    nlp = spacy.load(path)
    nlp.get_pipe("influence").unload_index()
    nlp.to_disk(path)
    assert not (path / "influence" / "index").exists()
    loaded = spacy.load(path)
    with pytest.warns(UserWarning, match=r"\[W001\]"):
        doc = loaded(TEXT)
    with pytest.raises(ValueError, match=r"\[S020\]"):
        _ = doc._.influencers


def test_a_damaged_index_is_refused_when_loading(path):
    file = path / "influence" / "index" / "shard-00000" / "features.npy"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"\[S032\].*features.npy"):
        spacy.load(path)
    assert spacy.load(path, exclude=["influence"])(TEXT).ents


def test_pickle_and_bytes_carry_the_path_only(path, expected):
    nlp = spacy.load(path)
    fresh = pickle.dumps(nlp)
    assert answer(pickle.loads(fresh)) == expected
    assert answer(nlp) == expected
    used = pickle.dumps(nlp)
    assert answer(pickle.loads(used)) == expected
    features = (path / "influence" / "index" / "shard-00000" / "features.npy").read_bytes()[-4000:]
    for data in (fresh, used, nlp.to_bytes()):
        assert features not in data
        assert b"Tarnby Rovers" not in data


def test_bytes(path, expected):
    nlp = spacy.load(path)
    copy = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert answer(copy) == expected


def test_bytes_of_a_pipeline_without_an_index(unsure_nlp):
    nlp = spacy.blank("en").from_config(unsure_nlp.config).from_bytes(unsure_nlp.to_bytes())
    nlp.add_pipe("influence")
    copy = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert copy.get_pipe("influence").index is None


def test_bytes_whose_index_is_gone(path):
    nlp = spacy.load(path)
    data, config = nlp.to_bytes(), nlp.config
    shutil.rmtree(path)
    with pytest.raises(ValueError, match=r"\[S030\]"):
        spacy.blank("en").from_config(config).from_bytes(data)


def test_a_pipeline_without_its_tagger(path):
    nlp = spacy.load(path, exclude=["crf_tagger"])
    with pytest.raises(ValueError, match=r"\[S023\]"):
        nlp(TEXT)

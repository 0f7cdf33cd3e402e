"""The index on disk: what is written is read back, and what is broken is named."""

from __future__ import annotations

import json
import shutil

import numpy
import pytest

from spacy_seginf.influence import index as indexing
from spacy_seginf.influence.factors import squared_norms
from spacy_seginf.influence.index import Index, IndexWriter, Manifest, Source

from .rows import explicit_gradients, random_factors

# Astral letters, a combining mark, a right-to-left word, a lone surrogate, control characters.
STRANGE = [
    "\U0001d518\U0001d52b\U0001d526 code",
    "e\u0301lan vital",
    "שלום oslo",
    "half \ud83d pair",
    "nul\x00 bell\x07",
]
TAGS = ["O", "B-PER", "I-PER"]


def new_manifest(**settings):
    values = {"tagger": "crf_tagger", "scheme": "BIO", "tags": TAGS, "curvature": "identity"}
    return Manifest(**{**values, "head_fingerprint": "h", "encoder_fingerprint": "e", **settings})


def offsets_of(text):
    offsets, start = [], 0
    for word in text.split(" "):
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets if text else []


def write(folder, texts, *, ids=None, known=None, seed=0, manifest=None):
    """Write texts (tokens between spaces) with random gradients; return those in document order, and the labels."""
    generator = numpy.random.default_rng(seed)
    documents = []
    with IndexWriter(folder, manifest or new_manifest()) as writer:
        for number, text in enumerate(texts):
            offsets = offsets_of(text)
            factors = random_factors(generator, len(offsets), len(TAGS), 4)
            labels = generator.integers(0, len(TAGS), size=len(offsets))
            rows = numpy.ones(len(offsets), dtype=bool) if known is None else known[number]
            source = Source(f"doc-{number}" if ids is None else ids[number], text)
            writer.add(source, offsets, factors, labels, rows)
            documents.append((offsets, factors, labels))
        writer.finish()
    return documents


@pytest.fixture
def written(tmp_path):
    texts = ["Ada met Bo .", "", "It rained all night in Tarnby .", "Bo left ."]
    return tmp_path, texts, write(tmp_path, texts)


def test_values_come_back(written):
    folder, texts, documents = written
    index = Index(folder)
    assert len(index) == index.manifest.rows == index.manifest.tokens == 14
    assert (index.manifest.documents, index.manifest.width, index.manifest.tags) == (4, 4, TAGS)
    places = [index.place(row) for row in range(len(index))]
    assert sorted(places) == [(f"doc-{d}", t) for d, text in enumerate(texts) for t in range(len(offsets_of(text)))]
    factors = index.factors(slice(None))
    for row, (identifier, token) in enumerate(places):
        _, original, labels = documents[int(identifier[4:])]
        numpy.testing.assert_array_equal(factors.features[row], original.features[token])
        numpy.testing.assert_array_equal(factors.residuals[row], original.residuals[token])
        assert factors.previous[row] == original.previous[token]
        assert factors.following[row] == original.following[token]
        assert index.reference(row)["label"] == TAGS[labels[token]]
        assert index.reference(row)["text"] == texts[int(identifier[4:])].split(" ")[token]


def test_rows_are_ordered_by_falling_norm(written):
    index = Index(written[0])
    exact = numpy.linalg.norm(explicit_gradients(index.factors(slice(None))), axis=1)
    assert (numpy.diff(index.norms) <= 0).all()
    assert (numpy.diff(exact) <= 0).all()
    assert (index.norms >= exact).all(), "a bound below the norm that it bounds would end searches too early"
    numpy.testing.assert_allclose(index.norms, exact, rtol=1e-6)


def test_a_range_of_rows(written):
    index = Index(written[0])
    part, whole = index.factors(slice(3, 8)), index.factors(slice(None))
    numpy.testing.assert_array_equal(part.residuals, whole.residuals[3:8])
    numpy.testing.assert_array_equal(part.previous, whole.previous[3:8])
    numpy.testing.assert_allclose(squared_norms(part), squared_norms(whole)[3:8])


def test_reference_is_plain_values(written):
    index = Index(written[0])
    row = next(row for row in range(len(index)) if index.place(row) == ("doc-2", 5))
    reference = index.reference(row, context=4)
    label = TAGS[written[2][2][2][5]]
    assert reference == {
        "text": "Tarnby",
        "label": label,
        "document": "doc-2",
        "start": 5,
        "end": 6,
        "context": " in Tarnby .",
        "offset": 4,
    }
    assert {type(value) for value in reference.values()} == {str, int}
    assert index.reference(row, context=0)["context"] == "Tarnby"
    assert index.reference(row, context=1000)["context"] == "It rained all night in Tarnby ."


def test_missing_labels_are_no_rows_but_keep_their_place(tmp_path):
    known = [numpy.array([True, False, True]), numpy.array([False, False]), numpy.array([False, True])]
    write(tmp_path, ["a b c", "d e", "f g"], known=known)
    index = Index(tmp_path)
    assert sorted(index.place(row) for row in range(len(index))) == [("doc-0", 0), ("doc-0", 2), ("doc-2", 1)]
    assert sorted(index.reference(row)["text"] for row in range(len(index))) == ["a", "c", "g"]
    assert (index.manifest.rows, index.manifest.tokens, index.manifest.documents) == (3, 7, 3)


def test_strange_texts_and_ids(tmp_path):
    write(tmp_path, STRANGE, ids=STRANGE[::-1])
    index = Index(tmp_path)
    seen = set()
    for row in range(len(index)):
        identifier, token = index.place(row)
        text = STRANGE[STRANGE[::-1].index(identifier)]
        reference = index.reference(row, context=100)
        assert reference["text"] == text.split(" ")[token]
        assert reference["context"] == text
        assert text[reference["offset"] :].startswith(reference["text"])
        seen.add((identifier, token))
    assert len(seen) == sum(len(text.split(" ")) for text in STRANGE)


def test_more_rows_than_are_sorted_at_a_time(tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    texts = ["a b c d e", "f g h", "i j k l"]
    write(whole, texts)
    monkeypatch.setattr(indexing, "SORT_CHUNK", 5)
    write(parts, texts)
    for path in whole.iterdir():
        assert (parts / path.name).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in parts.iterdir()) == sorted(path.name for path in whole.iterdir())


def test_nothing_but_the_index_stays_in_the_folder(written):
    listed = {*json.loads((written[0] / "manifest.json").read_text())["files"], "manifest.json"}
    assert {path.name for path in written[0].iterdir()} == listed


def test_a_build_that_fails_leaves_no_manifest(tmp_path):
    factors = random_factors(numpy.random.default_rng(0), 1, 3, 4)
    with pytest.raises(KeyboardInterrupt), IndexWriter(tmp_path, new_manifest()) as writer:
        writer.add(Source("a", "b"), [(0, 1)], factors, numpy.array([0]), numpy.array([True]))
        raise KeyboardInterrupt
    assert not (tmp_path / "manifest.json").exists()
    with pytest.raises(ValueError, match=r"\[S030\].*manifest.json is missing"):
        Index(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match=r"\[S030\]"):
        Index(tmp_path / "nowhere")


NAMES = ("features", "residuals", "labels", "positions", "norms", "token_starts", "token_offsets", "texts", "ids")
FILES = [*(f"{name}.npy" for name in NAMES), "texts.utf8", "ids.utf8"]


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(written, name):
    (written[0] / name).unlink()
    with pytest.raises(ValueError, match=rf"\[S030\].*{name} is missing"):
        Index(written[0])


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file(written, name):
    path = written[0] / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=rf"\[S032\].*{name}.*bytes instead of"):
        Index(written[0])


@pytest.mark.parametrize("name", [f"{name}.npy" for name in NAMES])
def test_a_file_whose_beginning_was_overwritten(written, name):
    path = written[0] / name
    path.write_bytes(b"\0" * 64 + path.read_bytes()[64:])
    with pytest.raises(ValueError, match=rf"\[S032\].*{name}"):
        Index(written[0])


def rewrite_manifest(folder, **changes):
    path = folder / "manifest.json"
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


@pytest.mark.parametrize(
    "version,advice", [(2, "Install a newer version"), (0, "Build the index again"), ("old", "Build"), (None, "Build")]
)
def test_another_format_version(written, version, advice):
    rewrite_manifest(written[0], format_version=version)
    with pytest.raises(ValueError, match=rf"\[S031\].*reads 1.*{advice}"):
        Index(written[0])


def test_a_newer_version_may_have_other_keys(written):
    rewrite_manifest(written[0], format_version=7, shards=3, tags=None)
    with pytest.raises(ValueError, match=r"\[S031\].*version 7"):
        Index(written[0])


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"tags": ['])
def test_a_manifest_that_is_not_json(written, content):
    (written[0] / "manifest.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"\[S032\].*manifest.json"):
        Index(written[0])


@pytest.mark.parametrize("content", ["[]", "3", "null", '"manifest"'])
def test_a_manifest_that_is_no_object(written, content):
    (written[0] / "manifest.json").write_text(content)
    with pytest.raises(ValueError, match=r"\[S03[12]\]"):
        Index(written[0])


@pytest.mark.parametrize("changes", [{"colour": "blue"}, {"tags": None}, {"tagger": None}, {"files": ["ids.npy"]}])
def test_a_manifest_with_wrong_keys(written, changes):
    rewrite_manifest(written[0], **changes)
    with pytest.raises(ValueError, match=r"\[S032\].*manifest.json"):
        Index(written[0])


def test_an_open_index_survives_the_removal_of_its_folder(written):
    index = Index(written[0])
    before = [index.reference(row) for row in range(len(index))]
    shutil.rmtree(written[0])
    assert [index.reference(row) for row in range(len(index))] == before

"""The index on disk: what is written is read back, and what is broken is named."""

from __future__ import annotations

import json
import shutil
from typing import NamedTuple

import numpy
import pytest

from spacy_seginf.index.index import (
    ARRAYS,
    FORMAT_VERSION,
    Index,
    IndexWriter,
    Manifest,
    SegmentRows,
    Source,
    TokenRows,
)
from spacy_seginf.influence import index as indexing
from spacy_seginf.influence.curvature import ExactCurvature, IdentityCurvature, KroneckerCurvature
from spacy_seginf.influence.factors import TokenFactors, squared_norms
from spacy_seginf.influence.segments import SegmentFactors

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
WIDTH = 5
PARAMETERS = len(TAGS) * WIDTH + len(TAGS) ** 2


class Written(NamedTuple):
    """What was written: offsets, factors and labels of each document, and the segments."""

    documents: list
    segments: SegmentRows


def new_manifest(**settings):
    values = {"tagger": "crf_tagger", "scheme": "BIO", "tags": TAGS, "curvature": "exact"}
    return Manifest(**{**values, "head_fingerprint": "h", "encoder_fingerprint": "e", **settings})


def offsets_of(text):
    offsets, start = [], 0
    for word in text.split(" "):
        offsets.append((start, start + len(word)))
        start += len(word) + 1
    return offsets if text else []


def neighbours_of(labels):
    """Labels of each token's left neighbour, of itself, and of its right one."""
    padded = numpy.concatenate([[-1], labels, [-1]])
    return numpy.stack([padded[:-2], padded[1:-1], padded[2:]], axis=1)


def random_metric(generator):
    root = generator.normal(size=(PARAMETERS, PARAMETERS))
    return ExactCurvature(root @ root.T, len(TAGS), WIDTH)


def write(folder, texts, *, ids=None, known=None, seed=0, manifest=None):
    """Write texts (tokens between spaces) with random gradients; return those in document order, and the labels.

    The first two tokens of each text are a segment too, which could be a missing entity in every other text.
    """
    generator = numpy.random.default_rng(seed)
    documents, found = [], []
    with IndexWriter(folder, manifest or new_manifest()) as writer:
        for number, text in enumerate(texts):
            offsets = offsets_of(text)
            labels = generator.integers(0, len(TAGS), size=len(offsets))
            drawn = random_factors(generator, len(offsets), len(TAGS), WIDTH - 1)
            triples = neighbours_of(labels)
            factors = TokenFactors(drawn.features, drawn.residuals, triples[:, 0], triples[:, 2])
            allowed = labels[:, None] == numpy.arange(len(TAGS))
            if known is not None:
                allowed[~known[number]] = True
            source = Source(f"doc-{number}" if ids is None else ids[number], text)
            writer.add(source, offsets, factors.features, allowed)
            documents.append((offsets, factors, triples))
            if len(offsets) > 1:
                found.append((number, 0, 2, 0 if number % 2 else 1, 1 if number % 2 else -1))
        residuals = numpy.concatenate([factors.residuals for _, factors, _ in documents])
        norms = numpy.concatenate([numpy.sqrt(squared_norms(factors)) for _, factors, _ in documents])
        measures = generator.random((2, len(norms)))
        tokens = TokenRows(numpy.concatenate([d[2] for d in documents]), residuals, norms, *measures, measures[0])
        table = numpy.array(found, dtype=int).reshape(-1, 5)
        features = numpy.concatenate(
            [numpy.zeros((0, WIDTH - 1)), *(documents[row[0]][1].features[:2] for row in found)]
        )
        pieces = generator.normal(size=(len(features), len(TAGS))), generator.normal(size=(len(table), 3, 3))
        segments = SegmentFactors(features, *pieces, numpy.full(len(table), 2))
        lengths = numpy.linalg.norm(segments.gradients(), axis=1)
        rows = SegmentRows(segments, table[:, :3], table[:, 3:], lengths, *generator.random((2, len(table))))
        writer.finish(tokens, rows, generator.normal(size=PARAMETERS), random_metric(generator))
    return Written(documents, rows)


@pytest.fixture
def written(tmp_path):
    texts = ["Ada met Bo .", "", "It rained all night in Tarnby .", "Bo left ."]
    return tmp_path, texts, write(tmp_path, texts)


def test_values_come_back(written):
    folder, texts, (documents, _) = written
    index = Index(folder)
    assert len(index.tokens) == index.manifest.rows == index.manifest.tokens == 14
    assert (index.manifest.documents, index.manifest.width, index.manifest.tags) == (4, 4, TAGS)
    places = [index.tokens.place(row) for row in range(len(index.tokens))]
    assert sorted(places) == [(f"doc-{d}", t) for d, text in enumerate(texts) for t in range(len(offsets_of(text)))]
    factors = index.tokens.factors(slice(None))
    for row, (identifier, token) in enumerate(places):
        _, original, labels = documents[int(identifier[4:])]
        numpy.testing.assert_array_equal(factors.features[row], original.features[token])
        numpy.testing.assert_array_equal(factors.residuals[row], original.residuals[token])
        assert factors.previous[row] == original.previous[token]
        assert factors.following[row] == original.following[token]
        assert index.tokens.labels[row].tolist() == labels[token].tolist()
        assert index.tokens.reference(row)["label"] == TAGS[labels[token, 1]]
        assert index.tokens.reference(row)["text"] == texts[int(identifier[4:])].split(" ")[token]


def test_rows_are_ordered_by_falling_norm(written):
    index = Index(written[0])
    exact = numpy.linalg.norm(explicit_gradients(index.tokens.factors(slice(None))), axis=1)
    assert (numpy.diff(index.tokens.norms) <= 0).all()
    assert (numpy.diff(exact) <= 0).all()
    assert (index.tokens.norms >= exact).all(), "a bound below the norm that it bounds would end searches too early"
    numpy.testing.assert_allclose(index.tokens.norms, exact, rtol=1e-6)


def test_a_range_of_rows(written):
    index = Index(written[0])
    part, whole = index.tokens.factors(slice(3, 8)), index.tokens.factors(slice(None))
    numpy.testing.assert_array_equal(part.residuals, whole.residuals[3:8])
    numpy.testing.assert_array_equal(part.previous, whole.previous[3:8])
    numpy.testing.assert_allclose(squared_norms(part), squared_norms(whole)[3:8])


def test_reference_is_plain_values(written):
    index = Index(written[0])
    row = next(row for row in range(len(index.tokens)) if index.tokens.place(row) == ("doc-2", 5))
    reference = index.tokens.reference(row, context=4)
    label = TAGS[written[2].documents[2][2][5, 1]]
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
    assert index.tokens.reference(row, context=0)["context"] == "Tarnby"
    assert index.tokens.reference(row, context=1000)["context"] == "It rained all night in Tarnby ."


def test_documents_come_back_in_their_order(written):
    folder, _, (documents, _) = written
    index = Index(folder)
    numpy.testing.assert_array_equal(index.labels, numpy.concatenate([labels[:, 1] for _, _, labels in documents]))
    data = index.data
    assert list(data.lengths) == [len(offsets) for offsets, _, _ in documents]
    numpy.testing.assert_array_equal(data.features, numpy.concatenate([f.features for _, f, _ in documents]))
    numpy.testing.assert_array_equal(data.allowed, index.labels[:, None] == numpy.arange(len(TAGS)))


def test_segments_come_back(written):
    folder, texts, (_, rows) = written
    table = Index(folder).segments
    assert len(table) == len(rows.norms) == 3
    exact = numpy.linalg.norm(table.gradients(numpy.arange(3)), axis=1)
    assert (numpy.diff(table.norms) <= 0).all()
    numpy.testing.assert_allclose(table.norms, exact, rtol=1e-6)
    for row in range(3):
        (number,) = numpy.flatnonzero(rows.positions[:, 0] == table.segment(row)[0])
        original = rows.factors[[number]].gradients()
        numpy.testing.assert_allclose(table.factors(slice(row, row + 1)).gradients(), original, rtol=1e-5, atol=1e-6)
        assert table.segment(row) == tuple(rows.positions[number])
        for name in ("self_influence", "leverage"):
            numpy.testing.assert_allclose(getattr(table, name)[row], getattr(rows, name)[number], rtol=1e-6)
        reference = table.reference(row)
        document = int(rows.positions[number, 0])
        assert reference["text"] == " ".join(texts[document].split(" ")[:2])
        assert (reference["document"], reference["start"], reference["end"]) == (f"doc-{document}", 0, 2)
        assert (reference["label"], reference.get("missing")) == (("O", "PER") if document % 2 else ("PER", None))


@pytest.mark.parametrize("curvature", ["exact", "kfac", "identity"])
def test_the_metric_comes_back(tmp_path, monkeypatch, curvature):
    generator = numpy.random.default_rng(1)
    metric = {
        "exact": random_metric(generator),
        "identity": IdentityCurvature(3, WIDTH),
        "kfac": KroneckerCurvature(
            generator.normal(size=(3, 3)),
            generator.random(3),
            generator.normal(size=(WIDTH, WIDTH)),
            generator.random(WIDTH),
            generator.normal(size=(9, 9)),
            0.5,
        ),
    }[curvature]
    monkeypatch.setattr("tests.influence.test_index.random_metric", lambda _: metric)
    write(tmp_path, ["a b"], manifest=new_manifest(curvature=curvature))
    vectors = generator.normal(size=(4, PARAMETERS))
    found = Index(tmp_path).metric
    assert type(found) is type(metric)
    numpy.testing.assert_array_equal(found.apply(vectors), metric.apply(vectors))


def test_missing_labels_are_no_rows_but_keep_their_place(tmp_path):
    known = [numpy.array([True, False, True]), numpy.array([False, False]), numpy.array([False, True])]
    write(tmp_path, ["a b c", "d e", "f g"], known=known)
    index = Index(tmp_path)
    assert sorted(index.tokens.place(row) for row in range(len(index.tokens))) == [
        ("doc-0", 0),
        ("doc-0", 2),
        ("doc-2", 1),
    ]
    assert sorted(index.tokens.reference(row)["text"] for row in range(len(index.tokens))) == ["a", "c", "g"]
    assert (index.manifest.rows, index.manifest.tokens, index.manifest.documents) == (3, 7, 3)


def test_strange_texts_and_ids(tmp_path):
    write(tmp_path, STRANGE, ids=STRANGE[::-1])
    index = Index(tmp_path)
    seen = set()
    for row in range(len(index.tokens)):
        identifier, token = index.tokens.place(row)
        text = STRANGE[STRANGE[::-1].index(identifier)]
        reference = index.tokens.reference(row, context=100)
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
    with pytest.raises(KeyboardInterrupt), IndexWriter(tmp_path, new_manifest()) as writer:
        writer.add(Source("a", "b"), [(0, 1)], numpy.ones((1, 4)), numpy.eye(3, dtype=bool)[:1])
        raise KeyboardInterrupt
    assert not (tmp_path / "manifest.json").exists()
    with pytest.raises(ValueError, match=r"\[S030\].*manifest.json is missing"):
        Index(tmp_path)


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match=r"\[S030\]"):
        Index(tmp_path / "nowhere")


NAMES = (*ARRAYS, "metric_inverse", "texts", "ids")
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
    "version,advice",
    [
        (3, "Install a newer version"),
        (1, "Build the index again"),
        (0, "Build the index again"),
        ("old", "Build"),
        (None, "Build"),
    ],
)
def test_another_format_version(written, version, advice):
    rewrite_manifest(written[0], format_version=version)
    with pytest.raises(ValueError, match=rf"\[S031\].*reads {FORMAT_VERSION}.*{advice}"):
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
    everything = [(index.tokens, len(index.tokens)), (index.segments, len(index.segments))]
    before = [table.reference(row) for table, count in everything for row in range(count)]
    metric = Index(written[0]).metric.inverse.copy()
    shutil.rmtree(written[0])
    assert [table.reference(row) for table, count in everything for row in range(count)] == before
    numpy.testing.assert_array_equal(index.metric.inverse, metric)

"""The index on disk: what is written is read back, and what is broken is named."""

from __future__ import annotations

import json
import pickle

import numpy
import pytest

from spacy_seginf.index import writing
from spacy_seginf.index.index import Index
from spacy_seginf.index.manifest import MANIFEST
from spacy_seginf.index.shards import SEAL
from spacy_seginf.influence.curvature import IdentityCurvature, KroneckerCurvature
from spacy_seginf.influence.factors import squared_norms

from ..influence.rows import explicit_gradients
from .writing import PARAMETERS, STRANGE, TAGS, TEXTS, WIDTH, new_manifest, offsets_of, random_metric, write


@pytest.fixture(params=[None, 2, 1], ids=["one shard", "two shards", "a shard each"])
def written(request, tmp_path):
    """A folder with an index, and what was written. The empty text is in no shard of its own."""
    texts = TEXTS if request.param != 1 else [text for text in TEXTS if text]
    return tmp_path / "index", texts, write(tmp_path / "index", texts, by_shard=request.param)


def all_labels(index):
    return numpy.concatenate([part.labels[: len(part)] for part in index.tokens.parts])


def test_values_come_back(written):
    folder, texts, (documents, segments) = written
    index = Index(folder)
    assert len(index.tokens) == index.manifest.rows == index.manifest.tokens == 14
    assert (index.manifest.documents, index.manifest.width, index.manifest.tags) == (len(texts), 4, TAGS)
    assert len(index.manifest.shards) == len(segments) == len(index.tokens.parts)
    places = [index.tokens.place(row) for row in range(len(index.tokens))]
    assert sorted(places) == [(f"doc-{d}", t) for d, text in enumerate(texts) for t in range(len(offsets_of(text)))]
    factors = index.tokens.factors(slice(None))
    for row, (identifier, token) in enumerate(places):
        _, original, labels = documents[int(identifier[4:])]
        numpy.testing.assert_array_equal(factors.features[row], original.features[token])
        numpy.testing.assert_array_equal(factors.residuals[row], original.residuals[token])
        assert factors.previous[row] == original.previous[token]
        assert factors.following[row] == original.following[token]
        assert all_labels(index)[row].tolist() == labels[token].tolist()
        assert index.tokens.reference(row)["label"] == TAGS[labels[token, 1]]
        assert index.tokens.reference(row)["text"] == texts[int(identifier[4:])].split(" ")[token]


def test_equals_are_ordered_by_their_place_in_the_corpus(written):
    folder, texts, _ = written
    index = Index(folder)
    starts = numpy.cumsum([0, *(len(offsets_of(text)) for text in texts)])
    for table in (index.tokens, index.segments):
        rows = numpy.random.default_rng(3).permutation(len(table))
        expected = [starts[document] + start for document, start, _ in map(table.segment, rows.tolist())]
        assert table.places(rows).tolist() == expected


def test_rows_are_ordered_by_falling_norm(written):
    index = Index(written[0])
    for part in index.tokens.parts:
        exact = numpy.linalg.norm(explicit_gradients(part.factors(slice(0, len(part)))), axis=1)
        assert (numpy.diff(part.norms) <= 0).all()
        assert (numpy.diff(exact) <= 0).all()
        assert (part.norms >= exact).all(), "a bound below the norm that it bounds would end searches too early"
        numpy.testing.assert_allclose(part.norms, exact, rtol=1e-6)
    exact = numpy.linalg.norm(explicit_gradients(index.tokens.factors(slice(None))), axis=1)
    numpy.testing.assert_allclose(index.tokens.norms, exact, rtol=1e-6)


def test_a_range_of_rows(written):
    index = Index(written[0])
    part, whole = index.tokens.factors(slice(3, 8)), index.tokens.factors(slice(None))
    numpy.testing.assert_array_equal(part.residuals, whole.residuals[3:8])
    numpy.testing.assert_array_equal(part.previous, whole.previous[3:8])
    numpy.testing.assert_allclose(squared_norms(part), squared_norms(whole)[3:8])


def test_rows_in_any_order(written):
    index = Index(written[0])
    for table in (index.tokens, index.segments):
        everything = table.gradients(numpy.arange(len(table)))
        rows = numpy.random.default_rng(1).integers(0, len(table), size=20)
        numpy.testing.assert_array_equal(table.gradients(rows), everything[rows])
        assert len(table.factors(numpy.zeros(0, dtype=int))) == 0


def test_reference_is_plain_values(written):
    index = Index(written[0])
    number = written[1].index("It rained all night in Tarnby .")
    row = next(row for row in range(len(index.tokens)) if index.tokens.place(row) == (f"doc-{number}", 5))
    reference = index.tokens.reference(row, context=4)
    label = TAGS[written[2].documents[number][2][5, 1]]
    assert reference == {
        "text": "Tarnby",
        "label": label,
        "document": f"doc-{number}",
        "start": 5,
        "end": 6,
        "context": "in Tarnby .",
        "offset": 3,
    }
    assert {type(value) for value in reference.values()} == {str, int}
    assert index.tokens.reference(row, context=0)["context"] == "Tarnby"
    assert index.tokens.reference(row, context=10)["context"] == "night in Tarnby ."
    assert index.tokens.reference(row, context=8)["context"] == "in Tarnby ."  # no word is cut
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
    folder, texts, (_, by_shard) = written
    index = Index(folder)
    table = index.segments
    assert len(table) == sum(len(rows.norms) for rows in by_shard) == index.manifest.segments == 3
    numpy.testing.assert_allclose(table.norms, numpy.linalg.norm(table.gradients(numpy.arange(3)), axis=1), rtol=1e-6)
    found = 0
    for shard, (part, rows) in enumerate(zip(table.parts, by_shard)):
        assert (numpy.diff(part.norms) <= 0).all()
        for local in range(len(part)):
            row = int(table.first_rows[shard]) + local
            document = table.segment(row)[0]
            (number,) = numpy.flatnonzero(rows.positions[:, 0] == document - index.first_documents[shard])
            gradient = rows.factors[[number]].gradients()
            numpy.testing.assert_allclose(
                table.factors(slice(row, row + 1)).gradients(), gradient, rtol=1e-5, atol=1e-6
            )
            assert table.segment(row) == (document, *rows.positions[number, 1:])
            assert table.norms[row] == pytest.approx(rows.norms[number], rel=1e-6)
            assert table.self_influence[row] == pytest.approx(rows.self_influence[number], rel=1e-6)
            assert 0 <= table.leverage(row) - rows.leverage[number] <= 1 / 255
            reference = table.reference(row)
            assert reference["text"] == " ".join(texts[document].split(" ")[:2])
            assert (reference["document"], reference["start"], reference["end"]) == (f"doc-{document}", 0, 2)
            assert (reference["label"], reference.get("missing")) == (("O", "PER") if document % 2 else ("PER", None))
            found += 1
    assert found == 3


def test_leverage_is_rounded_up(tmp_path):
    """It decides what is refined, so no label may look safer than it is."""
    write(tmp_path / "index", ["a b c d e f"] * 8)
    index = Index(tmp_path / "index")
    steps = numpy.array([index.tokens.leverage(row) for row in range(len(index.tokens))]) * 255
    numpy.testing.assert_allclose(steps, numpy.rint(steps), atol=1e-9)
    assert len(set(steps.tolist())) > 20


def test_held_out_probabilities_are_in_the_order_of_the_documents(written):
    index = Index(written[0])
    assert index.held_out.shape == (14,)
    bounds = index.first_tokens_of_shards
    parts = [index.held_out[start:end] for start, end in zip(bounds, bounds[1:])]
    for shard, part in zip(index.shards, parts):
        numpy.testing.assert_array_equal(shard["held_out"][:], part)


def test_sentences_of_split_documents_keep_their_place(tmp_path):
    write(tmp_path / "index", ["a b c", "d e"], ids=["split", "split"], first_tokens=[0, 3], by_shard=1)
    index = Index(tmp_path / "index")
    assert {index.tokens.reference(row)["text"]: index.tokens.place(row) for row in range(5)} == {
        word: ("split", number) for number, word in enumerate("abcde")
    }
    starts = {index.segments.reference(row)["text"]: index.segments.reference(row)["start"] for row in range(2)}
    assert starts == {"a b": 0, "d e": 3}


@pytest.mark.parametrize("curvature", ["exact", "kfac", "identity"])
def test_the_metric_comes_back(tmp_path, curvature):
    generator = numpy.random.default_rng(1)
    metric = {
        "exact": random_metric(generator),
        "identity": IdentityCurvature(3, WIDTH),
        "kfac": KroneckerCurvature(
            generator.normal(size=(3, 3)),
            generator.random(3),
            generator.normal(size=(WIDTH, WIDTH)),
            generator.random(WIDTH),
            generator.normal(size=(4, 4)),
            0.5,
            numpy.array([0, 2, 3, 8]),
            numpy.array([0.0, 1.5, 0.0, 0.0, 1.0, 0.5, 1.2, 0.3, 0.0]),
        ),
    }[curvature]
    write(tmp_path / "index", ["a b"], manifest=new_manifest(curvature=curvature, width=WIDTH - 1), metric=metric)
    vectors = generator.normal(size=(4, PARAMETERS))
    found = Index(tmp_path / "index").metric
    assert type(found) is type(metric)
    numpy.testing.assert_array_equal(found.apply(vectors), metric.apply(vectors))


@pytest.mark.parametrize("by_shard", [None, 1])
def test_missing_labels_are_no_rows_but_keep_their_place(tmp_path, by_shard):
    known = [numpy.array([True, False, True]), numpy.array([False, False]), numpy.array([False, True])]
    write(tmp_path / "index", ["a b c", "d e", "f g"], known=known, by_shard=by_shard)
    index = Index(tmp_path / "index")
    places = sorted(index.tokens.place(row) for row in range(len(index.tokens)))
    assert places == [("doc-0", 0), ("doc-0", 2), ("doc-2", 1)]
    assert sorted(index.tokens.reference(row)["text"] for row in range(len(index.tokens))) == ["a", "c", "g"]
    assert (index.manifest.rows, index.manifest.tokens, index.manifest.documents) == (3, 7, 3)
    assert index.data.allowed.all(axis=1).tolist() == [False, True, False, True, True, True, False]


@pytest.mark.parametrize("by_shard", [None, 1])
def test_strange_texts_and_ids(tmp_path, by_shard):
    write(tmp_path / "index", STRANGE, ids=STRANGE[::-1], by_shard=by_shard)
    index = Index(tmp_path / "index")
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


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_more_rows_than_are_sorted_at_a_time(tmp_path, monkeypatch, dtype):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    texts = ["a b c d e", "f g h", "i j k l"]
    write(whole, texts, dtype=dtype)
    monkeypatch.setattr(writing, "SORT_CHUNK", 5)
    write(parts, texts, dtype=dtype)
    files = [path.relative_to(whole) for path in sorted(whole.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(parts) for path in sorted(parts.rglob("*")) if path.is_file()]
    for path in files:
        assert (parts / path).read_bytes() == (whole / path).read_bytes()


def test_nothing_but_the_index_stays_in_the_folder(written):
    manifest = json.loads((written[0] / MANIFEST).read_text())
    listed = {written[0] / name for name in (*manifest["files"], MANIFEST)}
    for shard in manifest["shards"]:
        folder = written[0] / shard["name"]
        listed |= {folder / name for name in (*json.loads((folder / SEAL).read_text())["files"], SEAL)}
    assert {path for path in written[0].rglob("*") if path.is_file()} == listed


def test_pickling_carries_the_path_only(written):
    index = Index(written[0])
    data = pickle.dumps(index)
    assert len(data) < 1000
    assert pickle.loads(data).tokens.reference(0) == index.tokens.reference(0)


@pytest.mark.parametrize("kept", [0, 1, 3, 13])
def test_rows_up_to_a_norm_are_left_out(tmp_path, kept):
    write(tmp_path / "whole", TEXTS)
    whole = Index(tmp_path / "whole")
    floor = float(whole.tokens.norms[kept])  # rounded up, so that this row is dropped
    write(tmp_path / "index", TEXTS, floors=(floor, float(whole.segments.norms[0])))
    index = Index(tmp_path / "index")
    assert (len(index.tokens), len(index.segments)) == (kept, 0)
    assert index.manifest.dropped == [14 - kept, 3]
    numpy.testing.assert_allclose(index.manifest.dropped_norms, [floor, whole.segments.norms[0]], rtol=1e-6)
    assert index.manifest.pruned
    places = [whole.tokens.place(row) for row in range(kept)]
    assert [index.tokens.place(row) for row in range(kept)] == places
    for name in ("data", "labels"):
        with pytest.raises(ValueError, match=r"\[S035\].*--keep 1"):
            getattr(index, name)

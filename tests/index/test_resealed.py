"""Whatever a manifest, a seal or an array says, with every checksum put right: an error that names the file."""

from __future__ import annotations

import json
import os
import shutil
import zlib

import numpy
import pytest

from spacy_seginf.index.index import Index
from spacy_seginf.index.manifest import MANIFEST, _checksum
from spacy_seginf.index.shards import SEAL
from spacy_seginf.index.storage import file_checksums

from .test_damage import use


def facts_of(path):
    return {"bytes": path.stat().st_size, "checksums": file_checksums(path)}


def reseal(folder, change_manifest=None, change_seal=None):
    """Make all checksums fit what is there. The changes are made in place, before."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for entry in manifest["shards"]:
        seal = json.loads((folder / entry["name"] / SEAL).read_text())
        seal["files"] = {name: facts_of(folder / entry["name"] / name) for name in seal["files"]}
        if change_seal is not None:
            change_seal(seal)
        (folder / entry["name"] / SEAL).write_text(json.dumps(seal))
        entry["checksum"] = zlib.crc32((folder / entry["name"] / SEAL).read_bytes())
    manifest["files"] = {name: facts_of(folder / name) for name in manifest["files"]}
    if change_manifest is not None:
        change_manifest(manifest)
    manifest.pop("checksum")
    manifest["checksum"] = _checksum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def refused(folder, name, codes="S03[023]"):
    with pytest.raises(ValueError, match=rf"(?s)\[{codes}\].*{name}"):
        use(folder)


def test_resealing_alone_changes_nothing(folder):
    reseal(folder)
    use(folder)


WRONG = [None, True, -1, 2**63, 1e400, float("nan"), "", "x\0", "../x", [], {}, [[]], {"a": 1}, [1, "2"]]
KEYS = {
    "tagger": [None, True, 3, [], {}],
    "scheme": WRONG,
    "tags": [*WRONG, ["O", "O"], [1, 2]],
    "curvature": WRONG,
    "refit": [one for one in WRONG if one is not True],
    "centre": WRONG,
    "dtype": [*WRONG, "float64", "object"],
    "shards": [one for one in WRONG if one != []],
    "files": [one for one in WRONG if one != {}],
    "dropped": [*WRONG, [1, -1], [1], [True, 0]],
    "dropped_norms": [*WRONG, [1.0, float("nan")]],
    "explains": [True, -1, "x", []],
    "agreement": [None, 3, [], {"dev": {}}, {"dev": {"predicted": -1, "shared": 0, "missed": {}, "added": {}}}],
    **dict.fromkeys(("rows", "segments", "width", "documents", "tokens", "held_documents"), WRONG),
    **{key: [one for one in WRONG if one != 2**63] for key in ("l2", "label_l2", "largest_gain", "fit_gradient")},
}


@pytest.mark.parametrize("key", KEYS)
def test_values_of_a_manifest(folder, key):
    for value in KEYS[key]:
        reseal(folder, lambda manifest, value=value: manifest.update({key: value}))
        with pytest.raises(ValueError, match=r"\[S03[12]\].*manifest\.json"):
            Index(folder)
        shutil.rmtree(folder)
        shutil.copytree(folder.parent / "again", folder)


@pytest.fixture(autouse=True)
def again(intact, tmp_path):
    shutil.copytree(intact, tmp_path / "again")


@pytest.mark.parametrize("name", ["../again/shard-00000", "/etc", "..", ".", "", "a/b", "x\0", 3, None, "a" * 300])
def test_a_shard_lies_in_its_index(folder, name):
    reseal(folder, lambda manifest: manifest["shards"][0].update(name=name))
    refused(folder, "manifest")


def test_a_shard_is_no_link(folder):
    shutil.move(folder / "shard-00001", folder.parent / "elsewhere")
    (folder / "shard-00001").symlink_to(folder.parent / "elsewhere")
    refused(folder, "shard-00001")


@pytest.mark.parametrize("name", ["../shard-00001/norms.npy", "/etc/passwd", "", "x\0"])
def test_a_file_lies_in_its_shard(folder, name):
    reseal(folder, change_seal=lambda seal: seal["files"].update({name: {"bytes": 1, "checksums": [0]}}))
    refused(folder, "shard.json")


@pytest.mark.parametrize("key", ["documents", "tokens", "rows", "segments", "labels", "files"])
def test_values_of_a_seal(folder, key):
    for value in (None, True, -1, 10**6, 2**63, "x", [1], {"a": 1}, float("nan")):
        reseal(folder, change_seal=lambda seal, value=value: seal.update({key: value}))
        with pytest.raises(ValueError, match=r"\[S03[023]\].*shard-0000"):
            Index(folder)
        shutil.rmtree(folder)
        shutil.copytree(folder.parent / "again", folder)


@pytest.mark.parametrize("name", ["theta.npy", MANIFEST, f"shard-00001/{SEAL}", "shard-00001/ids.utf8"])
def test_pipes_and_devices_are_not_read(folder, name):
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(path.name)):
        (folder / name).unlink()
        make(folder / name)
        refused(folder, "(?:index|theta|manifest|shard|ids)", "(?:S03[02]|S224)")


def shard_arrays(intact):
    return sorted(path.name for path in (intact / "shard-00001").glob("*.npy"))


@pytest.mark.parametrize("kind", ["objects", "doubles", "half", "longer", "flat", "by columns"])
def test_types_and_shapes(intact, folder, kind):
    for name in [*shard_arrays(intact), "theta.npy", "metric_inverse.npy"]:
        path = folder / ("" if name in ("theta.npy", "metric_inverse.npy") else "shard-00001") / name
        values, before = numpy.load(path), path.read_bytes()
        changed = {
            "objects": values.astype(object),
            "doubles": values.astype("complex128"),
            "half": values[: len(values) // 2],
            "longer": numpy.concatenate([values, values[:1]]),
            "flat": values.reshape(-1, 1, 1),
            "by columns": numpy.asfortranarray(values),
        }[kind]
        if kind == "by columns" and values.ndim < 2:
            continue
        if kind == "by columns" and changed.flags.c_contiguous:  # a single row or column is both
            continue
        with path.open("wb") as file:
            numpy.lib.format.write_array(file, changed, allow_pickle=True)
        reseal(folder)
        refused(folder, rf"(?:{name.split('.')[0]}|{'tokens|texts|ids|word_norms|segment'})")
        path.write_bytes(before)


VALUES = {
    "tokens.npy": 2**32 - 1,
    "labels.npy": 100,
    "norms.npy": numpy.nan,
    "segment_norms.npy": -1.0,
    "segment_tokens.npy": 2**31,
    "segment_types.npy": 77,
    "segment_starts.npy": 2**40,
    "token_starts.npy": 2**62,
    "allowed.npy": 0,
    "texts.npy": 2**50,
    "ids.npy": -1,
}


@pytest.mark.parametrize("where", ["first", "all"])
@pytest.mark.parametrize("name", VALUES)
def test_numbers_that_lead_elsewhere(folder, name, where):
    path = folder / "shard-00001" / name
    values = numpy.load(path)
    values.reshape(-1)[slice(0, 1) if where == "first" else slice(None)] = VALUES[name]
    numpy.save(path, values)
    reseal(folder)
    refused(folder, name.split(".")[0])


NUMBERS = [
    "theta",
    "metric_inverse",
    *(
        f"shard-00001/{prefix}{name}"
        for prefix in ("", "segment_")
        for name in ("features_scales", "residuals", "norms", "self_influence")
    ),
]


@pytest.mark.parametrize("name", [*NUMBERS, "shard-00001/held_out", "shard-00001/segment_pairs"])
@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
def test_numbers_that_are_not_finite(folder, name, value):
    path = folder / f"{name}.npy"
    values = numpy.load(path)
    values.reshape(-1)[-1] = value
    numpy.save(path, values)
    reseal(folder)
    refused(folder, path.name)


@pytest.mark.parametrize("name", ["texts.utf8", "ids.utf8", "word_norms.utf8"])
def test_texts_that_are_none(folder, name):
    path = folder / "shard-00001" / name
    path.write_bytes(b"\xff" * path.stat().st_size)
    reseal(folder)
    refused(folder, name)


@pytest.mark.parametrize("header", [b"(" * 900, b"{'descr': '<f4', ", b"\xff" * 50, b"{'a': " + b"-" * 3000 + b"1}"])
def test_headers_that_are_none(folder, header):
    path = folder / "shard-00001" / "norms.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    reseal(folder)
    refused(folder, "norms.npy")

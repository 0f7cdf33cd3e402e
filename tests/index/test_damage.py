"""Whatever happens to a file of an index is named: by opening it, by use, and by `seginf check` in any case."""

from __future__ import annotations

import json
import shutil

import numpy
import pytest

from spacy_seginf.api.check import check_index as check
from spacy_seginf.index.index import Index
from spacy_seginf.index.manifest import FORMAT_VERSION, MANIFEST, _checksum
from spacy_seginf.index.shards import SEAL

from ..cli.running import run
from .writing import TEXTS, write

SHARD_FILES = [
    *("features.npy", "features_scales.npy", "residuals.npy", "labels.npy", "tokens.npy", "held_out.npy"),
    *("norms.npy", "self_influence.npy", "leverage.npy"),
    *("segment_features.npy", "segment_features_scales.npy", "segment_residuals.npy", "segment_pairs.npy"),
    *("segment_starts.npy", "segment_tokens.npy", "segment_types.npy"),
    *("segment_norms.npy", "segment_self_influence.npy", "segment_leverage.npy"),
    *("token_starts.npy", "first_tokens.npy", "token_offsets.npy", "allowed.npy"),
    *("texts.npy", "texts.utf8", "ids.npy", "ids.utf8", "word_norms.npy", "word_norms.utf8"),
]
FILES = ["theta.npy", "metric_inverse.npy", *(f"shard-00001/{name}" for name in SHARD_FILES)]


def use(folder):
    """Read everything that explanations and refits read."""
    index = Index(folder)
    for table in (index.tokens, index.segments):
        table.factors(slice(None))
        _ = table.norms, table.self_influence
        for row in range(len(table)):
            table.reference(row), table.leverage(row)
    _ = [index.word_norms(number) for number in range(int(index.first_documents[-1]))]
    _ = index.data, index.labels, index.held_out, index.metric, index.head


def test_the_list_of_files_is_complete(intact):
    found = {path.relative_to(intact).as_posix() for path in intact.rglob("*") if path.is_file()}
    others = {f"shard-00000/{name}" for name in (*SHARD_FILES, SEAL)} | {MANIFEST, f"shard-00001/{SEAL}"}
    assert found == {*FILES, *others}


def test_an_intact_index(folder):
    use(folder)
    (manifest,) = check(folder)
    assert manifest.rows == 14
    code, printed = run("seginf", "check", folder)
    assert code == 0 and "Intact" in printed and "14 labels and 3 entities of 4 documents" in printed
    assert "features in int8" in printed


def refused(folder, message):
    """Neither opening, nor the command, nor anything else gets beyond this error."""
    with pytest.raises(ValueError, match=message):
        Index(folder)
    with pytest.raises(ValueError, match=message):
        check(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(folder, name):
    (folder / name).unlink()
    refused(folder, rf"\[S030\].*{name.rpartition('/')[2]} is missing")


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(folder, rf"\[S032\].*{name}")


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-1])
    refused(folder, rf"\[S032\].*{name}.*bytes instead of")


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file(folder, name):
    (folder / name).write_bytes(b"")
    refused(folder, rf"\[S032\].*{name}.*0 bytes instead of")


@pytest.mark.parametrize("name", FILES)
def test_a_longer_file(folder, name):
    with (folder / name).open("ab") as file:
        file.write(b"\0")
    refused(folder, rf"\[S032\].*{name}.*bytes instead of")


def flip(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit(folder, name):
    """At the beginning, at the end, and at some random places."""
    path = folder / name
    bits = 8 * path.stat().st_size
    places = [0, bits - 1, *numpy.random.default_rng(len(name)).integers(0, bits, size=4).tolist()]
    for place in places:
        flip(path, place)
        with pytest.raises(ValueError, match=rf"\[S032\].*{name}"):
            check(folder)
        code, printed = run("seginf", "check", folder)
        assert code == 1 and "[S032]" in printed and "Traceback" not in printed
        with pytest.raises(ValueError, match=rf"\[S032\].*{name}"):
            use(folder)
        flip(path, place)
    use(folder)


@pytest.mark.parametrize("name", [MANIFEST, f"shard-00001/{SEAL}"])
def test_a_flipped_bit_of_a_description(folder, name):
    path = folder / name
    bits = 8 * path.stat().st_size
    for place in numpy.random.default_rng(5).integers(0, bits, size=150).tolist():
        flip(path, place)
        refused(folder, r"\[S03[0123]\]")
        flip(path, place)
    use(folder)


@pytest.mark.parametrize("name", ["segment_features.npy", "texts.utf8", "metric_inverse.npy"])
def test_damage_after_opening_is_found_when_it_is_touched(folder, name):
    """Files are replaced as a whole, so an open index keeps the old ones; bytes changed in place are another matter."""
    (path,) = sorted(folder.rglob(name))[:1]
    index = Index(folder)
    with path.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    index.tokens.factors(slice(None))  # other files are as they were
    with pytest.raises(ValueError, match=rf"\[S032\].*{name}"):
        index.check()


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match=r"\[S030\]"):
        Index(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"\[S040\]"):
        check(tmp_path / "nowhere")


def test_a_build_that_did_not_finish(folder):
    (folder / MANIFEST).unlink()
    with pytest.raises(ValueError, match=r"\[S030\].*manifest.json is missing"):
        Index(folder)
    with pytest.raises(ValueError, match=r"\[S040\]"):
        check(folder)


@pytest.mark.parametrize("kind", ["the folder", "its seal"])
def test_a_missing_shard(folder, kind):
    if kind == "its seal":
        (folder / "shard-00001" / SEAL).unlink()
    else:
        shutil.rmtree(folder / "shard-00001")
    refused(folder, r"\[S030\].*shard-00001.*shard.json is missing")


@pytest.fixture
def another(tmp_path):
    """An index whose files have the same sizes."""
    write(tmp_path / "another", TEXTS, dtype="int8", by_shard=2, seed=1)
    return tmp_path / "another"


def test_a_shard_of_another_build(folder, another):
    shutil.rmtree(folder / "shard-00001")
    shutil.copytree(another / "shard-00001", folder / "shard-00001")
    refused(folder, r"\[S033\].*shard-00001")


def test_shards_that_changed_places(folder):
    for old, new in (("shard-00000", "x"), ("shard-00001", "shard-00000"), ("x", "shard-00001")):
        (folder / old).rename(folder / new)
    refused(folder, r"\[S033\].*shard-00000")


def test_the_head_of_another_build(folder, another):
    shutil.copyfile(another / "theta.npy", folder / "theta.npy")
    with pytest.raises(ValueError, match=r"\[S032\].*theta.npy"):
        check(folder)
    with pytest.raises(ValueError, match=r"\[S032\].*theta.npy"):
        _ = Index(folder).head


@pytest.mark.parametrize("name", ["norms.npy", "features.npy"])
def test_a_file_of_another_build(folder, another, name):
    shutil.copyfile(another / "shard-00001" / name, folder / "shard-00001" / name)
    with pytest.raises(ValueError, match=rf"\[S032\].*{name}"):
        check(folder)
    with pytest.raises(ValueError, match=rf"\[S032\].*{name}"):
        use(folder)


def rewrite_manifest(folder, *, signed=False, **changes):
    """Change a manifest (None takes a key away), and sign it if it is to look untouched."""
    path = folder / MANIFEST
    content = {**json.loads(path.read_text()), **changes}
    content = {key: value for key, value in content.items() if value is not None}
    if signed:
        content.pop("checksum")
        content["checksum"] = _checksum(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "version,advice",
    [
        (FORMAT_VERSION + 1, "Install a newer version"),
        (FORMAT_VERSION - 1, "Build the index again"),
        (0, "Build the index again"),
        ("old", "Build"),
        (None, "Build"),
    ],
)
def test_another_format_version(folder, version, advice):
    rewrite_manifest(folder, format_version=version)
    refused(folder, rf"\[S031\].*reads {FORMAT_VERSION}.*{advice}")


def test_a_newer_version_may_have_other_keys(folder):
    rewrite_manifest(folder, format_version=7, shards=3, tags=None)
    refused(folder, r"\[S031\].*version 7")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b'{"tags": ['])
@pytest.mark.parametrize("name", [MANIFEST, f"shard-00000/{SEAL}"])
def test_a_description_that_is_not_json(folder, name, content):
    (folder / name).write_bytes(content)
    refused(folder, rf"\[S032\].*{name}")


@pytest.mark.parametrize("content", ["[]", "3", "null", '"manifest"', "{}", '{"files": 3}', '{"files": {"a": {}}}'])
@pytest.mark.parametrize("name", [MANIFEST, f"shard-00000/{SEAL}"])
def test_a_description_that_is_something_else(folder, name, content):
    (folder / name).write_text(content)
    refused(folder, r"\[S03[12]\]")


@pytest.mark.parametrize("changes", [{"colour": "blue"}, {"tags": None}, {"tagger": None}, {"rows": 3}, {"shards": []}])
def test_a_manifest_that_was_changed(folder, changes):
    rewrite_manifest(folder, **changes)
    refused(folder, r"\[S032\].*manifest.json")


@pytest.mark.parametrize("changes", [{"colour": "blue"}, {"tags": None}, {"tagger": None}])
def test_a_manifest_with_wrong_keys(folder, changes):
    rewrite_manifest(folder, signed=True, **changes)
    refused(folder, r"\[S032\].*manifest.json")

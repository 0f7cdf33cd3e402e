"""Opening an index reads next to nothing, and what is open stays as it is."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import threading

import numpy
import pytest

from spacy_seginf.files import replace_folder
from spacy_seginf.index import storage
from spacy_seginf.index.index import Index
from spacy_seginf.index.storage import StoredFile

from .writing import TEXTS, WIDTH, new_manifest, write


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "index", TEXTS, by_shard=2)
    return tmp_path / "index"


@pytest.fixture
def touched(monkeypatch):
    """The names of the files of which something was read."""
    names = set()
    check = StoredFile.check

    def remember(self, first=0, last=None):
        names.add(self.path.name)
        check(self, first, last)

    monkeypatch.setattr(StoredFile, "check", remember)
    return names


def untouched(index):
    """Files of which not a single byte was compared with its checksum, so none was used."""
    files = [*index._files.values(), *(file for shard in index.shards for file in shard._files.values())]
    return {file.path.name for file in files if file._unchecked.all()}


def test_opening_reads_no_file_but_the_descriptions(folder, touched):
    index = Index(folder)
    assert touched == set()
    assert untouched(index) == {path.name for path in folder.rglob("*") if path.suffix in (".npy", ".utf8")}
    assert len(index.tokens) == 14 and len(index.segments) == 3 and len(index.tokens) == index.manifest.rows
    assert touched == set(), "the manifest and the seals know how much there is"


def test_what_is_not_asked_for_is_not_read(folder, touched):
    index = Index(folder)
    assert len(index.tokens.norms)
    assert touched == {"norms.npy"}
    index.segments.factors(slice(None))
    assert {name for name in touched if not name.startswith("segment_")} == {"norms.npy"}
    index.tokens.reference(0)
    assert "features.npy" not in touched and "metric_inverse.npy" not in touched
    assert {"features.npy", "metric_inverse.npy", "theta.npy"} <= untouched(index)


def everything(index):
    rows = [table.reference(row) for table in (index.tokens, index.segments) for row in range(len(table))]
    gradients = [table.gradients(numpy.arange(len(table))) for table in (index.tokens, index.segments)]
    return rows, [*gradients, index.metric.inverse, index.head.packed, index.data.features, index.held_out]


def assert_same(found, expected):
    assert found[0] == expected[0]
    for array, other in zip(found[1], expected[1]):
        numpy.testing.assert_array_equal(array, other)


def test_an_open_index_survives_the_removal_of_its_folder(folder):
    expected = everything(Index(folder))
    index = Index(folder)
    shutil.rmtree(folder)
    assert_same(everything(index), expected)


def test_an_open_index_survives_another_one_in_its_place(folder, tmp_path):
    expected = everything(Index(folder))
    index = Index(folder)
    write(tmp_path / "other", TEXTS[::-1], seed=1)
    folder.rename(tmp_path / "old")
    (tmp_path / "other").rename(folder)
    shutil.rmtree(tmp_path / "old")
    assert_same(everything(index), expected)
    assert everything(Index(folder))[0] != expected[0]


def test_only_the_blocks_that_are_needed_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "BLOCK", 256)
    write(tmp_path / "index", ["a b c d e f g h"] * 12)
    index = Index(tmp_path / "index")
    index.tokens.factors(numpy.array([40]))
    file = index.shards[0].file("features.npy")
    read = numpy.flatnonzero(~file._unchecked).tolist()
    # the header, and the row itself: 16 bytes that begin at 128 + 40 * 16
    assert read == [0, (128 + 40 * 16) // 256]


def test_too_many_open_files_are_not_damage(tmp_path):
    write(tmp_path / "index", ["a b c"])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the first number that is free; there may be open files behind it
    os.close(free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 5, hard))
        with pytest.raises(ValueError, match=r"S038.*ulimit"):
            Index(tmp_path / "index")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    Index(tmp_path / "index").check()


def test_reading_while_it_is_rebuilt(tmp_path):
    """Whoever opens an index gets the one or the other, never a mixture or an error."""
    target, builds, problems, opened = tmp_path / "index", ("one", "two"), [], []
    for seed, build in enumerate(builds):
        write(tmp_path / build, TEXTS, by_shard=2, seed=seed, manifest=new_manifest(build=build, width=WIDTH - 1))
    shutil.copytree(tmp_path / "one", target)
    heads = {build: Index(tmp_path / build).head.packed for build in builds}
    ended = threading.Event()

    def read():
        while not ended.is_set():
            try:
                index = Index(target)
                index.check()
                opened.append(index.manifest.build)
                assert (index.head.packed == heads[index.manifest.build]).all()
                del index
                gc.collect()  # it holds its files open
            except Exception as error:
                problems.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(20):
        shutil.copytree(tmp_path / builds[(turn + 1) % 2], tmp_path / "new")
        replace_folder(tmp_path / "new", target)
    ended.set()
    for reader in readers:
        reader.join()
    assert not problems and set(opened) == set(builds)

"""A disk that gets full at any moment of a build: the older result stays, and what is done is not done again."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.language import Language

from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.index import build_index as index
from spacy_seginf.indexing import shard_tasks

from ..pipeline.building import answers
from .running import run
from .test_index import contents

SETTINGS = {"l2": 1.0, "shard_tokens": 150}


class Disk:
    """Counts writes of arrays, texts and pipelines to a folder, and refuses them from some moment on."""

    def __init__(self, monkeypatch, folder):
        self.folder, self.writes, self.space = str(folder), 0, None
        save, allocate, opened, to_disk = numpy.save, os.posix_fallocate, Path.open, Language.to_disk

        def open_file(path, mode="r", *arguments, **settings):
            if "w" in mode and path.name != ".lock":
                self.write(path)
            return opened(path, mode, *arguments, **settings)

        def save_in_part(path, *arguments, **settings):
            try:
                self.write(path)
            except OSError:
                raise OSError("8 requested and 0 written") from None  # numpy's own words, without an errno
            save(path, *arguments, **settings)

        monkeypatch.setattr(numpy, "save", save_in_part)
        monkeypatch.setattr(os, "posix_fallocate", lambda file, *a: (self.write(self.folder), allocate(file, *a))[1])
        monkeypatch.setattr(Path, "open", open_file)
        monkeypatch.setattr(Language, "to_disk", lambda nlp, path, **s: (to_disk(nlp, path, **s), self.write(path))[0])

    def write(self, path):
        if str(path).startswith(self.folder):
            self.writes += 1
            if self.space is not None and self.writes > self.space:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def moments(count, wanted):
    """Choose moments of a build: the first, the last, and some between."""
    return sorted({0, count - 1, *numpy.linspace(0, count - 1, wanted).astype(int).tolist()})


@pytest.mark.slow
@pytest.mark.parametrize("command", ["index", "append", "refresh"])
def test_a_full_disk(model_path, corpus_path, tmp_path, monkeypatch, command):
    output = tmp_path / "disk" / "out"

    def build(folder, **settings):
        if command == "index":
            return index(str(model_path), corpus_path, folder, **SETTINGS, **settings)
        refresh = command == "refresh"
        return append(str(tmp_path / "old"), corpus_path, folder, refresh=refresh, shard_tokens=150, **settings)

    index(str(model_path), corpus_path, tmp_path / "old", **SETTINGS)
    build(tmp_path / "elsewhere")
    index(str(model_path), corpus_path, output, l2=3.0)
    before, nlp = contents(output), spacy.load(output)
    expected = answers(nlp)
    disk = Disk(monkeypatch, tmp_path / "disk")
    build(output.with_name("another"))
    assert disk.writes > 40
    encoded, encode = [], shard_tasks.encode
    monkeypatch.setattr(shard_tasks, "encode", lambda n, t, docs, *a: encoded.extend(docs) or encode(n, t, docs, *a))
    for space in moments(disk.writes, 7):
        shutil.rmtree(tmp_path / "disk" / ".out-partial", ignore_errors=True)
        disk.writes, disk.space = 0, space
        with pytest.raises(ValueError, match=r"\[S036\] There is no space left for .*out\. What was there") as caught:
            build(output, force=True)
        assert contents(output) == before
        kept = len(list((tmp_path / "disk").glob(".out-partial/encoded/*/shard.json")))
        assert (f"{kept} encoded shards are kept" in str(caught.value)) == (kept > 0)
        assert not list((tmp_path / "disk").glob(".out-partial/pipeline"))
    assert answers(nlp) == answers(spacy.load(output)) == expected
    disk.space = None
    encoded.clear()
    build(output, force=True)
    assert not encoded, "the shards of the run before were complete"
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["another", "out"]
    assert contents(output) == contents(tmp_path / "elsewhere")


def test_the_command_says_it(model_path, corpus_path, tmp_path, monkeypatch):
    disk = Disk(monkeypatch, tmp_path)
    disk.space = 20
    code, printed = run("seginf", "index", model_path, corpus_path, tmp_path / "out", "--shard-tokens", 60)
    assert code == 1 and "[S036]" in printed and "Traceback" not in printed
    assert "encoded shards are kept in" in printed and "--dtype int8" in printed
    assert not (tmp_path / "out").exists()


def test_other_errors_of_the_disk_are_what_they_are(model_path, corpus_path, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="Input/output error") as caught:
        index(str(model_path), corpus_path, tmp_path / "out")
    assert caught.value.filename == str(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []

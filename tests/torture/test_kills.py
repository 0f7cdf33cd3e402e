"""After a kill at any change of the file system the old or the new is there, and the same command runs through."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from spacy_seginf import folders
from spacy_seginf.api.apply import apply_decisions as apply
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.records import read_decisions, read_ranking, write_ranking
from spacy_seginf.files import exclusive, recover_folder, replace_folder, write_bytes
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.state import Review

from ..cli.test_apply import RELABEL, TEXTS, WIDER, decision
from ..corpora.making import write_corpus
from ..review.making import large_ranking, small_ranking
from .dying import content_of, deaths

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forks")


@pytest.fixture
def room(tmp_path):
    return tmp_path / "room"


def emptied(room):
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()


@pytest.mark.parametrize("swapping", [True, False], ids=["one step", "two renames"])
def test_replacing_a_folder(room, monkeypatch, swapping):
    target, new = room / "index", room / "work" / "pipeline"
    if not swapping:
        monkeypatch.setattr(folders, "_system_call", lambda: None)
    old_files, new_files = {"manifest.json": b"old", "shard/a": b"1"}, {"manifest.json": b"new", "shard/b": b"2"}

    def fill(folder, content):
        for name, data in content.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    def build():
        shutil.rmtree(room / "work", ignore_errors=True)
        fill(new, new_files)

    def prepare():
        emptied(room)
        fill(target, old_files)
        build()

    moments, missing = 0, 0
    for _ in deaths(lambda: replace_folder(new, target), prepare):
        moments += 1
        missing += not target.exists()
        assert recover_folder(target) or target.exists()
        assert content_of(target) in (old_files, new_files)
        build()
        replace_folder(new, target)
        assert content_of(target) == new_files
        assert sorted(path.name for path in room.iterdir()) == ["index", "work"]
    assert moments >= 3
    assert missing == (0 if swapping else 1)


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("before", [None, b"old" * 100])
def test_writing_a_file(room, before, torn):
    target = room / "out.html"

    def prepare():
        emptied(room)
        if before is not None:
            target.write_bytes(before)
            target.chmod(0o600)

    moments = 0
    for _ in deaths(lambda: write_bytes(target, b"new" * 1000), prepare, torn=torn):
        moments += 1
        assert (target.read_bytes() if target.exists() else None) in (before, b"new" * 1000)
        write_bytes(target, b"new" * 1000)
        assert target.read_bytes() == b"new" * 1000
        assert before is None or target.stat().st_mode & 0o777 == 0o600
        assert list(room.iterdir()) == [target], "nothing is left of those who were killed"
    assert moments >= 4


@pytest.mark.parametrize("torn", [False, True])
def test_appending_decisions(room, torn):
    path = room / "decisions.jsonl"
    first, more = decision(RELABEL), [decision(WIDER), decision(RELABEL, "train:3")]

    def prepare():
        emptied(room)
        append_decisions(path, [first])

    moments = 0
    for _ in deaths(lambda: append_decisions(path, more), prepare, torn=torn):
        moments += 1
        found = read_decisions(path)
        assert found == [first, *more][: len(found)] and found, "what was confirmed is there"
        append_decisions(path, more)
        assert read_decisions(path) == [*found, *more]
    assert moments >= 3


@pytest.mark.parametrize("torn", [False, True])
def test_deciding_when_the_file_was_moved_away(room, torn):
    path, ranking = room / "decisions.jsonl", small_ranking()
    first, second = ranking.issues[:2]
    held = []

    def prepare():
        emptied(room)
        held[:] = [Review(ranking, path, "ada")]
        held[0].decide([Answer(first.id, "keep")])
        path.rename(room / "moved.jsonl")

    for _ in deaths(lambda: held[0].decide([Answer(second.id, "accept")]), prepare, torn=torn):
        held[0].decide([Answer(second.id, "accept")])  # the server itself was not killed, only its twin
        assert {one.issue for one in read_decisions(path)} == {first.id, second.id}
        assert [one.issue for one in read_decisions(room / "moved.jsonl")] == [first.id]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train.spacy", "train.jsonl.gz"])
def test_applying(room, tmp_path, name):
    corpus, decisions = write_corpus(tmp_path / name, TEXTS), tmp_path / "ann.jsonl"
    append_decisions(decisions, [decision(RELABEL), decision(WIDER, "train:3")])
    output, diff = room / f"out-{name}", room / f"out-{name}.diff"

    def run():
        apply(corpus, output, [decisions], labels=["ORG"])

    emptied(room)
    run()
    whole = content_of(room)
    moments = 0
    for _ in deaths(run, lambda: emptied(room)):
        moments += 1
        if output.exists():
            assert diff.exists()  # and all was done
        else:
            run()
        assert content_of(room) == whole
    assert moments >= 6


def test_ranking(room):
    path, old, new = room / "issues.jsonl", small_ranking(), large_ranking(3)

    def prepare():
        emptied(room)
        write_ranking(path, old)

    for _ in deaths(lambda: write_ranking(path, new), prepare):
        assert read_ranking(path) in (old, new)
        write_ranking(path, new)
        assert read_ranking(path) == new and list(room.iterdir()) == [path]


def test_a_lock_ends_with_its_process(room):
    def build():
        with exclusive(room):
            (room / "encoded").mkdir()

    for _ in deaths(build, lambda: emptied(room)):
        with exclusive(room):
            pass


def test_a_folder_that_was_left_aside_is_found_by_commands(room, monkeypatch):
    from ..cli.running import run

    (room / ".indexed.seginf-old").mkdir(parents=True)
    code, output = run("seginf", "check", room / "indexed")
    assert code == 1 and "[S040]" in output and "Put back" in output
    assert [path.name for path in room.iterdir()] == ["indexed"]
    (room / "indexed").rename(room / ".indexed.seginf-old")
    code, output = run("seginf", "index", "nothing", "corpus.spacy", room / "indexed")
    assert code == 1 and [path.name for path in room.iterdir()] == ["indexed"]


def test_nothing_is_moved_that_is_in_use(room, monkeypatch):
    """As on Windows, where a folder whose files are mapped can't be renamed."""
    target, new = room / "index", room / "new"
    for folder, content in ((target, "old"), (new, "new")):
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(content)
    rename = Path.rename

    def refuse(path, other):
        if path == target:
            raise PermissionError(13, "The process cannot access the file")
        return rename(path, other)

    monkeypatch.setattr(folders, "_system_call", lambda: None)
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ValueError, match=r"\[S227\] .*cannot access the file.*rename .*-new to it"):
        replace_folder(new, target)
    (kept,) = [path for path in room.iterdir() if path != target]
    assert (kept / "manifest.json").read_text() == "new" and (target / "manifest.json").read_text() == "old"

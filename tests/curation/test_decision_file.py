"""A file of decisions that others write to, and that is taken away while it is in use."""

from __future__ import annotations

import os
import shutil

import pytest

from spacy_seginf.curation import appending
from spacy_seginf.curation.decision_file import DecisionsFile
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.records import read_decisions

from .test_decisions import decided

KEPT, SKIPPED = decided("keep"), decided("skip")


def say(file, *decisions):
    heard = []
    file.exchange(lambda others: (heard.extend(others), decisions)[1])
    return heard


@pytest.fixture
def path(tmp_path):
    return tmp_path / "decisions.jsonl"


def test_each_hears_what_the_other_says_once(path):
    one, other = DecisionsFile(path), DecisionsFile(path)
    assert one.read() == other.read() == []
    assert say(one, KEPT) == []
    assert say(other, SKIPPED) == [KEPT]
    assert one.news() == [SKIPPED] and one.news() == other.news() == []
    assert DecisionsFile(path).read() == [KEPT, SKIPPED]
    assert list(path.parent.iterdir()) == [path]


def test_a_last_line_without_its_line_break_is_read_once(path):
    append_decisions(path, [KEPT])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    file = DecisionsFile(path)
    assert file.read() == [KEPT] and say(file, SKIPPED) == [] and file.news() == []
    assert read_decisions(path) == [KEPT, SKIPPED]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("ended", [True, False])
def test_files_of_other_programs_are_read_and_kept(path, ending, mark, ended):
    append_decisions(path, [KEPT, SKIPPED, KEPT])
    content = mark + path.read_bytes().replace(b"\n", ending)
    path.write_bytes(content if ended else content.removesuffix(ending))
    file = DecisionsFile(path)
    assert file.read() == [KEPT, SKIPPED, KEPT] and say(file, SKIPPED) == []
    assert path.read_bytes().startswith(content.removesuffix(ending))
    assert read_decisions(path) == DecisionsFile(path).read() == [KEPT, SKIPPED, KEPT, SKIPPED]


@pytest.mark.parametrize("how", ["removed", "moved", "replaced", "cut", "copied back"])
def test_nothing_that_was_saved_is_lost(path, how):
    append_decisions(path, [KEPT, KEPT])  # equal ones count as often as they were said
    file = DecisionsFile(path)
    file.read()
    say(file, SKIPPED)
    elsewhere = path.with_name("moved")
    if how in ("replaced", "copied back"):
        shutil.copy(path, elsewhere)
        path.unlink()
    if how == "removed":
        path.unlink()
    elif how == "moved":
        path.rename(elsewhere)
    elif how == "copied back":
        shutil.copy(elsewhere, path)
    elif how == "replaced":
        append_decisions(path, [KEPT, decided("accept")])
    else:
        os.truncate(path, 0)
    assert not file.is_complete() or how == "copied back"
    assert say(file, decided("undo")) == ([decided("accept")] if how == "replaced" else [])
    found = read_decisions(path)
    assert found.count(KEPT) == 2 and found.count(SKIPPED) == 1 and found[-1] == decided("undo")
    assert len(found) == 4 + (how == "replaced")
    assert file.is_complete() and say(file) == []


def test_what_was_missed_when_others_were_heard_is_written_at_the_end(path):
    file = DecisionsFile(path)
    say(file, KEPT, SKIPPED)
    os.truncate(path, len(path.read_bytes().splitlines(keepends=True)[0]))
    assert file.news() == [] and not file.is_complete()
    assert say(file) == [] and file.is_complete()
    assert read_decisions(path) == [KEPT, SKIPPED]


def test_a_file_that_is_moved_while_it_is_written_to_saves_nothing(path, monkeypatch):
    file = DecisionsFile(path)
    say(file, KEPT)
    write = appending.write_all

    def move(opened, content):
        write(opened, content)
        path.rename(path.with_name("moved"))

    with monkeypatch.context() as patch:
        patch.setattr(appending, "write_all", move)
        with pytest.raises(ValueError, match=r"\[S171\] .*moved or replaced"):
            say(file, SKIPPED)
    say(file, SKIPPED)
    assert read_decisions(path) == [KEPT, SKIPPED]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="locks in another process")
@pytest.mark.parametrize("place", ["decisions.jsonl", ".decisions.jsonl.lock"])
def test_others_who_hold_locks(path, monkeypatch, place):
    """Who can read the decisions can lock them, and holds nobody up; who can write to them gets a message."""
    import fcntl

    append_decisions(path, [KEPT])
    monkeypatch.setattr(appending, "WAIT", 0.2)
    with (path.parent / place).open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if place == path.name:
            append_decisions(path, [SKIPPED])
        else:
            with pytest.raises(ValueError, match=r"\[S171\] .*\.lock for 0\.2 seconds"):
                append_decisions(path, [SKIPPED])
    assert len(read_decisions(path)) == (2 if place == path.name else 1)


@pytest.mark.parametrize("mode", [0o644, 0o664, 0o666, 0o600])
def test_only_who_may_write_may_lock(path, monkeypatch, mode):
    append_decisions(path, [KEPT])
    path.chmod(mode)
    seen, write = [], appending.write_all

    def look(file, content):
        seen.append((path.parent / f".{path.name}.lock").stat().st_mode & 0o777)
        write(file, content)

    monkeypatch.setattr(appending, "write_all", look)
    append_decisions(path, [SKIPPED])
    readers_too = {0o600: 0o600, 0o644: 0o600, 0o664: 0o660, 0o666: 0o666}
    assert seen == [readers_too[mode]]


def test_a_pipe_is_refused_at_once(path):
    os.mkfifo(path)
    with pytest.raises(ValueError, match=r"\[S171\] .*it is no file"):
        append_decisions(path, [KEPT])
    with pytest.raises(ValueError, match="S224"):
        DecisionsFile(path).read()


def test_what_somebody_else_wrote_is_not_passed_over(path):
    file = DecisionsFile(path)
    say(file, KEPT)
    with path.open("a") as other:
        other.write("a letter\n")
    with pytest.raises(ValueError, match=r"\[S170\] .*line 2, is no decision"):
        say(file, SKIPPED)
    assert path.read_text().endswith("a letter\n")

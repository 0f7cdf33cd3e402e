"""Files that are written and read: links, permissions, pipes, other writers, and systems that are not Linux."""

from __future__ import annotations

import gzip
import os
import socket
import stat
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest

from spacy_seginf import inputs
from spacy_seginf.corpora.formats import read_annotated
from spacy_seginf.files import exclusive, write_bytes, write_text

from .cli.running import run

ROOT = Path(__file__).parents[1]
# What the file layer does where there is no fcntl, no renameat2 and no posix_fallocate.
ELSEWHERE = """
import os, sys, warnings
sys.modules["fcntl"] = None
sys.modules["resource"] = None
for name in ("posix_fallocate", "pread", "pwrite", "sysconf"):
    delattr(os, name)
warnings.simplefilter("ignore")  # filelock says that it locks otherwise
from pathlib import Path
import numpy, spacy_seginf, spacy_seginf.cli, spacy_seginf.explanation.influence, spacy_seginf.review.server
from spacy_seginf import folders, machine
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.records import Decision, read_decisions
from spacy_seginf.files import exclusive, replace_folder, write_text
from spacy_seginf.index.shards import create_array
folders._system_call = lambda: None
room = Path(sys.argv[1])
write_text(room / "a.txt", "one"); write_text(room / "a.txt", "two")
assert (room / "a.txt").read_text() == "two"
for name in ("old", "new"):
    (room / name).mkdir(); (room / name / "content").write_text(name)
replace_folder(room / "new", room / "old")
assert (room / "old" / "content").read_text() == "new"
made = Decision("x", "d", 0, 1, ("a",), (), "keep")
for _ in range(3):
    append_decisions(room / "decisions.jsonl", [made])
assert read_decisions(room / "decisions.jsonl") == [made] * 3
with exclusive(room / "building"):
    try:
        with exclusive(room / "building"):
            raise SystemExit("two were in it")
    except ValueError as error:
        assert "[S037]" in str(error)
create_array(room, "numbers", numpy.float32, (3,))[:] = 1
machine.available_memory(Path("/nowhere"), Path("/nowhere"))
print(sorted(path.name for path in room.iterdir()))
"""


def test_without_what_only_unix_has(tmp_path):
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "['a.txt', 'building', 'decisions.jsonl', 'numbers.npy', 'old']" in done.stdout


def test_a_link_is_written_through_and_stays(tmp_path):
    target, link = tmp_path / "there" / "page.html", tmp_path / "page.html"
    target.parent.mkdir()
    link.symlink_to(target)
    for text in ("new", "newer"):  # a link to nothing, too
        write_text(link, text)
        assert link.is_symlink() and target.read_text() == text
    assert list(target.parent.iterdir()) == [target]


def test_links_in_the_place_of_temporary_names_are_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in (".out.html.partial", ".out.html.0.partial"):
        (tmp_path / name).symlink_to(victim)
    write_text(tmp_path / "out.html", "page")
    (tmp_path / ".built-partial").mkdir()
    (tmp_path / ".built-partial" / ".lock").symlink_to(victim)
    with exclusive(tmp_path / ".built-partial"):
        pass
    assert victim.read_text() == "precious" and not (tmp_path / "out.html").is_symlink()


def test_a_folder_that_is_a_link_is_not_built_in(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".out-partial").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=r"\[S226\] .*it is a link"), exclusive(tmp_path / ".out-partial"):
        pass
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_permissions_stay(tmp_path, mode):
    path = tmp_path / "private.jsonl"
    path.write_text("old")
    path.chmod(mode)
    write_text(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == mode and path.read_text() == "new"


def test_new_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("")
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_two_writers_of_one_file(tmp_path):
    path, contents, failed = tmp_path / "same", [bytes([number]) * 200_000 for number in range(4)], []

    def write(content):
        try:
            for _ in range(20):
                write_bytes(path, content)
                assert path.read_bytes() in contents
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and list(tmp_path.iterdir()) == [path]


@pytest.fixture(params=["pipe", "socket", "device"])
def odd(request, tmp_path):
    """Something that is no file."""
    path = tmp_path / "odd"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    return path


def test_what_is_no_file_is_neither_written_nor_read(odd):
    with pytest.raises(ValueError, match=r"\[S224\] .*odd is a .*, not a file\. Name a file"):
        write_text(odd, "x")
    with pytest.raises((ValueError, OSError), match=r"\[S224\]|No such device or address"):
        inputs.read_file(odd)


@pytest.mark.parametrize(
    "arguments",
    [
        ("rank", "PIPELINE", "ODD"),
        ("rank", "PIPELINE", "c.spacy", "-o", "ODD"),
        ("rank", "PIPELINE", "c.spacy", "--decisions", "ODD"),
        ("index", "PIPELINE", "ODD", "out"),
        ("index", "PIPELINE", "c.spacy", "ODD"),
        ("apply", "ODD", "out.spacy", "decisions.jsonl"),
        ("apply", "c.spacy", "out.spacy", "ODD"),
        ("apply", "c.spacy", "ODD", "decisions.jsonl"),
        ("export", "ODD", "out.csv"),
        ("export", "s.jsonl", "ODD", "--force"),
        ("import", "s.jsonl", "ODD", "d.jsonl", "-r", "ann"),
        ("review", "PIPELINE", "--issues", "ODD"),
        ("review", "PIPELINE", "--decisions", "ODD"),
        ("explain", "PIPELINE", "Hello .", "--html", "ODD"),
        ("scores", "PIPELINE", "-o", "ODD"),
        ("evaluate", "PIPELINE", "c.spacy", "out", "-c", "ODD"),
        ("check", "ODD"),
    ],
    ids=" ".join,
)
def test_commands_refuse_a_pipe_at_once(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("ODD")
    code, output = run("seginf", *arguments)
    assert code == 1 and "[S224] ODD is a named pipe" in output


def test_a_pipeline_with_a_pipe_in_it(tmp_path):
    (tmp_path / "model" / "ner").mkdir(parents=True)
    os.mkfifo(tmp_path / "model" / "ner" / "cfg")
    code, output = run("seginf", "explain", tmp_path / "model", "Hello .")
    assert code == 1 and "[S224]" in output and "cfg is a named pipe" in output


@pytest.mark.parametrize("name", ["small.jsonl.gz", "small.spacy"])
def test_small_files_that_become_large(tmp_path, monkeypatch, name):
    path, content = tmp_path / name, b" " * 5_000_000
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else zlib.compress(content))
    monkeypatch.setattr(inputs, "LEAST", 4_000_000)
    with pytest.raises(ValueError, match=r"\[S225\] .*small\..* becomes more than 4,000,000.*SEGINF_UNPACKED_GB"):
        read_annotated(path)
    monkeypatch.setenv("SEGINF_UNPACKED_GB", "0.5")
    if name.endswith(".gz"):
        assert read_annotated(path).documents == []
    else:
        with pytest.raises(ValueError, match="S042"):  # it has no documents
            read_annotated(path)

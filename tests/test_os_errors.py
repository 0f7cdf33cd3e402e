"""What the operating system refuses is said with the file and the next step, by every command."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from spacy_seginf import files
from spacy_seginf.curation.records import write_ranking
from spacy_seginf.files import write_bytes
from spacy_seginf.os_errors import ADVICE, coded_os_errors, os_error_message

from .cli.running import run
from .exchange.making import example, ranking_of


@pytest.fixture
def ranked(tmp_path):
    path = tmp_path / "issues.jsonl"
    write_ranking(path, ranking_of(example()))
    return path


@pytest.mark.parametrize("number", [*ADVICE, errno.ENODEV])
def test_every_refusal_names_the_file_and_a_step(number):
    message = os_error_message(OSError(number, os.strerror(number), "some.file"))
    assert message.startswith("[S245] some.file can't be used: ") and os.strerror(number) in message
    assert message.count(". ") >= 1 and message.endswith(".")


def test_errors_that_name_nothing(tmp_path):
    with (
        pytest.raises(ValueError, match=r"\[S245\] .*here can't be used: No space left"),
        coded_os_errors(Path("here")),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "[S245]" in os_error_message(OSError("no number"))


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a full disk names nothing


def test_a_full_disk_while_a_file_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "write_all", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_bytes(tmp_path / "page.html", b"x")
    assert caught.value.filename == str(tmp_path / "page.html")


@pytest.mark.parametrize("place, error", [("issues.jsonl/tasks.jsonl", "S199"), ("a" * 300 + ".jsonl", "S245")])
def test_places_that_nothing_can_be_written_to(ranked, tmp_path, place, error):
    code, printed = run("seginf", "export", ranked, tmp_path / place, "-f", "jsonl")
    assert code == 1 and f"[{error}]" in printed and "Traceback" not in printed
    assert place.rpartition("/")[2][:50] in printed.replace(" ", "")


def test_a_folder_in_the_place_of_a_ranking(tmp_path):
    code, printed = run("seginf", "export", tmp_path, tmp_path / "tasks.jsonl", "-f", "jsonl")
    assert code == 1 and "[S247]" in printed


def test_links_that_lead_to_themselves(ranked, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    code, printed = run("seginf", "export", ranked, tmp_path / "loop" / "tasks.jsonl", "-f", "jsonl")
    assert code == 1 and "[S245]" in printed and "Traceback" not in printed

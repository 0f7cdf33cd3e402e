"""Appending to a file of decisions, which several processes may do at once: all or none, and on the disk."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from ..disk import sync_folder, write_all
from ..errors import Errors, SeginfError
from ..locks import writing
from ..text_lines import after_last_break
from .records import is_record

BEGINNING = b'{"seginf": "decision"'  # of every line that is appended
BLOCK = 1 << 16  # bytes
WAIT = 5.0  # seconds for another process to finish
TRIES = 20
FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
FLAGS |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a pipe is refused at once


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file for reading and appending, and keep other writers out; made if need be, links are followed.

    RAISES (OSError): if that can't be, or others don't let go of it.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(TRIES):
        file = os.open(path, FLAGS, 0o666)
        try:
            mode = os.fstat(file).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "it is no file")
            with writing(path, stat.S_IMODE(mode), WAIT):
                if _stands_at(file, path):  # and was not moved away before it was locked
                    yield file
                    return
        finally:
            os.close(file)
    raise OSError(errno.EAGAIN, "other programs replace it all the time")


def append(file: int, path: Path, content: bytes, beginning: bytes = BEGINNING) -> None:
    """Append to a file that is ``opened``, and return when it is on the disk. A line that a crash has cut short is cut
    off first. beginning (bytes): of every line. RAISES (OSError): if it can't be written; S170 (ValueError) if it ends
    in something that is no such line.
    """
    ending = _complete(file, path, beginning)
    size = os.fstat(file).st_size
    try:
        write_all(file, ending + content)
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise
    if not size:
        sync_folder(Path(os.path.realpath(path)).parent)
    if not _stands_at(file, path):
        raise OSError(errno.ENOENT, "it was moved or replaced at this moment")


def read_from(file: int, begin: int, end: int) -> bytes:
    """Return bytes of an open file."""
    os.lseek(file, begin, os.SEEK_SET)
    parts = []
    while begin < end and (part := os.read(file, end - begin)):
        parts.append(part)
        begin += len(part)
    return b"".join(parts)


def _stands_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _complete(file: int, path: Path, beginning: bytes) -> bytes:
    """Cut a last line off that was not written in full; return the line break that a full one may lack.

    RAISES (ValueError): S170 if the last line is not even the beginning of a decision: it is somebody else's.
    """
    size = os.fstat(file).st_size
    end, tail = size, b""
    while end and not after_last_break(tail):
        begin = max(0, end - BLOCK)
        tail, end = read_from(file, begin, end) + tail, begin
    tail = tail[after_last_break(tail) :]
    if not tail:
        return b""
    if is_record(tail):
        return b"\n"
    written = tail.rstrip(b"\0")  # a file system may leave zeros where data did not arrive
    if written[: len(beginning)] != beginning[: len(written)]:
        line = 1 + len(read_from(file, 0, size - len(tail)).splitlines())
        problem = "it has no line break, and is no JSON object"
        raise SeginfError(Errors.S170.format(path=path, line=line, what="decision", problem=problem))
    os.ftruncate(file, size - len(tail))
    return b""

"""What may be read: files, none that never end, and no small ones that unpack to what no memory holds."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Iterable, Iterator, Mapping, Optional

from .errors import Errors, SeginfError
from .text_lines import byte_lines

SHARE, LEAST = 100, 1 << 30  # text packs to a tenth, tables to a fiftieth: what becomes more is no corpus
VARIABLE = "SEGINF_UNPACKED_GB"
BLOCK = 1 << 20
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_kind(path: Path, *, folders: bool = False) -> None:
    """Refuse what could be read or written for ever. What does not exist passes, and a link counts as what it names.

    folders (bool): whether a folder will do. RAISES (ValueError): S224.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # it says so itself where it is used
        return
    if not (folders and stat.S_ISDIR(mode)):
        _check_mode(path, mode)


def open_file(path: Path) -> BinaryIO:
    """Open a file to read its bytes. RAISES (OSError): if it can't be opened; S224 (ValueError) if it is a pipe, socket
    or device."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags)  # without waiting for somebody to write to a pipe
    try:
        mode = os.fstat(file).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        _check_mode(path, mode)
        return os.fdopen(file, "rb")
    except BaseException:
        os.close(file)
        raise


def read_file(path: Path) -> bytes:
    """Return the bytes of a file. RAISES: as ``open_file``."""
    with open_file(path) as file:
        return file.read()


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, unpacked if its name ends in .gz.

    RAISES (ValueError): S224 if it is no file, S225 if it becomes too large; OSError, EOFError, zlib.error if it can't
        be read.
    """
    if path.suffix.lower() != ".gz":
        with open_file(path) as file:
            yield from byte_lines(file)
        return
    check_unpacked(path)
    with open_file(path) as file, gzip.open(file) as unpacked:
        yield from byte_lines(unpacked)


def check_unpacked(path: Path) -> None:
    """Unpack a file (.gz, or zlib's as .spacy) and keep nothing of it. What is damaged passes: its reader says so.

    RAISES (ValueError): S224 if it is no file, S225 if it becomes too large.
    """
    with open_file(path) as file:
        limit, size = _limit(path), 0
        blocks = _gzip_blocks(file) if path.suffix.lower() == ".gz" else _zlib_blocks(file)
        with suppress(OSError, EOFError, zlib.error):
            for block in blocks:
                size += len(block)
                if size > limit:
                    packed = path.stat().st_size
                    raise SeginfError(Errors.S225.format(path=path, size=packed, limit=limit, variable=VARIABLE))


def _gzip_blocks(file: BinaryIO) -> Iterator[bytes]:
    with gzip.open(file) as unpacked:
        yield from iter(lambda: unpacked.read(BLOCK), b"")


def _zlib_blocks(file: BinaryIO) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    for packed in iter(lambda: file.read(BLOCK), b""):
        while packed:
            yield unpacker.decompress(packed, BLOCK)
            packed = unpacker.unconsumed_tail


def _limit(path: Path) -> int:
    """Return how many bytes a compressed file may become."""
    try:
        return int(float(os.environ[VARIABLE]) * (1 << 30))
    except (KeyError, ValueError, OverflowError):
        return max(LEAST, SHARE * path.stat().st_size)


def _check_mode(path: Path, mode: int) -> None:
    for matches, kind in KINDS:
        if matches(mode):
            raise SeginfError(Errors.S224.format(path=path, kind=kind))


def refuse_replacing(outputs: Mapping[str, Optional[Path]], inputs: Iterable[Optional[Path]]) -> None:
    """Make sure, before any work, that no output replaces what is read, or another output.

    outputs: by what they are, in words. RAISES (ValueError): S219.
    """
    taken = {Path(path).resolve() for path in inputs if path is not None}
    for what, path in outputs.items():
        if path is None:
            continue
        if Path(path).resolve() in taken:
            raise SeginfError(Errors.S219.format(path=path, problem="is another file of this command", what=what))
        taken.add(Path(path).resolve())

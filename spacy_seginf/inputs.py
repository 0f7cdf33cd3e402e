"""What may be read: files, none that never end, and no small ones that unpack to what no memory holds."""

from __future__ import annotations

import errno
import gzip
import os
import stat
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Iterator, Mapping, Optional, Sequence, Union

from .errors import Errors, SeginfError
from .guesses import near_file
from .text_lines import byte_lines

SHARE, LEAST = 100, 1 << 30  # text packs to a tenth, tables to a fiftieth: what becomes more is no corpus
VARIABLE = "SEGINF_UNPACKED_GB"
BLOCK = 1 << 20
Given = Union[Path, Sequence[Path], None]
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


def check_paths(
    inputs: Mapping[str, Given] = {}, files: Mapping[str, Given] = {}, outputs: Mapping[str, Optional[Path]] = {}
) -> None:
    """Make sure, before any work, that what is read is there, and that what is written can be, and replaces nothing
    that is read.

    inputs: files or folders, by what they are, in words. files: what no folder will do for. outputs: files.
    RAISES (ValueError): S040 for an input that is not there, S247 for a folder in the place of a file, S219 for an
        output that is read or written otherwise too, S262 for one that can't be written.
    """
    taken = set()
    for what, given in [*inputs.items(), *files.items()]:
        for path in [given] if isinstance(given, (str, Path)) else given or ():
            check_there(Path(path), what)
            if what in files and Path(path).is_dir():
                raise SeginfError(Errors.S247.format(path=path))
            taken.add(Path(path).resolve())
    for what, output in outputs.items():
        if output is None:
            continue
        if Path(output).resolve() in taken:
            raise SeginfError(Errors.S219.format(path=output, problem="is another file of this command", what=what))
        taken.add(Path(output).resolve())
        problem = "it is a folder" if Path(output).is_dir() else unwritable(Path(output))
        if problem:
            raise SeginfError(Errors.S262.format(path=output, problem=problem, what=what))


def check_there(path: Path, what: str) -> None:
    """RAISES (ValueError): S040 if there is nothing at a path, with the name that may be meant."""
    if not path.exists():
        raise SeginfError(Errors.S040.format(what=what, path=f"{path}{near_file(path)}"))


def unwritable(path: Path) -> str:
    """Say why nothing can be written to a path whose folders may be made first; the empty string if it can."""
    above = next(folder for folder in path.absolute().parents if folder.exists() or folder == folder.parent)
    if not above.is_dir():
        return f"{above} is no folder"
    return "" if os.access(above, os.W_OK | os.X_OK) else f"nothing may be written to {above}"

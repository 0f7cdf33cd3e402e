"""What the operating system refuses, said as all other errors are: which file, why, and what to do."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

from .errors import Errors, SeginfError

ADVICE = {
    errno.ENOSPC: "Free some space, or name a place on another disk, and run the command again.",
    errno.EDQUOT: "Free some of your quota, or name a place on another disk, and run the command again.",
    errno.EROFS: "Name a place that can be written to.",
    errno.EACCES: "Change its permissions, or name another place.",
    errno.EPERM: "Change its permissions, or name another place.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENOTDIR: "A part of this path is a file; name another place.",
    errno.EEXIST: "Name another place, or move away what is there.",
    errno.ENAMETOOLONG: "Use a shorter name.",
    errno.ENOENT: "Check the path.",
    errno.ELOOP: "It is a link that leads to itself; name the file itself.",
    errno.EMFILE: "Allow more open files (ulimit -n).",
    errno.EIO: "The disk may be damaged; try another one.",
}


@contextmanager
def coded_os_errors(path: Optional[Path] = None) -> Iterator[None]:
    """Say in words what the operating system refused. RAISES (ValueError): S245 for an OSError.

    path (Path): what was worked on, where the error itself names nothing, as when a disk is full.
    """
    try:
        yield
    except OSError as error:
        raise SeginfError(os_error_message(error, path)) from None


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let errors of the operating system name a file: that of a full disk names none, others a temporary neighbour."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            error.filename, error.filename2 = str(path), None
        raise


def os_error_message(error: OSError, path: Optional[Path] = None) -> str:
    """Return the message (S245) of an error."""
    named = error.filename2 or error.filename or path
    if isinstance(named, int):  # a descriptor says nothing to anyone
        named = path
    if isinstance(named, bytes):
        named = os.fsdecode(named)
    problem = error.strerror or str(error) or type(error).__name__
    advice = ADVICE.get(error.errno or 0, "Check the path, its permissions and the space left, and try again.")
    return Errors.S245.format(path=named or "A file or connection", problem=problem, advice=advice)

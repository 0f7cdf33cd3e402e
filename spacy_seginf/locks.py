"""Keeping other processes out. A lock ends with its process at the latest, and follows no link."""

from __future__ import annotations

import errno
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

from filelock import FileLock, Timeout

from .errors import Errors, SeginfError


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder, which is made if need be.

    RAISES (ValueError): S037 if another one is there, S226 if the folder is a link, or can't be locked.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / ".lock"
    lock = FileLock(place, timeout=0)
    try:
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "it is a link")
        if place.is_symlink():  # none of ours
            place.unlink()
        lock.acquire()
    except Timeout:
        raise SeginfError(Errors.S037.format(path=folder)) from None
    except OSError as error:
        raise SeginfError(Errors.S226.format(path=folder, problem=error.strerror or error)) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def writing(path: Path, mode: int, seconds: float) -> Iterator[None]:
    """Keep out others who write to a file. The lock is a file of its own beside it, which only those may open who may
    write to the file itself: others, who can read it, can't hold anybody up.

    path (Path): no link. mode (int): permissions of the file. seconds (float): how long to wait.
    RAISES (OSError): if the lock is held for longer, or can't be made.
    """
    own = 0o600 | (0o060 if mode & 0o020 else 0) | (0o006 if mode & 0o002 else 0)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=seconds, mode=own)
    try:
        lock.acquire()
    except Timeout:
        raise OSError(errno.EAGAIN, f"another program has held {lock.lock_file} for {seconds:g} seconds") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file
            Path(lock.lock_file).unlink()  # who waits for it sees that it is gone, and makes another
        lock.release()


def mark_used(file: int) -> bool:
    """Mark an open file as in use until it is closed; False if somebody else did. Systems without such marks remove no
    file that is open."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True

"""Putting a finished folder in the place of another, so that one of the two is there at any moment.

Linux swaps two folders in one step. Where that can't be, the old folder is renamed first: who is killed between has
left it beside, under a name by which ``recover_folder`` finds it.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Optional

from .disk import sync_folder
from .errors import Errors, SeginfError

EXCHANGE = 2  # RENAME_EXCHANGE of Linux
HERE = -100  # AT_FDCWD
UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)
REFUSED = (errno.EACCES, errno.EPERM, errno.EBUSY)


def replace_folder(new: Path, target: Path) -> None:
    """Put a finished folder in the place of another, which goes last, or of a link, but not of what the link names.

    RAISES (ValueError): S227 if the other one is in use or may not be moved; the finished one is kept beside it.
    """
    recover_folder(target)
    try:
        if not os.path.lexists(target):
            new.rename(target)
        elif exchange(new, target):
            _remove(new)
        else:
            old = _aside(target)
            _remove(old)
            target.rename(old)
            try:
                new.rename(target)
            except OSError:
                old.rename(target)
                raise
            _remove(old)
    except OSError as error:
        if error.errno not in REFUSED or not new.exists():
            raise
        kept = target.with_name(f"{target.name}-{secrets.token_hex(4)}-new")
        new.rename(kept)
        problem = error.strerror or error
        raise SeginfError(Errors.S227.format(target=target, kept=kept, problem=problem)) from None
    sync_folder(target.parent)


def recover_folder(target: Path) -> bool:
    """Put a folder back that was renamed by a command which was killed before the new one was there.

    RETURNS (bool): whether it was.
    """
    if os.path.lexists(target) or not _aside(target).exists():
        return False
    _aside(target).rename(target)
    return True


def exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False if the system can't. RAISES (OSError): if it could, and did not."""
    call = _system_call()
    if call is None or call(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0:
        return call is not None
    import ctypes

    problem = ctypes.get_errno()
    if problem in UNSUPPORTED:
        return False
    raise OSError(problem, os.strerror(problem), str(other))


@cache
def _system_call() -> Optional[Any]:
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError, TypeError):  # not Linux, or a C library of before 2018
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return call


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.seginf-old")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        path.unlink()

"""Writing that leaves either the old or the new on disk, never half of it."""

from __future__ import annotations

import fcntl
import json
import math
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Optional

from .errors import Errors
from .os_errors import naming


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file as ``write_bytes`` does. What UTF-8 can't hold (lone surrogates) is escaped."""
    write_bytes(path, text.encode("utf8", errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file through a temporary neighbour."""
    with naming(path):
        _write_through_partial(path, content)


def _write_through_partial(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def json_text(value: Any, indent: Optional[int] = None) -> str:
    """Write plain values as JSON that every program reads: numbers that are not finite, which it does not have, become
    null."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value


def replace_folder(new: Path, target: Path) -> None:
    """Put a finished folder in the place of another; the old one is removed only after the new one is there."""
    if not target.exists():
        new.replace(target)
        return
    old = target.with_name(f".{target.name}-{os.getpid()}-old")
    target.replace(old)
    try:
        new.replace(target)
    except OSError:
        old.replace(target)
        raise
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink()


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder, which is made if need be. The lock ends with this process at the latest.

    RAISES (ValueError): S037 if another one is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(Errors.S037.format(path=folder)) from None
        yield

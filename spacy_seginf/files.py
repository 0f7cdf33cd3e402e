"""Writing that leaves either the old or the new on disk, never half of it."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Mapping, Optional

from .disk import sync_folder, write_all
from .folders import recover_folder, replace_folder
from .inputs import check_kind
from .locks import exclusive, mark_used
from .os_errors import naming

__all__ = ["exclusive", "json_text", "recover_folder", "replace_folder", "write_bytes", "write_copy", "write_text"]

NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
NEW |= getattr(os, "O_BINARY", 0)
OLD = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file as ``write_bytes`` does. What UTF-8 can't hold (lone surrogates) is escaped."""
    write_bytes(path, text.encode("utf8", errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file through a temporary neighbour. A link stays one: the file that it names is written. Permissions of
    a file that was there stay. RAISES (ValueError): S224 for what is no file; OSError, with its name, if it can't be
    written.
    """
    check_kind(path, folders=True)  # a folder can't be replaced by a file
    with naming(path):
        _write_through_partial(Path(os.path.realpath(path)), content)


def _write_through_partial(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    while True:
        partial = _write_partial(target, content)
        try:
            partial.replace(target)
            break
        except FileNotFoundError:  # in the moment after it was closed, another writer took it for a leftover
            continue
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
    sync_folder(target.parent)


def write_copy(folder: Path, target: Path, contents: Mapping[Path, bytes]) -> None:
    """Copy a folder, with some files (by their paths in it) of other contents. The copy appears when it is complete.

    RAISES (OSError): if it can't be written.
    """
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
        try:
            shutil.copytree(folder, partial, symlinks=True)
            for path, content in contents.items():
                (partial / path).unlink()
                write_bytes(partial / path, content)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync_folder(target.parent)


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


def _write_partial(target: Path, content: bytes) -> Path:
    """Write a neighbour of a name that nobody can know, and that is nobody else's."""
    mode = _mode_of(target)
    while True:
        partial = target.with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
        file = os.open(partial, NEW, 0o666 if mode is None else 0o600)
        try:
            if not mark_used(file):
                continue
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file, mode)
            write_all(file, content)
            os.fsync(file)
            return partial
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise
        finally:
            os.close(file)


def _mode_of(target: Path) -> Optional[int]:
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        return None


def _remove_leftovers(target: Path) -> None:
    """Remove neighbours that writers left who were killed; nobody has them open any more."""
    for path in target.parent.iterdir():
        if path.name.startswith(f".{target.name}.") and path.name.endswith(".partial"):
            with suppress(OSError):
                file = os.open(path, OLD)
                try:
                    unused = mark_used(file)
                finally:
                    os.close(file)
                if unused:
                    path.unlink()

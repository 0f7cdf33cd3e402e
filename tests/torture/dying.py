"""Operations that are killed after their n-th change of the file system, in a process of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Callable, Iterator

from spacy_seginf import folders

CHANGES = ("chmod", "fchmod", "fsync", "ftruncate", "link", "mkdir", "rename", "replace", "rmdir", "unlink", "write")
FAILED = 3


class Countdown:
    """Lets this process die after so many changes. torn (bool): the last one, if it writes, writes only half."""

    def __init__(self, changes: int, *, torn: bool = False) -> None:
        self.left, self.torn = changes, torn

    def wrap(self) -> None:
        for name in CHANGES:
            setattr(os, name, self._dying(getattr(os, name)))
        os.open = self._opening(os.open)  # type: ignore[assignment]
        folders.exchange = self._dying(folders.exchange)

    def _dying(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **settings: Any) -> Any:
            if self.torn and self.left == 1 and real.__name__ == "write":
                arguments = (arguments[0], arguments[1][: len(arguments[1]) // 2])
            try:
                return real(*arguments, **settings)
            finally:
                self._count()

        return change

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def open_file(path: Any, flags: int, *arguments: Any, **settings: Any) -> Any:
            file = real(path, flags, *arguments, **settings)
            if flags & os.O_CREAT:
                self._count()
            return file

        return open_file

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def dies(operation: Callable[[], Any], changes: int, *, torn: bool = False) -> bool:
    """Run an operation in a child that is killed after so many changes; return whether that was before it ended.

    RAISES (AssertionError): if it failed by itself.
    """
    child = os.fork()
    if child == 0:
        code = FAILED
        try:
            Countdown(changes, torn=torn).wrap()
            operation()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"it failed after {changes} changes"
    return os.WIFSIGNALED(status)


def deaths(
    operation: Callable[[], Any], prepare: Callable[[], Any], *, torn: bool = False, most: int = 1000
) -> Iterator[int]:
    """Prepare, run and kill after 1, 2, ... changes until the operation comes to its end; yield after each death."""
    for changes in range(1, most):
        prepare()
        if not dies(operation, changes, torn=torn):
            return
        yield changes
    raise AssertionError(f"it makes more than {most} changes")


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

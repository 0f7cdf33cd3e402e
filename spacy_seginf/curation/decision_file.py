"""A file of decisions as one of its writers knows it, while others may write to it or take it away."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Callable, Optional, Sequence

from ..errors import Errors, SeginfError
from ..inputs import open_file
from ..text_lines import after_last_break
from .appending import append, opened, read_from
from .records import Decision, decision_line, is_record, parse_decisions

END = 4096  # bytes


class DecisionsFile:
    """A file that is appended to, and read again where others have appended.

    What was read or saved is not forgotten: if the file is moved away, removed, replaced or cut, the lines that it
    lacks are written again with the next ones.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: list[bytes] = []  # lines
        self._missing: list[bytes] = []  # those that are not in the file any more
        self._stamp: Optional[tuple[int, ...]] = None  # of the file as it was
        self._size = self._lines = 0  # how much of it is known
        self._end = b""  # the last bytes of that

    def read(self) -> list[Decision]:
        """Return what is in the file, if there is one, and was not read before. A last line that is not complete is
        left out. RAISES (ValueError): S170 if a line is no decision, S183 or S224 if it can't be read."""
        try:
            with open_file(self.path) as file:
                return self._learn(file.fileno())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SeginfError(Errors.S183.format(path=self.path, problem=error.strerror or error)) from None

    def news(self) -> list[Decision]:
        """The same while nobody is writing, so that nothing is read that is taken back. RAISES (OSError): if the file
        can't be locked."""
        if not self.has_changed():
            return []
        with opened(self.path) as file:
            return self._learn(file)

    def exchange(self, answer: Callable[[list[Decision]], Sequence[Decision]]) -> None:
        """Append decisions, all or none, and return when they are on the disk.

        answer (Callable): takes what others have appended, and returns what is to be appended.
        RAISES (ValueError): S171 if the file can't be written, S170 if a line of it is no decision; those of answer.
        """
        try:
            with opened(self.path) as file:
                lines = [_line(decision) for decision in answer(self._learn(file))]
                if self._missing or lines:
                    content = b"".join(line + b"\n" for line in (*self._missing, *lines))
                    append(file, self.path, content)
                    self._known += lines
                    self._lines += len(self._missing) + len(lines)
                    self._missing = []
                    self._remember(file, os.fstat(file).st_size, content)
        except OSError as error:
            raise SeginfError(Errors.S171.format(path=self.path, problem=error.strerror or error)) from None

    def has_changed(self) -> bool:
        """Tell whether there is a file with something new in it, or another one. None is no change."""
        try:
            return _stamp(self.path.stat()) != self._stamp
        except OSError:
            return False

    def is_complete(self) -> bool:
        """Tell whether the file is there that was read and written, and was not cut."""
        try:
            with open_file(self.path) as file:
                return self._goes_on(file.fileno()) and not self._missing
        except OSError:
            return not self._known

    def _learn(self, file: int) -> list[Decision]:
        grown = self._goes_on(file) and not self._missing  # else another writer may have put back what is missing
        start, first = (self._size, self._lines + 1) if grown else (0, 1)
        content = read_from(file, start, os.fstat(file).st_size)
        end = after_last_break(content)
        whole = content if is_record(content[end:]) else content[:end]
        lines = whole.splitlines()  # of bytes: at the line breaks of all readers, and at no others
        found = list(zip((line for line in lines if line.strip()), parse_decisions(self.path, lines, first)))
        if not grown:
            self._end = b""
            there, known = Counter(line for line, _ in found), Counter(self._known)
            self._missing = [line for line in self._known if not _took(there, line)]
            found = [one for one in found if not _took(known, one[0])]
        self._known += [line for line, _ in found]
        self._remember(file, start + len(whole), whole)
        self._lines = first - 1 + len(lines)
        return [decision for _, decision in found]

    def _remember(self, file: int, size: int, read: bytes) -> None:
        self._stamp, self._size = _stamp(os.fstat(file)), size
        self._end = (self._end + read)[-END:]

    def _goes_on(self, file: int) -> bool:
        """Tell whether an open file is the one that is known, with nothing less. Numbers of files are used again."""
        same = self._stamp is not None and _stamp(os.fstat(file))[:2] == self._stamp[:2]
        return same and read_from(file, self._size - len(self._end), self._size) == self._end


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _line(decision: Decision) -> bytes:
    return decision_line(decision).encode("utf8", "backslashreplace").rstrip(b"\n")


def _took(counts: Counter[bytes], line: bytes) -> bool:
    """Take one of equal lines away, if one is left."""
    if not counts[line]:
        return False
    counts[line] -= 1
    return True

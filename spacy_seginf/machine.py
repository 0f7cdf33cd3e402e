"""How much memory this process may still take, and what is said when it is not enough."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

from .errors import Errors, SeginfError

UNLIMITED = 1 << 60  # bytes; control groups without a limit report numbers above
# Limit, usage, and the line of memory.stat that says how much of the usage files take that can be dropped.
CONTROL_GROUPS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


def available_memory(proc: Path = Path("/proc"), control_groups: Path = Path("/sys/fs/cgroup")) -> Optional[int]:
    """Return how many bytes this process may still take: of the machine's, of its control group's, and of its own limit
    (ulimit -v); None if nothing tells."""
    found = [_of_machine(proc), _of_process(proc), *(_of_group(control_groups, *names) for names in CONTROL_GROUPS)]
    known = [size for size in found if size is not None]
    return max(min(known), 0) if known else None


def _of_machine(proc: Path) -> Optional[int]:
    lines = _lines(proc / "meminfo")
    if "MemAvailable:" in lines:
        return int(lines["MemAvailable:"]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # Windows has no sysconf
        return None


def _of_process(proc: Path) -> Optional[int]:
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int((proc / "self" / "statm").read_text().split()[0])
        return limit - pages * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError, IndexError):
        return None


def _of_group(folder: Path, limit: str, usage: str, dropped: str) -> Optional[int]:
    try:
        most = int((folder / limit).read_text())
        if most >= UNLIMITED:
            return None
        files = int(_lines((folder / usage).with_name("memory.stat")).get(dropped, 0))
        return most - int((folder / usage).read_text()) + files
    except (OSError, ValueError):  # no such group, or "max"
        return None


def _lines(path: Path) -> dict[str, str]:
    """Read the first two words of each line."""
    try:
        words = (line.split() for line in path.read_text().splitlines())
        return {line[0]: line[1] for line in words if len(line) > 1}
    except OSError:
        return {}


@contextmanager
def coded_memory_errors() -> Iterator[None]:
    """Say in words that memory was not enough; may decorate a function. RAISES (ValueError): S223 for a MemoryError."""
    try:
        yield
    except MemoryError as error:
        detail = str(error).rstrip(".") or "no detail is known"
        raise SeginfError(Errors.S223.format(detail=detail)) from None

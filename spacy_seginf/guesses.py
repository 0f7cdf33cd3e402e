"""What somebody may have meant who mistyped a label, an option's value or a path."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Iterable


def one_of(known: Iterable[str], given: str) -> str:
    """List what may be given, and ask for what is most like that which was, whatever its case."""
    names = list(known)
    folded = {name.casefold(): name for name in names}
    near = get_close_matches(str(given).casefold(), folded, 1)
    return (", ".join(names) or "none") + (f" (did you mean '{folded[near[0]]}'?)" if near else "")


def near_file(path: Path) -> str:
    """Ask for the file beside a missing one whose name is most like it; the empty string if none is."""
    with suppress(OSError):
        near = get_close_matches(path.name, [one.name for one in path.parent.iterdir()], 1)
        if near:
            return f" (is {near[0]} meant?)"
    return ""

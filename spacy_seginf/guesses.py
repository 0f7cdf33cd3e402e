"""What somebody may have meant who mistyped a label, an option's value or a path."""

from __future__ import annotations

from contextlib import suppress
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Iterable

NEAR = 0.75  # of two spellings, from where on one may be a slip for the other


def one_of(known: Iterable[str], given: str) -> str:
    """List what may be given, and ask for what is most like that which was, whatever its case, if it is near."""
    names, asked = list(known), str(given).casefold()
    folded = {name.casefold(): name for name in names}
    near = next((one for one in get_close_matches(asked, folded, len(folded) or 1) if _may_be(asked, one)), None)
    return (", ".join(names) or "none") + ("" if near is None else f" (did you mean '{folded[near]}'?)")


def _may_be(given: str, known: str) -> bool:
    """Is it a slip for a known name? Of three letters, two are soon the same."""
    alike = given[:1] == known[:1] or sorted(given) == sorted(known)
    return alike or SequenceMatcher(None, given, known).ratio() >= NEAR


def near_file(path: Path) -> str:
    """Ask for the file beside a missing one whose name is most like it; the empty string if none is."""
    with suppress(OSError):
        near = get_close_matches(path.name, [one.name for one in path.parent.iterdir()], 1)
        if near:
            return f" (is {near[0]} meant?)"
    return ""

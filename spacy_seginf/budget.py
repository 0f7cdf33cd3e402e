"""How much is worked on at once. Arrays with a number for each label, each pair of labels or each parameter grow with
the label set, so what goes into one of them is counted in numbers and not in tokens."""

from __future__ import annotations

NUMBERS = 1 << 22  # in one working array: 32 MB in float64; some ten of them are needed at a time
DENSE_LABELS = 40  # beyond so many, matrices over pairs of labels are kept in factors, or by their large entries


def at_once(numbers: int, most: int) -> int:
    """Return how many things of so many numbers each are worked on together: at most ``most``, at least one."""
    return max(1, min(most, NUMBERS // max(numbers, 1)))
